"""Clocks of items: they start when the question was asked, pause, resume, are retargeted, and stop at the answer.

Each call locks the clocks it concerns, lets `countdown` say what becomes of them, and writes the clocks and what
happened in the caller's transaction. A call that was made before changes nothing: in one transaction a stop outweighs a
pause, and a pause a start, in whatever order they come. `{item_id: due_at}` in an answer is the decision clock's due
time; whoever keeps a copy of it (`cases.due_at`) writes it in the same transaction.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.sources.deadlines import Deadline
from veilleur.domain.sla.calendar_hours import Calendar
from veilleur.domain.sla.clock_rows import Change, insert_clocks, lock_clocks, read_present, read_run, write_changes
from veilleur.domain.sla.countdown import (
    Aim,
    PauseReason,
    pause_run,
    reopen_run,
    resume_run,
    retarget_run,
    start_run,
    stop_run,
)
from veilleur.domain.sla.policy import GRACE_S, CaseFacts, Metric, Promise, choose_promise
from veilleur.domain.sla.terms import Terms, load_calendars, load_pinned_terms, load_told
from veilleur.domain.sla.volume import Ask, admit_volume
from veilleur.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class ClockStart:
    """A promise about one item that begins to count when the question was asked, at `started_at`."""

    client_id: UUID
    item_id: UUID
    case_id: UUID
    terms: Terms
    facts: CaseFacts
    started_at: datetime
    metric: Metric = "decision"
    deadline: Deadline | None = None
    """The platform's own; one that was over when the question was asked counts for nothing."""


@dataclass(frozen=True, slots=True)
class Retarget:
    """Why clocks are to count by another promise, and who wants it.

    `facts` are those that changed (`{"priority": "high"}`). Without `terms` the versions that a clock began with hold.
    """

    reason: str
    actor: str
    facts: Mapping[str, str] = field(default_factory=dict)
    terms: Mapping[UUID, Terms] | None = None
    """By client."""
    since: datetime | None = None
    """Only clocks that started from then on."""


Due = dict[UUID, datetime]


async def start_clocks(session: AsyncSession, agency_id: UUID, starts: Sequence[ClockStart], present: datetime) -> Due:
    """Start clocks; one that is already past due is breached at its due time, not at `present`.

    A clock of the item that still runs goes on. One that has stopped goes on as well when it is the same question that
    comes back (it was asked before the stop) within the policy's grace; another question opens the next cycle. Where
    nothing is promised for the metric there is no clock.
    """
    if not starts:
        return {}
    rows = await lock_clocks(session, agency_id, [start.item_id for start in starts], ended=True)
    newest = {(row["item_id"], row["metric"]): row for row in sorted(rows, key=lambda row: int(row["cycle"]))}
    pairs = [(start, newest.get((start.item_id, start.metric))) for start in starts]
    known = [(start, row) for start, row in pairs if row is not None and _is_same_question(start, row, present)]
    new = [(start, row) for start, row in pairs if row is None or not _is_same_question(start, row, present)]
    reopened = await _reopen(session, agency_id, known, present)
    return _list_due([*reopened, *await _begin_all(session, agency_id, new, present)])


async def stop_clocks(
    session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID], metric: Metric | None = None
) -> None:
    """Stop the open clocks of answered items: met when `now <= due_at` or paused in time, missed once breached."""
    await _change(session, agency_id, item_ids, _stop, metric)


async def cancel_clocks(session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID]) -> None:
    """End the open clocks of items whose question went away (edited or withdrawn)."""
    await _change(session, agency_id, item_ids, _cancel)


async def pause_clocks(session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID], reason: PauseReason) -> Due:
    """Hold the running clocks of these items that may be paused; too few people is no reason.

    A promise that can't be paused runs on while the client can't be reached, but it is no longer owed.
    """

    def pause(row: RowMapping, calendar: Calendar, present: datetime) -> Change:
        run, events = pause_run(read_run(row), calendar, reason, present)
        unowed = reason == "client_callback_down" and not run.target.pausable and row["excluded"] is None
        return Change(row, run, events, {"excluded": "client_down"} if unowed else {})

    return await _change(session, agency_id, item_ids, pause)


async def resume_clocks(session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID]) -> Due:
    """Let the paused clocks of these items count on with what was left."""
    return await _change(session, agency_id, item_ids, _resume)


async def retarget_clocks(
    session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID], retarget: Retarget
) -> Due:
    """Let the open clocks of these items count by the promise that `retarget` leads to; a breach stays a breach."""
    locked = await lock_clocks(session, agency_id, item_ids)
    rows = [row for row in locked if retarget.since is None or row["started_at"] >= retarget.since]
    if not rows:
        return {}
    present = read_present(rows)
    calendars = await load_calendars(session, agency_id, {row["calendar_id"] for row in rows})
    pinned = {} if retarget.terms is not None else await load_pinned_terms(session, agency_id, rows, calendars)
    told = await load_told(session, agency_id, [row["id"] for row in rows])
    changes = []
    for row in rows:
        pins = row["policy_id"], row["calendar_id"]
        terms = pinned[pins] if retarget.terms is None else retarget.terms[row["client_id"]]
        facts = CaseFacts.from_document(row["facts"] | dict(retarget.facts))
        promise = choose_promise(terms.policy, facts, row["metric"])
        if promise is not None:
            aim = Aim(promise.target, terms.calendar, told.get(row["id"], frozenset()))
            step = retarget_run(read_run(row), calendars[row["calendar_id"]], aim, present)
            changes.append(Change(row, *step, _pin(row, terms, facts, promise), _note(retarget)))
    await write_changes(session, agency_id, changes)
    return _list_due(changes)


async def _reopen(
    session: AsyncSession, agency_id: UUID, known: Sequence[tuple[ClockStart, RowMapping]], present: datetime
) -> list[Change]:
    calendars = await load_calendars(session, agency_id, {row["calendar_id"] for _, row in known})
    changes = [
        Change(row, *reopen_run(read_run(row), calendars[row["calendar_id"]], present), {"case_id": start.case_id})
        for start, row in known
    ]
    await write_changes(session, agency_id, changes)
    return changes


async def _begin_all(
    session: AsyncSession, agency_id: UUID, new: Sequence[tuple[ClockStart, RowMapping | None]], present: datetime
) -> list[Change]:
    asks = [Ask(start.client_id, start.terms, start.facts, _asked_at(start, row, present)) for start, row in new]
    facts = await admit_volume(session, agency_id, asks, [start.metric for start, _ in new])
    begun = [
        _begin(agency_id, replace(start, facts=fact, started_at=ask.asked_at), row, present)
        for (start, row), ask, fact in zip(new, asks, facts, strict=True)
    ]
    fresh = [change for change in begun if change is not None]
    await insert_clocks(session, agency_id, fresh)
    return fresh


Move = Callable[[RowMapping, Calendar, datetime], Change]


async def _change(
    session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID], move: Move, metric: Metric | None = None
) -> Due:
    rows = await lock_clocks(session, agency_id, item_ids)
    chosen = [row for row in rows if metric in (None, row["metric"])]
    if not chosen:
        return {}
    calendars = await load_calendars(session, agency_id, {row["calendar_id"] for row in chosen})
    present = read_present(chosen)
    changes = [move(row, calendars[row["calendar_id"]], present) for row in chosen]
    await write_changes(session, agency_id, changes)
    return _list_due(changes)


def _pin(row: RowMapping, terms: Terms, facts: CaseFacts, promise: Promise) -> dict[str, object]:
    """Even where the due time stays, the clock counts by the new terms from now on."""
    excluded = row["excluded"]
    if excluded in (None, "over_volume"):
        excluded = "over_volume" if promise.excluded else None
    return {
        "policy_id": terms.policy_id,
        "calendar_id": terms.calendar_id,
        "facts": facts.to_document(),
        "excluded": excluded,
    }


def _note(retarget: Retarget) -> dict[str, object]:
    return {"reason": retarget.reason, "actor": retarget.actor}


def _stop(row: RowMapping, calendar: Calendar, present: datetime) -> Change:
    return Change(row, *stop_run(read_run(row), calendar, present, cancelled=False))


def _cancel(row: RowMapping, calendar: Calendar, present: datetime) -> Change:
    return Change(row, *stop_run(read_run(row), calendar, present, cancelled=True))


def _resume(row: RowMapping, calendar: Calendar, present: datetime) -> Change:
    return Change(row, *resume_run(read_run(row), calendar, present))


def _is_same_question(start: ClockStart, last: RowMapping, present: datetime) -> bool:
    if last["stopped_at"] is None:
        return True
    grace = timedelta(seconds=start.terms.policy.get("reopen_grace_s", GRACE_S))
    return bool(start.started_at <= last["stopped_at"] and present - last["stopped_at"] <= grace)


def _begin(agency_id: UUID, start: ClockStart, last: RowMapping | None, present: datetime) -> Change | None:
    promise = choose_promise(start.terms.policy, start.facts, start.metric)
    if promise is None:
        return None
    deadline = start.deadline if start.deadline is not None and start.deadline.at > start.started_at else None
    ends_at = None if deadline is None else deadline.at
    run, events = start_run(promise.target, start.terms.calendar, start.started_at, present, ends_at)
    row = {
        "agency_id": agency_id,
        "id": new_id(),
        "client_id": start.client_id,
        "item_id": start.item_id,
        "case_id": start.case_id,
        "metric": start.metric,
        "cycle": 1 if last is None else last["cycle"] + 1,
        "policy_id": start.terms.policy_id,
        "calendar_id": start.terms.calendar_id,
        "facts": start.facts.to_document(),
        "excluded": "over_volume" if promise.excluded else None,
        "deadline_at": ends_at,
        "deadline_cause": None if deadline is None else deadline.cause,
    }
    return Change(row, run, events)


def _asked_at(start: ClockStart, last: RowMapping | None, present: datetime) -> datetime:
    """A question that was answered before and comes back after the grace is asked when it comes back."""
    asked_again = last is not None and start.started_at <= last["stopped_at"]
    return present if asked_again else start.started_at


def _list_due(changes: Sequence[Change]) -> Due:
    return {change.row["item_id"]: change.run.due_at for change in changes if change.row["metric"] == "decision"}
