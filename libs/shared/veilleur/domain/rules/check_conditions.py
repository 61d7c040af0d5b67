"""Conditions checked against the schema and the names of the rule set, in words its authors understand."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from veilleur.domain.rules.cel_engine import CelEngine
from veilleur.domain.rules.document import Leaf, Param, RuleSet, list_leaves
from veilleur.domain.rules.engine import NOT_A_CONDITION, ConditionEngine, EngineError
from veilleur.domain.rules.expressions import Expression, read_expression
from veilleur.domain.rules.findings import Mistake, suggest_name
from veilleur.domain.rules.schema import FIELDS, FUNCTIONS, FieldType, type_field
from veilleur.kernel.messages import Message, msg

MAX_TEXT_READS = 2_000
"""How often all conditions together may go through a text: a search through 50,000 characters takes up to 0.2 ms."""

MAX_LEAVES = 5_000


def check_conditions(rule_set: RuleSet, engine: ConditionEngine | None = None) -> list[Mistake]:
    """Every mistake of every condition, with its line and column inside the condition."""
    leaves = [leaf for rule in rule_set.rules for leaf in list_leaves(rule.when)]
    leaves += [counter.where for counter in rule_set.counters if counter.where is not None]
    if len(leaves) > MAX_LEAVES:
        message = msg(
            "the rules have {count} conditions; at most {limit} are allowed", count=len(leaves), limit=MAX_LEAVES
        )
        return [Mistake(("rules",), message, slug="too-many")]
    read = {leaf.expression: read_expression(leaf.expression) for leaf in leaves}
    fields = {field for expression in read.values() for field in expression.fields}
    variables = FIELDS | {field: type_field(field) for field in fields}
    variables |= {f"params.{name}": type_param(value) for name, value in rule_set.params.items()}
    texts = list(read)
    said = dict(zip(texts, (engine or CelEngine()).check(texts, variables), strict=True))
    names = _list_names(rule_set)
    mistakes: list[Mistake] = []
    for leaf in leaves:
        expression = read[leaf.expression]
        found = [*_check_words(leaf, expression), *_check_calls(leaf, expression, names)]
        mistakes += found or _translate(leaf, said[leaf.expression], variables)
    reads = sum(expression.text_reads for expression in read.values())
    if reads > MAX_TEXT_READS:
        message = msg(
            "the conditions go through a text {count} times; at most {limit} are allowed",
            count=reads,
            limit=MAX_TEXT_READS,
        )
        mistakes.append(Mistake(("rules",), message, msg("use phrase lists and patterns"), slug="too-costly"))
    return mistakes


def type_param(value: Param) -> FieldType:
    if isinstance(value, bool):
        return FieldType.BOOL
    if isinstance(value, int):
        return FieldType.INT
    return FieldType.DOUBLE if isinstance(value, float) else FieldType.TEXT


def _list_names(rule_set: RuleSet) -> dict[str, list[str]]:
    """What each function may name."""
    return {
        "hits": [phrases.name for phrases in rule_set.phrases],
        "pattern": list(rule_set.patterns),
        "linked": [domains.name for domains in rule_set.domains],
        "media": [hashes.name for hashes in rule_set.hashes],
        "counter": [counter.name for counter in rule_set.counters],
    }


def _check_words(leaf: Leaf, expression: Expression) -> Iterator[Mistake]:
    for objection in expression.objections:
        within = _place_offset(leaf.expression, objection.at)
        yield Mistake(leaf.path, objection.message, objection.hint, "condition", within=within)


def _check_calls(leaf: Leaf, expression: Expression, names: Mapping[str, list[str]]) -> Iterator[Mistake]:
    for call in expression.calls:
        if call.argument not in names[call.function]:
            within = _place_offset(leaf.expression, call.argument_start)
            yield Mistake(
                leaf.path, *_explain_missing(call.function, call.argument, names), "unknown-name", within=within
            )


def _explain_missing(function: str, name: str, names: Mapping[str, list[str]]) -> tuple[Message, Message | None]:
    """A name that exists for another function is a likelier slip than a misspelled one."""
    message = msg("{function}() names {name}, which is not declared", function=function, name=name[:64] or "''")
    for other, known in names.items():
        if name in known:
            return message, msg("did you mean {name}?", name=f"{other}('{name}')")
    known = names[function]
    hint = suggest_name(name, known) or (msg("known here: {names}", names=known[:20]) if known else None)
    return message, hint


def _translate(leaf: Leaf, errors: Sequence[EngineError], variables: Collection[str]) -> list[Mistake]:
    """Without those that only say what follows from an unknown name, and each once a place."""
    telling = [error for error in errors if "*error*" not in error.text] or errors
    mistakes: dict[tuple[int, int], Mistake] = {}
    for error in telling:
        message, hint, slug = _explain_error(error.text, variables)
        within = (error.line, error.column)
        mistakes.setdefault(within, Mistake(leaf.path, message, hint, slug, within=within))
    return list(mistakes.values())


def _explain_error(text: str, variables: Collection[str]) -> tuple[Message, Message | None, str]:
    unknown = _UNDECLARED.match(text)
    if unknown:
        return _explain_unknown(unknown[1], variables)
    overload = _NO_OVERLOAD.match(text)
    if overload:
        return _explain_overload(overload[1], overload[2])
    if text.startswith(NOT_A_CONDITION):
        kind = text.removeprefix(NOT_A_CONDITION).lower()
        return msg("must be true or false, and is {kind}", kind=kind), msg("compare it with something"), "type"
    return _explain_syntax(text), None, "syntax"


def _explain_syntax(text: str) -> Message:
    if "<EOF>" in text.partition(" expecting ")[0]:
        return msg("the condition ends too early")
    unexpected = _UNEXPECTED.search(text)
    if unexpected:
        return msg("{found} is not expected here", found=unexpected[1])
    if "recursion" in text:
        return msg("is nested too deeply")
    return msg("is not a condition: {reason}", reason=text.removeprefix("Syntax error: "))


_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_NO_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\(?(.*?)\)?'$", re.DOTALL)
_UNEXPECTED = re.compile(
    r"(?:mismatched input|extraneous input|no viable alternative at input|recognition error at:) '(.*?)'", re.DOTALL
)
_HINTS = {
    "matches": msg("declare it under patterns and write {example}", example="pattern('name')"),
    **{name: msg("write it like {example}", example=f"{name}('name')") for name in FUNCTIONS},
}


def _explain_unknown(name: str, variables: Collection[str]) -> tuple[Message, Message | None, str]:
    hint = _HINTS.get(name) or suggest_name(name, [*variables, *FUNCTIONS])
    return msg("{name} is not a known name", name=name[:80]), hint, "unknown-name"


def _explain_overload(operator: str, types: str) -> tuple[Message, Message | None, str]:
    shown = operator.replace("_", " ").replace("@", "").strip() if not operator.isidentifier() else operator
    hint = None
    if types in {"double, int", "int, double"}:
        hint = msg("whole and decimal numbers don't mix: write 1.0 beside a decimal field, 1 beside a whole one")
    elif operator == "_+_" and "string" in types:
        hint = msg("texts can't be joined in a condition")
    return msg("{operator} does not go with {types}", operator=shown, types=types), hint, "type"


def _place_offset(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
