"""Rules that could as well not be there: they never fire, or another has its way whenever they do."""

from collections.abc import Iterator

from veilleur.domain.rules.document import Condition, Leaf, RuleSet, list_leaves
from veilleur.domain.rules.expressions import read_expression
from veilleur.domain.rules.findings import Mistake
from veilleur.kernel.messages import msg


def check_reach(rule_set: RuleSet) -> list[Mistake]:
    """Warnings only, and only where it is sure."""
    return [*_find_constants(rule_set), *_find_contradictions(rule_set), *_find_shadowed(rule_set)]


def _find_constants(rule_set: RuleSet) -> Iterator[Mistake]:
    for rule in rule_set.rules:
        for leaf in list_leaves(rule.when):
            read = read_expression(leaf.expression)
            if not read.fields and not read.calls and not read.objections:
                message = msg("is the same for every item")
                yield Mistake(leaf.path, message, msg("compare a field of the item"), "constant", "warning")


def _find_contradictions(rule_set: RuleSet) -> Iterator[Mistake]:
    for rule in rule_set.rules:
        both = _list_needed(rule.when) & _list_excluded(rule.when)
        if both:
            message = msg("never fires: {condition} is both demanded and excluded", condition=min(both))
            yield Mistake((*rule.path, "when"), message, None, "unreachable", "warning", at_key=True)


def _find_shadowed(rule_set: RuleSet) -> Iterator[Mistake]:
    """A rule whose condition demands all that a rule before it demands has never the last word."""
    live = sorted((rule for rule in rule_set.rules if rule.mode == "live"), key=lambda rule: -rule.severity)
    firm = [
        (rule, _list_needed(rule.when))
        for rule in live
        if _is_conjunction(rule.when) and not rule.requires and rule.daily_cap is None and rule.expires_at is None
    ]
    places = {rule.id: place for place, rule in enumerate(live)}
    for rule in live:
        needed = _list_needed(rule.when)
        before = next((other for other, less in firm if places[other.id] < places[rule.id] and less <= needed), None)
        if before is not None and rule.on_unknown is None:
            message = msg("never decides: {id} comes first whenever it fires", id=before.id)
            hint = msg("give it a higher severity, or another condition")
            yield Mistake(rule.path, message, hint, "unreachable", "warning")


def _list_needed(condition: Condition) -> frozenset[str]:
    """What is true whenever the condition is."""
    if isinstance(condition, Leaf):
        return frozenset({condition.expression})
    parts = condition.parts if condition.kind == "all" or len(condition.parts) == 1 else ()
    return frozenset[str]().union(*map(_list_needed, parts)) if condition.kind != "none" else frozenset()


def _list_excluded(condition: Condition) -> frozenset[str]:
    """What is false whenever the condition is true."""
    if isinstance(condition, Leaf):
        return frozenset()
    if condition.kind == "none":
        return frozenset(part.expression for part in condition.parts if isinstance(part, Leaf))
    return frozenset[str]().union(*map(_list_excluded, condition.parts)) if condition.kind == "all" else frozenset()


def _is_conjunction(condition: Condition) -> bool:
    if isinstance(condition, Leaf):
        return True
    return condition.kind == "all" and all(map(_is_conjunction, condition.parts))
