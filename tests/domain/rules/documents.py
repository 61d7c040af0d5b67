"""Rule sets for tests, as short as they can be."""

from datetime import UTC, datetime

from veilleur.domain.rules.catalogue_view import ActionSpec, Catalogue
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.evaluate import evaluate
from veilleur.domain.rules.facts import item_facts

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

HIDE = {"verdict": "restrict", "actions": [{"code": "hide", "target": "item"}], "policies": ["insult"]}
ESCALATE = {"escalate": {"queue": "default"}}

CATALOGUE = Catalogue(
    policies=frozenset({"insult", "spam", "hate"}),
    actions={
        "hide": ActionSpec("restrict", frozenset({"item"})),
        "remove": ActionSpec("remove", frozenset({"item"})),
        "warn": ActionSpec("allow", frozenset({"author"})),
        "suspend": ActionSpec("restrict", frozenset({"author"}), needs_until=True),
    },
    queues=frozenset({"default", "french-n2"}),
)


def document(*rules, **parts):
    return {"format": "veilleur.rules/v1", "name": "test", **parts, "rules": list(rules)}


def rule(when, then=HIDE, id="r", **parts):  # noqa: A002
    return {"id": id, "mode": "live", "severity": 50, "when": when, "then": then, **parts}


def compiled(source, *, drafts=False):
    checked = check_rule_set(source)
    assert not checked.errors, [str(error.message) for error in checked.errors]
    return compile_rule_set(checked.rule_set, drafts=drafts)


def evaluate_text(source, text, **item):
    return evaluate(compiled(source), item_facts({"external_id": "x", "text": text, **item}, NOW))


def found(source, text, **item):
    """What the matched rules were found by, as written."""
    evaluation = evaluate_text(source, text, **item)
    return [text[start:end] for match in evaluation.matched for start, end in match.spans]


def errors(source, catalogue=None):
    """Every error as `(path, line, column, slug, message, hint)`."""
    return [
        (error.path, error.line, error.column, error.slug, str(error.message), str(error.hint) if error.hint else None)
        for error in check_rule_set(source, catalogue).errors
    ]


def warnings(source):
    return [(warning.path, str(warning.message)) for warning in check_rule_set(source).warnings]
