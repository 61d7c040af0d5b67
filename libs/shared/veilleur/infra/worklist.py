"""Which agencies may have work, without looking into any agency.

Work itself is a row in the table it concerns. A hint says "this agency may have work of this kind from `due_at` on":
it is written in the transaction that leaves the work, names no content, and is looked at by every sweep from its due
second until `GRACE_S` later. No transaction lives that long (the roles' `transaction_timeout`), so a hint is only
forgotten when every transaction that could have relied on it is over.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

WorkKind = Literal[
    "screening",
    "unscreened",
    "delivery",
    "sla",
    "feed",
    "retention",
    "poll",
    "reversal",
    "backtest",
    "rates",
    "counters",
    "retarget",
    "media",
    "providers",
    "usage",
    "audit",
    "erasure",
    "offboarding",
    "action",
    "watch",
    "reckoning",
    "mail",
]

GRACE_S = 30
SWEPT_WITHIN_S = 5
"""A hint is forgotten by the first sweep after its grace that finds nothing left: within this, when all is well."""

_INSERT = text("""
INSERT INTO work_hints (agency_id, kind, due_at)
SELECT DISTINCT agency_id, kind, date_trunc(unit, coalesce(due_at, app_now() + make_interval(secs => in_s)))
FROM unnest(CAST(:agencies AS uuid[]), CAST(:kinds AS text[]), CAST(:due AS timestamptz[]), CAST(:waits AS integer[]),
            CAST(:units AS text[])) AS t(agency_id, kind, due_at, in_s, unit)
ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING
""")


async def hint_work(
    session: AsyncSession,
    agency_id: UUID,
    kind: WorkKind,
    *,
    due_at: datetime | None = None,
    in_s: int = 0,
    daily: bool = False,
) -> None:
    """Note work of `kind`: now (the bell rings after the commit), at `due_at`, or `in_s` seconds from now.

    Hints of one second (of one day, when `daily`) are one.
    """
    unit = "day" if daily else "second"
    session.info.setdefault("hints", set()).add((agency_id, kind, due_at, in_s, unit))
    if due_at is None and in_s == 0:
        session.info.setdefault("rings", set()).add((kind, agency_id))


async def write_hints(session: AsyncSession) -> None:
    """Write what this session noted, last of all and in one order.

    Two transactions that note the same second wait for each other: for one statement, and never in a circle.
    """
    hints = list(session.info.pop("hints", ()))
    if hints:
        agencies, kinds, due, waits, units = zip(*hints, strict=True)
        values = {"agencies": agencies, "kinds": kinds, "due": due, "waits": waits, "units": units}
        await session.execute(_INSERT, {name: list(column) for name, column in values.items()})


def pop_rings(session: AsyncSession) -> Iterable[tuple[WorkKind, UUID]]:
    """What the bell is to be rung for once this session's transaction is committed."""
    return cast("Iterable[tuple[WorkKind, UUID]]", session.info.pop("rings", ()))


async def list_due_work(session: AsyncSession) -> list[tuple[WorkKind, UUID, datetime]]:
    """Kind and agency of everything a sweep should look at, with the instant of this look; nothing of who has left."""
    rows = await session.execute(
        text(
            "WITH departed AS (SELECT agency_id FROM departures WHERE state = 'finished'),"
            " dropped AS (DELETE FROM work_hints WHERE agency_id IN (SELECT agency_id FROM departed))"
            " SELECT DISTINCT kind, agency_id, app_now() AS looked_at FROM work_hints"
            " WHERE due_at <= app_now() AND agency_id NOT IN (SELECT agency_id FROM departed)"
        )
    )
    return [(row.kind, row.agency_id, row.looked_at) for row in rows]


async def forget_work(session: AsyncSession, agency_id: UUID, kind: WorkKind, looked_at: datetime) -> None:
    """Drop the hints whose grace was over before the look that found nothing left."""
    await session.execute(
        text(
            "DELETE FROM work_hints WHERE agency_id = :agency_id AND kind = :kind"
            f" AND due_at < CAST(:looked_at AS timestamptz) - interval '{GRACE_S} seconds'"
        ),
        {"agency_id": agency_id, "kind": kind, "looked_at": looked_at},
    )


async def list_late_work(session: AsyncSession) -> dict[WorkKind, float]:
    """Seconds that the oldest hint of a kind is past its grace: its work is there still, whatever swept."""
    rows = await session.execute(
        text(
            "SELECT kind, extract(epoch FROM app_now() - min(due_at))::float AS age_s FROM work_hints"
            f" WHERE due_at < app_now() - interval '{GRACE_S + SWEPT_WITHIN_S} seconds' GROUP BY kind"
        )
    )
    return {row.kind: row.age_s - GRACE_S for row in rows}
