"""The rule language, format `veilleur.rules/v1`: from a document to a `RuleSet`.

A document is an object (JSON) or a text of YAML 1.2 or JSON:

    format, name, title, schema, decision   what it is
    fallback                                what happens to an item no live rule decides (default: allow)
    lists, patterns, counters, params       what conditions refer to
    rules                                   in order: id, title, mode, severity, requires, when, then, on_unknown,
                                            daily_cap, expires_at, tests

Every mistake is found, not only the first.
"""

from collections.abc import Sequence

from veilleur.domain.rules.clauses import read_clause, read_rule
from veilleur.domain.rules.counters import read_counters
from veilleur.domain.rules.document import FORMAT, MAX_RULES, SCHEMA, Clause, DecideClause, Rule, RuleSet
from veilleur.domain.rules.findings import Finding, Level, Mistake
from veilleur.domain.rules.lists import NO_LISTS, SharedLists, read_lists
from veilleur.domain.rules.locating import locate_mistakes
from veilleur.domain.rules.reading import Place, read_choice, read_fields, read_items, read_name, read_text
from veilleur.domain.rules.sections import read_params, read_patterns
from veilleur.domain.rules.source import Source, read_source
from veilleur.kernel.errors import Invalid
from veilleur.kernel.messages import msg


def parse_rule_set(source: object, shared: SharedLists | None = None) -> RuleSet:
    """The rule set, checked in shape only; `Invalid` lists everything that is wrong with it, and where.

    `shared` are the agency's lists by code, those at least that the rule set refers to.
    """
    read = read_source(source)
    rule_set, mistakes = read_rule_set(read, shared)
    if mistakes:
        raise refuse_rule_set(locate_mistakes(read, mistakes))
    return rule_set


def read_rule_set(source: Source, shared: SharedLists | None = None) -> tuple[RuleSet, list[Mistake]]:
    """As much of the rule set as can be read, and what is wrong with its shape."""
    mistakes: list[Mistake] = []
    place = Place(source.value, (), mistakes)
    fields = read_fields(place, _FIELDS, required=["format", "rules"])
    _read_header(fields)
    name = read_name(fields["name"]) if "name" in fields else None
    title = read_text(fields["title"], 200, empty=True) if "title" in fields else None
    lists = read_lists(fields["lists"], shared or {}) if "lists" in fields else NO_LISTS
    rule_set = RuleSet(
        name=name or "rules",
        title=title or "",
        fallback=_read_fallback(fields),
        phrases=lists.phrases,
        domains=lists.domains,
        hashes=lists.hashes,
        counters=read_counters(fields["counters"]) if "counters" in fields else (),
        patterns=read_patterns(fields["patterns"]) if "patterns" in fields else {},
        params=read_params(fields["params"]) if "params" in fields else {},
        rules=_read_rules(fields["rules"]) if "rules" in fields else (),
        document=source.value if isinstance(source.value, dict) else {},
        shared=lists.shared,
    )
    return rule_set, mistakes


def refuse_rule_set(findings: Sequence[Finding]) -> Invalid:
    """The problem that carries the errors among the findings."""
    wanted: Level = "error"
    errors = [finding.as_input_error() for finding in findings if finding.level == wanted]
    return Invalid(msg("The rule set has mistakes"), slug="invalid-rule-set", errors=errors)


_FIELDS = (
    "format", "name", "title", "fallback", "decision", "schema", "lists", "patterns", "counters", "params", "rules",
)  # fmt: skip


def _read_header(fields: dict[str, Place]) -> None:
    """What has only one value so far, so that a later format can have others."""
    for name, value in (("format", FORMAT), ("schema", SCHEMA), ("decision", "highest_severity")):
        if name in fields:
            read_choice(fields[name], [value])


def _read_fallback(fields: dict[str, Place]) -> Clause:
    clause = read_clause(fields["fallback"]) if "fallback" in fields else None
    if isinstance(clause, DecideClause) and (clause.verdict != "allow" or clause.actions):
        fields["fallback"].complain(
            msg("must allow or escalate: what nothing was found in can't be acted on"), slug="fallback"
        )
    return clause or DecideClause("allow", (), (), ("fallback",))


def _read_rules(place: Place) -> tuple[Rule, ...]:
    rules = [rule for item in read_items(place, MAX_RULES) if (rule := read_rule(item)) is not None]
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            Place(rule.id, (*rule.path, "id"), place.mistakes).complain(
                msg("another rule is called {id}", id=rule.id), slug="duplicate"
            )
        seen.add(rule.id)
    return tuple(rules)
