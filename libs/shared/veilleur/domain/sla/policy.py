"""What a client is promised, and which promise a case falls under; pure.

A policy is `{"rules": [{"class", "when": {"priority": [...], "queue": [...]}, "decision": {"seconds", "time"}}],
"default": {"class", "decision": {...}}}`: the first rule whose conditions all hold wins, the default otherwise.
`time` is `business` (open time of the client's calendar) or `calendar`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Priority = Literal["low", "normal", "high", "urgent"]


@dataclass(frozen=True, slots=True)
class Target:
    """A promise: this many seconds, counted in open time or around the clock."""

    target_class: str
    seconds: int
    business: bool


DEFAULT_POLICY: dict[str, Any] = {
    "rules": [
        {"class": "urgent", "when": {"priority": ["urgent"]}, "decision": {"seconds": 3_600, "time": "calendar"}},
        {"class": "high", "when": {"priority": ["high"]}, "decision": {"seconds": 4 * 3_600, "time": "business"}},
        {"class": "low", "when": {"priority": ["low"]}, "decision": {"seconds": 24 * 3_600, "time": "business"}},
    ],
    "default": {"class": "standard", "decision": {"seconds": 8 * 3_600, "time": "business"}},
}


def choose_target(policy: Mapping[str, Any], *, priority: str, queue: str) -> Target:
    """The decision target of a case."""
    facts = {"priority": priority, "queue": queue}
    for rule in policy["rules"]:
        if all(facts[name] in allowed for name, allowed in rule["when"].items()):
            return _read_target(rule)
    return _read_target(policy["default"])


def _read_target(rule: Mapping[str, Any]) -> Target:
    decision = rule["decision"]
    return Target(rule["class"], int(decision["seconds"]), decision["time"] == "business")
