"""Reading a rule: its condition, what follows from it, and its tests."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from veilleur.domain.rules.document import (
    MAX_EXPRESSION,
    MAX_NESTING,
    MODES,
    ActionClause,
    Branch,
    Clause,
    Condition,
    DecideClause,
    EscalateClause,
    Leaf,
    Rule,
)
from veilleur.domain.rules.outcome import PRIORITIES, VERDICTS, Escalate, Target
from veilleur.domain.rules.reading import (
    Place,
    read_choice,
    read_fields,
    read_integer,
    read_items,
    read_name,
    read_object,
    read_text,
    read_texts,
)
from veilleur.domain.rules.rule_tests import read_tests
from veilleur.kernel.messages import msg

DEFAULT_SEVERITY = 50
MAX_REQUIRED = 20
MAX_DAILY = 1_000_000


def read_rule(place: Place) -> Rule | None:
    """The rule, or None when it can't be named or has no condition or nothing to do."""
    fields = read_fields(place, _RULE_FIELDS, required=["id", "when", "then"])
    identifier = read_name(fields["id"]) if "id" in fields else None
    title = read_text(fields["title"], 200, empty=True) if "title" in fields else None
    mode = read_choice(fields["mode"], MODES) if "mode" in fields else "live"
    severity = read_integer(fields["severity"], 0, 100) if "severity" in fields else DEFAULT_SEVERITY
    when = read_condition(fields["when"]) if "when" in fields else None
    then = read_clause(fields["then"]) if "then" in fields else None
    on_unknown = read_clause(fields["on_unknown"]) if "on_unknown" in fields else None
    tests = read_tests(fields["tests"]) if "tests" in fields else ()
    requires = read_texts(fields["requires"], MAX_REQUIRED, 80) if "requires" in fields else ()
    daily_cap = read_integer(fields["daily_cap"], 1, MAX_DAILY) if "daily_cap" in fields else None
    expires_at = _read_instant(fields["expires_at"]) if "expires_at" in fields else None
    if identifier is None or when is None or then is None:
        return None
    return Rule(
        identifier, title or identifier, mode or "draft", severity or 0, when, then, on_unknown, tests, place.path,
        requires, daily_cap, expires_at,
    )  # fmt: skip


def read_condition(place: Place, depth: int = 1) -> Condition | None:
    """A tree of `all`, `any` and `none` over conditions in text; parts that can't be read are left out."""
    if isinstance(place.value, str):
        text = read_text(place, MAX_EXPRESSION)
        return None if text is None else Leaf(text, place.path)
    if not isinstance(place.value, dict):
        place.complain(
            msg("must be a condition in text, or an object with one of {names}", names=_BRANCHES), slug="type"
        )
        return None
    if depth > MAX_NESTING:
        place.complain(msg("is nested deeper than {limit}", limit=MAX_NESTING), slug="too-deep")
        return None
    fields = read_fields(place, _BRANCHES)
    if len(fields) != 1:
        if len(place.value) != 1 or fields:
            place.complain(msg("must have exactly one of {names}", names=_BRANCHES), slug="type")
        return None
    ((kind, member),) = fields.items()
    return _read_branch(kind, member, depth)


def read_clause(place: Place) -> Clause | None:
    """What a rule does: a verdict with actions, or an escalation; never both."""
    fields = read_fields(place, _CLAUSE_FIELDS)
    if not isinstance(place.value, dict):
        return None
    policies = read_texts(fields["policies"], 20, 64) if "policies" in fields else ()
    if ("verdict" in fields) == ("escalate" in fields):
        place.complain(msg("must have either {first} or {second}", first="verdict", second="escalate"), slug="missing")
        return None
    if "verdict" in fields:
        return _read_decide(place, fields, policies)
    if "actions" in fields:
        fields["actions"].complain(
            msg("an escalation takes no actions: the moderator chooses them"), slug="unknown-field", at_key=True
        )
    return _read_escalate(fields["escalate"], policies)


_RULE_FIELDS = (
    "id", "title", "mode", "severity", "requires", "when", "then", "on_unknown", "tests", "daily_cap",
    "expires_at",
)  # fmt: skip
_BRANCHES: tuple[Literal["all", "any", "none"], ...] = ("all", "any", "none")
_CLAUSE_FIELDS = ("verdict", "actions", "policies", "escalate")
_ACTION_FIELDS = ("code", "target", "until", "text", "params")
_TARGETS: tuple[Target, ...] = ("item", "author")
_INTERIMS: tuple[Literal["publish", "withhold"], ...] = ("publish", "withhold")
_LASTING = re.compile(r"([1-9]\d{0,4})([mhd])")
_INSTANT = "2027-01-31T12:00:00Z"
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def _read_branch(kind: str, place: Place, depth: int) -> Branch | None:
    items = read_items(place, 200)
    if isinstance(place.value, list) and not place.value:
        place.complain(msg("needs at least one condition"), slug="empty")
    parts = tuple(part for item in items if (part := read_condition(item, depth + 1)) is not None)
    branch: Literal["all", "any", "none"] = "all" if kind == "all" else "any" if kind == "any" else "none"
    return Branch(branch, parts) if parts else None


def _read_decide(place: Place, fields: Mapping[str, Place], policies: tuple[str, ...]) -> DecideClause | None:
    verdict = read_choice(fields["verdict"], VERDICTS)
    actions = [_read_action(item) for item in read_items(fields["actions"], 10)] if "actions" in fields else []
    if verdict is None:
        return None
    return DecideClause(verdict, tuple(action for action in actions if action is not None), policies, place.path)


def _read_action(place: Place) -> ActionClause | None:
    fields = read_fields(place, _ACTION_FIELDS, required=["code", "target"])
    code = read_text(fields["code"], 64) if "code" in fields else None
    target = read_choice(fields["target"], _TARGETS) if "target" in fields else None
    until = _read_until(fields["until"]) if "until" in fields else None
    text = read_text(fields["text"], 2_000) if "text" in fields else None
    params = _read_action_params(fields["params"]) if "params" in fields else ()
    if code is None or target is None:
        return None
    return ActionClause(code, target, until, text, params, place.path)


def _read_action_params(place: Place) -> tuple[tuple[str, object], ...]:
    params: list[tuple[str, object]] = []
    for name, member in read_object(place).items():
        if member.value is None or isinstance(member.value, bool | int | float | str):
            params.append((name, member.value))
        else:
            member.complain(msg("must be a number, text, true or false"), slug="type")
    return tuple(params)


def _read_until(place: Place) -> datetime | timedelta | None:
    """`30m`, `12h`, `7d` from the decision, or an instant with its zone (RFC 3339)."""
    text = read_text(place, 40)
    if text is None:
        return None
    lasting = _LASTING.fullmatch(text)
    if lasting:
        return int(lasting[1]) * _UNITS[lasting[2]]
    instant = _parse_instant(text)
    if instant is None:
        place.complain(
            msg("is neither a time from the decision nor an instant"),
            msg("write it like {examples}", examples=["7d", "12h", "30m", _INSTANT]),
            slug="until",
        )
    return instant


def _read_instant(place: Place) -> datetime | None:
    text = read_text(place, 40)
    instant = None if text is None else _parse_instant(text)
    if text is not None and instant is None:
        place.complain(msg("is not an instant with its zone"), msg("write it like {example}", example=_INSTANT))
    return instant


def _parse_instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if instant.tzinfo is None else instant


def _read_escalate(place: Place, policies: tuple[str, ...]) -> EscalateClause | None:
    fields = read_fields(place, ("queue", "priority", "skills", "interim"), required=["queue"])
    queue = read_name(fields["queue"]) if "queue" in fields else None
    priority = read_choice(fields["priority"], PRIORITIES) if "priority" in fields else "normal"
    skills = read_texts(fields["skills"], 20, 64) if "skills" in fields else ()
    interim = read_choice(fields["interim"], _INTERIMS) if "interim" in fields else None
    if queue is None:
        return None
    return EscalateClause(Escalate(queue, priority or "normal", skills, interim, policies), place.path[:-1])
