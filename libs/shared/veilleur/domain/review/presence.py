"""Whether somebody is at work; pure. The reasons why a claim hands out nothing, one rule each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from veilleur.domain.sla.calendar import Period, is_open
from veilleur.domain.sla.calendar_hours import Calendar

Status = Literal["available", "break", "off"]
IdleReason = Literal["empty", "at_capacity", "break_due", "exposure_cap", "off_shift"]


@dataclass(frozen=True, slots=True)
class Presence:
    """What is known of a member at one instant. Nobody who has no shift at all is ever off shift."""

    status: Status
    shifts: Sequence[Calendar] = ()
    absences: Sequence[Period] = ()
    """Half-open, in any order."""


def why_not(presence: Presence, present: datetime) -> IdleReason | None:
    """Why this member is handed nothing now; None when they may be."""
    if presence.status == "break":
        return "break_due"
    return None if is_on_duty(presence, present) else "off_shift"


def is_on_duty(presence: Presence, present: datetime) -> bool:
    """On shift, not absent and not gone home; a break is taken on duty."""
    if presence.status == "off" or any(start <= present < stop for start, stop in presence.absences):
        return False
    return not presence.shifts or any(is_open(shift, present) for shift in presence.shifts)
