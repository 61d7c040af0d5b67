"""A rule set checked as when it is saved: every mistake at once, each with its place and how to mend it.

The rules' own tests are part of the check: a rule set whose tests fail is not fit to be published.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from veilleur.domain.rules.catalogue_view import Catalogue
from veilleur.domain.rules.check_clauses import check_clauses
from veilleur.domain.rules.check_conditions import check_conditions
from veilleur.domain.rules.check_patterns import check_patterns
from veilleur.domain.rules.check_reach import check_reach
from veilleur.domain.rules.check_references import check_references
from veilleur.domain.rules.compile import CompiledRule, CompiledRuleSet, compile_rule_set
from veilleur.domain.rules.document import Path, RuleSet, RuleTest, digest_document, list_leaves
from veilleur.domain.rules.expressions import read_expression
from veilleur.domain.rules.facts import NOTHING, ItemFacts, item_facts, lay_over
from veilleur.domain.rules.findings import MAX_FINDINGS, Finding, Mistake, write_path
from veilleur.domain.rules.language import read_rule_set
from veilleur.domain.rules.lists import SharedLists
from veilleur.domain.rules.locating import locate_mistakes
from veilleur.domain.rules.logic import pack_answers, resolve_gate
from veilleur.domain.rules.readings import answer_required, take_readings
from veilleur.domain.rules.schema import split_call
from veilleur.domain.rules.source import read_source
from veilleur.domain.rules.trimming import trim_phrases
from veilleur.kernel.errors import Invalid
from veilleur.kernel.messages import msg

TEST_INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
"""When a rule's own tests take place."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`rule_set` and `digest` are None exactly when there are errors."""

    rule_set: RuleSet | None
    digest: str | None
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def check_rule_set(
    source: object, catalogue: Catalogue | None = None, shared: SharedLists | None = None
) -> CheckResult:
    """Never raises for JSON values or text. Without a catalogue, what a rule set decides is not looked up.

    `shared` are the agency's lists by code, those at least that the rule set refers to.
    """
    try:
        read = read_source(source)
    except Invalid as problem:
        return CheckResult(None, None, tuple(_to_findings(problem)), ())
    rule_set, mistakes = read_rule_set(read, shared)
    mistakes += check_patterns(rule_set)
    mistakes += check_conditions(rule_set)
    mistakes += check_references(rule_set, catalogue)
    mistakes += check_clauses(rule_set, catalogue)
    mistakes += _find_unused(rule_set)
    mistakes += check_reach(rule_set)
    if all(mistake.level == "warning" for mistake in mistakes):
        mistakes += run_tests(rule_set, catalogue.gathered if catalogue else {})
    findings = locate_mistakes(read, mistakes[:MAX_FINDINGS])
    errors = tuple(finding for finding in findings if finding.level == "error")
    return CheckResult(
        rule_set=None if errors else rule_set,
        digest=None if errors else digest_document(rule_set.document),
        errors=errors,
        warnings=tuple(finding for finding in findings if finding.level == "warning"),
    )


def run_tests(rule_set: RuleSet, gathered: Mapping[str, object] = NOTHING) -> list[Mistake]:
    """The rules' own tests, of drafts too: a mistake for each whose rule does otherwise than it says."""
    trials = {
        test.path: lay_over(item_facts(test.item, TEST_INSTANT, gathered), test.facts)
        for rule in rule_set.rules
        for test in rule.tests
    }
    if not trials:
        return []
    trimmed = trim_phrases(rule_set, [facts.keys for facts in trials.values()])
    compiled = compile_rule_set(trimmed, drafts=True)
    mistakes: list[Mistake] = []
    for rule in compiled.rules:
        for test in rule.rule.tests:
            mistakes += _run_test(compiled, rule, test, trials[test.path])
    return mistakes


def _run_test(compiled: CompiledRuleSet, rule: CompiledRule, test: RuleTest, facts: ItemFacts) -> Iterator[Mistake]:
    readings = take_readings(compiled, facts)
    known = compiled.program.evaluate(readings.values, readings.unknown)
    answers = pack_answers([*known, *answer_required(compiled, readings)])
    fires = resolve_gate(rule.gate, answers) is True
    if fires is test.fires:
        return
    message = (
        msg("the rule was expected to fire and does not")
        if test.fires
        else msg("the rule was expected not to fire and does")
    )
    told = [leaf for leaf in rule.leaves if bool(answers.true >> leaf & 1) is fires]
    conditions = [compiled.conditions[leaf].source for leaf in told]
    hint = (
        msg("true here: {conditions}", conditions=conditions)
        if fires
        else msg("not true here: {conditions}", conditions=conditions)
    )
    yield Mistake(test.path, message, hint, "test-failed")


def _find_unused(rule_set: RuleSet) -> list[Mistake]:
    leaves = [leaf for rule in rule_set.rules for leaf in list_leaves(rule.when)]
    leaves += [counter.where for counter in rule_set.counters if counter.where is not None]
    read = [read_expression(leaf.expression) for leaf in leaves]
    called = {(call.function, call.argument) for expression in read for call in expression.calls}
    called |= {call for rule in rule_set.rules for name in rule.requires if (call := split_call(name)) is not None}
    params = {name for expression in read for name in expression.params}
    unused: list[Path] = [
        *(("lists", phrases.name) for phrases in rule_set.phrases if ("hits", phrases.name) not in called),
        *(("lists", domains.name) for domains in rule_set.domains if ("linked", domains.name) not in called),
        *(("lists", hashes.name) for hashes in rule_set.hashes if ("media", hashes.name) not in called),
        *(("counters", counter.name) for counter in rule_set.counters if ("counter", counter.name) not in called),
        *(("patterns", name) for name in rule_set.patterns if ("pattern", name) not in called),
        *(("params", name) for name in rule_set.params if name not in params),
    ]
    return [
        Mistake(path, msg("{name} is not used by any rule", name=path[-1]), None, "unused", "warning", at_key=True)
        for path in unused
    ]


def _to_findings(problem: Invalid) -> Iterator[Finding]:
    for error in problem.errors:
        yield Finding(
            path=write_path(_read_pointer(error.pointer), None),
            pointer=error.pointer,
            line=error.line,
            column=error.column,
            message=error.detail,
            hint=error.hint,
            slug=problem.slug,
            level="error",
        )


def _read_pointer(pointer: str) -> Path:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    return tuple(int(step) if step.isdecimal() else step for step in steps)
