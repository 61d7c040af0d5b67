"""The numbers of one run of the demo, and when they say that it is over."""

from dataclasses import dataclass, field

_SETTLE_S = 4.0
_STUCK_S = 60.0


@dataclass(slots=True)
class Tally:
    """The numbers of one run, counted by whoever sees the fact.

    The sender counts `sent`, `accepted`, `refused`; the two kinds of decisions are the agency's own usage since the
    start; `late_cases` are those the moderators saw past their due time. `notes` wait to be shown once.
    """

    planned: int
    sent: int = 0
    accepted: int = 0
    refused: int = 0
    auto_decided: int = 0
    human_decided: int = 0
    late_cases: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    @property
    def decided(self) -> int:
        return self.auto_decided + self.human_decided

    @property
    def in_review(self) -> int:
        """What is accepted and has no verdict yet; decisions left over from an earlier run may hide some."""
        return max(0, self.accepted - self.decided)

    @property
    def breached(self) -> int:
        return len(self.late_cases)


def summarise(tally: Tally) -> str:
    """The line that lives: `accepted 120 · auto-decided 64 · in review 9 · decided 111 · breached 0`."""
    refused = f" · refused {tally.refused}" if tally.refused else ""
    return (
        f"accepted {tally.accepted} · auto-decided {tally.auto_decided} · in review {tally.in_review}"
        f" · decided {tally.decided} · breached {tally.breached}{refused}"
    )


def is_settled(tally: Tally, *, quiet_s: float, busy: bool, moderators: bool) -> bool:
    """Whether, with everything sent, there is nothing more to wait for.

    `quiet_s` is how long no number has changed, `busy` whether a moderator has a case in hand. Nothing is final before
    the numbers have stood still for a moment, since verdicts show in the usage a little later; a minute of stillness
    ends the run whatever is left. Without moderators only the rules' verdicts are waited for.
    """
    if quiet_s < _SETTLE_S:
        return False
    return quiet_s >= _STUCK_S or not moderators or (tally.in_review == 0 and not busy)
