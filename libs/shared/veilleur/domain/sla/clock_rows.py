"""Clocks as rows: locking them, reading a run out of one, writing many changed ones and what happened to them."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.sla.announce import Noted, announce_sla
from veilleur.domain.sla.count import count_promises
from veilleur.domain.sla.countdown import OPEN, Happening, Run, Timer
from veilleur.domain.sla.models import Clock, ClockEvent, ClockState
from veilleur.domain.sla.policy import Target
from veilleur.infra.db.among import is_among
from veilleur.infra.db.bulk import insert_rows
from veilleur.infra.worklist import hint_work


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a clock. `row` is how it was (or, for a new one, what it is besides its run)."""

    row: Mapping[Any, Any]
    run: Run
    happened: tuple[Happening, ...]
    pins: Mapping[str, object] = field(default_factory=dict)
    """Other columns that get a new value."""
    notes: Mapping[str, object] = field(default_factory=dict)
    """What the event of the change itself says besides."""


async def lock_clocks(
    session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID], *, ended: bool = False
) -> Sequence[RowMapping]:
    """The open clocks of items (with the `ended` ones if wanted), locked in the order of their ids."""
    query = select(Clock.__table__, func.app_now().label("present")).where(
        Clock.agency_id == agency_id, is_among(Clock.item_id, item_ids)
    )
    if not ended:
        query = query.where(Clock.state.in_(OPEN))
    return (await session.execute(query.order_by(Clock.id).with_for_update(key_share=True))).mappings().all()


def read_present(rows: Sequence[RowMapping]) -> datetime:
    """The database's time, which came with the locked rows."""
    return cast("datetime", rows[0]["present"])


def read_run(row: Mapping[Any, Any]) -> Run:
    return Run(
        state=ClockState(row["state"]),
        target=Target(row["target_class"], row["target_s"], row["business"], row["pausable"], tuple(row["warnings"])),
        started_at=row["started_at"],
        counted_from=row["counted_from"],
        remaining_s=row["remaining_s"],
        due_at=row["due_at"],
        deadline_at=row["deadline_at"],
        timers=tuple(Timer(datetime.fromisoformat(one["at"]), one["threshold"]) for one in row["timers"]),
        breached_at=row["breached_at"],
        stopped_at=row["stopped_at"],
        elapsed_s=row["elapsed_s"],
        pause_reason=row["pause_reason"],
        revision=row["revision"],
    )


async def insert_clocks(session: AsyncSession, agency_id: UUID, fresh: Sequence[Change]) -> None:
    """Insert new clocks with what happened to them so far."""
    await insert_rows(session, Clock, [dict(change.row) | _run_columns(change.run) for change in fresh])
    await write_events(session, agency_id, [one for change in fresh for one in _list_noted(change)])
    await _hint(session, agency_id, fresh)


_TYPES = {
    "case_id": "uuid", "policy_id": "uuid", "calendar_id": "uuid", "facts": "jsonb", "excluded": "text",
    "state": "text",
    "target_class": "text", "target_s": "integer", "business": "boolean", "pausable": "boolean", "warnings": "text[]",
    "started_at": "timestamptz", "counted_from": "timestamptz", "remaining_s": "double precision",
    "due_at": "timestamptz", "timers": "jsonb", "next_event_at": "timestamptz", "breached_at": "timestamptz",
    "stopped_at": "timestamptz", "elapsed_s": "double precision", "pause_reason": "text", "revision": "integer",
}  # fmt: skip
_PINS = ("case_id", "policy_id", "calendar_id", "facts", "excluded")

_ASSIGNED = ", ".join(f"{name} = t.{name}" for name in _TYPES)
_TYPED = ", ".join(f"{name} {kind}" for name, kind in _TYPES.items())

_UPDATE = text(f"""
UPDATE sla_clocks SET {_ASSIGNED}
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS t(id uuid, {_TYPED})
WHERE sla_clocks.agency_id = :agency_id AND sla_clocks.id = t.id
""")


async def write_changes(session: AsyncSession, agency_id: UUID, changes: Sequence[Change]) -> None:
    """Update locked clocks that have changed, and keep what happened to them."""
    moved = [change for change in changes if change.happened or change.run != read_run(change.row) or change.pins]
    if not moved:
        return
    rows = [
        {"id": change.row["id"]}
        | {name: change.pins.get(name, change.row[name]) for name in _PINS}
        | _run_columns(change.run)
        for change in moved
    ]
    await session.execute(_UPDATE, {"agency_id": agency_id, "rows": json.dumps(rows, default=_show)})
    await write_events(session, agency_id, [one for change in moved for one in _list_noted(change)])
    await _hint(session, agency_id, moved)


async def write_events(session: AsyncSession, agency_id: UUID, noted: Sequence[Noted]) -> None:
    """Keep what happened to clocks, but for what is known already, and tell who is to be told."""
    await insert_rows(
        session, ClockEvent, [_event_row(one) for one in noted], shared={"agency_id": agency_id}, skip_known=True
    )
    await count_promises(session, agency_id, noted)
    await announce_sla(session, agency_id, noted)


def _event_row(noted: Noted) -> dict[str, Any]:
    happening = noted.happening
    return {
        "clock_id": noted.clock_id,
        "client_id": noted.client_id,
        "type": happening.type,
        "threshold": happening.threshold,
        "revision": happening.revision,
        "details": happening.details,
        "occurred_at": happening.occurred_at,
    }


def _list_noted(change: Change) -> list[Noted]:
    row = dict(change.row) | dict(change.pins)
    return [
        Noted(
            clock_id=row["id"],
            client_id=row["client_id"],
            item_id=row["item_id"],
            metric=row["metric"],
            excluded=row["excluded"],
            due_at=change.run.due_at,
            happening=replace(one, details=one.details | dict(change.notes)) if one.revision else one,
            target_class=change.run.target.target_class,
        )
        for one in change.happened
    ]


def _run_columns(run: Run) -> dict[str, Any]:
    return {
        "state": run.state,
        "target_class": run.target.target_class,
        "target_s": run.target.seconds,
        "business": run.target.business,
        "pausable": run.target.pausable,
        "warnings": list(run.target.warnings),
        "started_at": run.started_at,
        "counted_from": run.counted_from,
        "remaining_s": run.remaining_s,
        "due_at": run.due_at,
        "timers": [{"at": timer.at.isoformat(), "threshold": timer.threshold} for timer in run.timers],
        "next_event_at": run.next_event_at,
        "breached_at": run.breached_at,
        "stopped_at": run.stopped_at,
        "elapsed_s": run.elapsed_s,
        "pause_reason": run.pause_reason,
        "revision": run.revision,
    }


async def _hint(session: AsyncSession, agency_id: UUID, changes: Sequence[Change]) -> None:
    for due_at in {change.run.next_event_at for change in changes} - {None}:
        await hint_work(session, agency_id, "sla", due_at=due_at)


def _show(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
