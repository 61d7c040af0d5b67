"""How much of what is hard to look at one person is handed; pure.

Limits are the owner's to set and none stand by default: no source gives one right number. Nothing here enters
productivity figures, and nothing here is a medical promise.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

NEW_STRETCH_AFTER = timedelta(hours=5)
"""A pause that long ends a stretch of work: what counts per shift begins anew."""
LOOKED_BACK = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Limits:
    """None is no limit. `severe_from`: from which severity of a policy (1 to 5) an item counts as severe."""

    severe_from: int = 4
    severe_per_hour: int | None = None
    severe_per_shift: int | None = None
    severe_in_a_row: int | None = None
    break_after_min: int | None = None
    break_min: int = 10

    @property
    def caps_severe(self) -> bool:
        return any(cap is not None for cap in (self.severe_per_hour, self.severe_per_shift, self.severe_in_a_row))


@dataclass(frozen=True, slots=True)
class Scale:
    """How hard to look at one client's content may be, 1 to 5: by policy, and where none is suspected."""

    policies: Mapping[str, int] = field(default_factory=dict)
    default: int = 1

    def rate(self, policies: Iterable[str]) -> int:
        """The worst of the policies that the client knows; its default when there is none."""
        return max((self.policies[code] for code in policies if code in self.policies), default=self.default)


MOST_SEVERE = Scale(default=5)
"""Of what is under a legal hold, whatever its policies."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Something looked at until `at`, for so many seconds."""

    at: datetime
    severity: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Bearable:
    """What may be handed out now: everything, nothing before `break_until`, or only what is not severe."""

    break_until: datetime | None = None
    below_severity: int | None = None
    opt_outs: frozenset[str] = frozenset()

    def allows(self, policies: Sequence[str], scale: Scale) -> bool:
        """Whether a case in which these policies are suspected may be handed out."""
        if self.opt_outs & set(policies):
            return False
        return self.below_severity is None or scale.rate(policies) < self.below_severity


def list_suspected(why: Iterable[Mapping[str, Any]], reported: Iterable[str] = ()) -> list[str]:
    """The policies that a case may be about: those of the rules that asked for a person, and what was reported.

    A report's reason is the reporter's word; it says something where it is the code of a policy.
    """
    return [*(code for reason in why for code in reason.get("policies", ())), *reported]


def find_bearable(
    limits: Limits, exposures: Sequence[Exposure], opt_outs: frozenset[str], present: datetime
) -> Bearable:
    """What somebody with these exposures (newest first, a day back) may be handed now."""
    below = limits.severe_from if _is_full(limits, exposures, present) else None
    return Bearable(_break_until(limits, exposures, present), below, opt_outs)


def _is_full(limits: Limits, exposures: Sequence[Exposure], present: datetime) -> bool:
    severe = [one.severity >= limits.severe_from for one in exposures]
    last_hour = sum(hit for hit, one in zip(severe, exposures, strict=True) if one.at > present - timedelta(hours=1))
    shift = _count_stretch(exposures, present)
    in_a_row = next((place for place, hit in enumerate(severe) if not hit), len(severe))
    counted = ((limits.severe_per_hour, last_hour), (limits.severe_per_shift, sum(severe[:shift])))
    # A row is broken by anything else, or by a break.
    rested = not exposures or present - exposures[0].at >= timedelta(minutes=limits.break_min)
    row_full = limits.severe_in_a_row is not None and in_a_row >= limits.severe_in_a_row and not rested
    return row_full or any(cap is not None and count >= cap for cap, count in counted)


def _count_stretch(exposures: Sequence[Exposure], present: datetime) -> int:
    """How many of the newest exposures belong to the present stretch of work."""
    later = present
    for place, one in enumerate(exposures):
        if later - one.at >= NEW_STRETCH_AFTER:
            return place
        later = one.at
    return len(exposures)


def _break_until(limits: Limits, exposures: Sequence[Exposure], present: datetime) -> datetime | None:
    """After so much work without a pause of `break_min`, that pause counts from the last thing looked at."""
    if limits.break_after_min is None or not exposures:
        return None
    pause = timedelta(minutes=limits.break_min)
    until = exposures[0].at + pause
    if present >= until:
        return None
    begun = exposures[0].at
    for one in exposures:
        if begun - one.at >= pause:
            break
        begun = min(begun, one.at - timedelta(seconds=one.seconds))
    worked = exposures[0].at - begun
    return until if worked >= timedelta(minutes=limits.break_after_min) else None
