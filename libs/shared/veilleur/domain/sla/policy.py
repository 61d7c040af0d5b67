"""What a client is promised, and which promise a case falls under; pure.

A policy is `{"rules": [{"class", "when": {…}, "decision": {…}, "escalation"?: {…}}], "default": {"class", "decision",
"escalation"?}, "reopen_grace_s"?}`: the first rule whose conditions all hold wins, the default otherwise. `when` names
lists of allowed values for `priority queue kind source language report_source`. A target is `{"seconds", "time",
"pausable"?, "warnings"?: [{"percent": 80} | {"before_s": 900}]}`; `time` is `business` (open time of the client's
calendar) or `calendar`, warnings count in the same time. A rule may cap what it promises for: `"volume": {"per":
"hour|day|week|month", "items", "beyond": "excluded"} | {…, "beyond": "slower", "slower": <target>}`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

Priority = Literal["low", "normal", "high", "urgent"]
Metric = Literal["decision", "escalation"]

GRACE_S = 86_400
"""How long after a clock has stopped the same question continues its cycle, unless the policy says otherwise."""


@dataclass(frozen=True, slots=True)
class Target:
    """A promise: this many seconds, counted in open time or around the clock."""

    target_class: str
    seconds: int
    business: bool
    pausable: bool = True
    warnings: tuple[str, ...] = ()
    """Thresholds: `80%` of the target used up, `900s` before it is."""

    def left_at(self, threshold: str) -> float:
        """How many seconds are left when this warning is due."""
        if threshold.endswith("%"):
            return self.seconds * (100 - int(threshold[:-1])) / 100
        return float(threshold[:-1])


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What a promise may depend on. `source` is a shown id, `queue` a code, `report_source` who reported the item."""

    priority: str
    queue: str
    kind: str = "other"
    source: str = ""
    language: str = "und"
    report_source: tuple[str, ...] = ()
    over_volume: bool = False
    """It came when its class had had all the items of the period that are promised for."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        return cls(**{**document, "report_source": tuple(document.get("report_source", ()))})

    def to_document(self) -> dict[str, Any]:
        return asdict(self) | {"report_source": list(self.report_source)}


DEFAULT_POLICY: dict[str, Any] = {
    "rules": [
        {
            "class": name,
            "when": {"priority": [name]},
            "decision": {"seconds": hours * 3_600, "time": time, "pausable": True},
        }
        for name, hours, time in (("urgent", 1, "calendar"), ("high", 4, "business"), ("low", 24, "business"))
    ],
    "default": {"class": "standard", "decision": {"seconds": 8 * 3_600, "time": "business", "pausable": True}},
    "reopen_grace_s": GRACE_S,
}
"""What a client begins with, written as a policy is once it was read."""


def choose_rule(policy: Mapping[str, Any], facts: CaseFacts) -> Mapping[str, Any]:
    """The first rule whose conditions all hold, or the default."""
    chosen: Mapping[str, Any] = policy["default"]
    return next((rule for rule in policy["rules"] if _holds(rule["when"], facts)), chosen)


@dataclass(frozen=True, slots=True)
class Promise:
    """`excluded`: it is counted and shown, and owed to nobody."""

    target: Target
    excluded: bool = False


def choose_promise(policy: Mapping[str, Any], facts: CaseFacts, metric: Metric = "decision") -> Promise | None:
    """What is promised for a case; None where nothing is for this metric, which is never so for decisions."""
    rule = choose_rule(policy, facts)
    if metric not in rule:
        return None
    volume = rule.get("volume")
    if volume is None or metric != "decision" or not facts.over_volume:
        return Promise(read_target(rule["class"], rule[metric]))
    if volume["beyond"] == "slower":
        return Promise(read_target(rule["class"], volume["slower"]))
    return Promise(read_target(rule["class"], rule[metric]), excluded=True)


def read_target(target_class: str, document: Mapping[str, Any]) -> Target:
    """A target as a policy writes it."""
    return Target(
        target_class,
        int(document["seconds"]),
        business=document["time"] == "business",
        pausable=document.get("pausable", True),
        warnings=tuple(_name_threshold(warning) for warning in document.get("warnings", ())),
    )


def _holds(conditions: Mapping[str, Any], facts: CaseFacts) -> bool:
    return all(_meets(name, getattr(facts, name), allowed) for name, allowed in conditions.items())


def _meets(name: str, value: str | tuple[str, ...], allowed: list[str]) -> bool:
    if isinstance(value, tuple):
        return not set(value).isdisjoint(allowed)
    if name == "language":  # fr stands for fr-CA as well
        return any(f"{value.lower()}-".startswith(f"{tag}-") for tag in allowed)
    return value in allowed


def _name_threshold(warning: Mapping[str, int]) -> str:
    return f"{warning['percent']}%" if "percent" in warning else f"{warning['before_s']}s"
