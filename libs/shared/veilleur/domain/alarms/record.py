"""Raising and closing alarms, in the transaction of whoever notices."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.models import Alarm
from veilleur.domain.outbox.notify import Notice, notify_agency
from veilleur.kernel.ids import new_id

AlarmKind = Literal[
    "rule.anomaly",
    "rule.capped",
    "source.silent",
    "queue.uncovered",
    "endpoint.failing",
    "usage.threshold",
    "usage.unreconciled",
    "invoice.unsent",
    "case.escalated",
    "case.flagged",
    "break_glass.opened",
]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What to look at: `Trouble("source.silent", "src_…", client_id, {"silent_s": 7200})`."""

    kind: AlarmKind
    subject: str
    client_id: UUID | None = None
    figures: dict[str, Any] = field(default_factory=dict)


async def raise_alarm(session: AsyncSession, agency_id: UUID, trouble: Trouble) -> bool:
    """Open an alarm and tell the agency, or renew the figures of the one that is open; whether it is new."""
    values = {
        "agency_id": agency_id,
        "id": new_id(),
        "client_id": trouble.client_id,
        "kind": trouble.kind,
        "subject": trouble.subject,
        "figures": trouble.figures,
    }
    statement = insert(Alarm).values(values)
    renewed = statement.on_conflict_do_update(
        index_elements=[Alarm.agency_id, Alarm.kind, Alarm.client_id, Alarm.subject],
        index_where=Alarm.closed_at.is_(None),
        set_={
            "figures": statement.excluded.figures,
            "times": Alarm.times + 1,
            "noticed_at": func.app_now(),
        },
    ).returning(Alarm.times, Alarm.noticed_at)
    row = (await session.execute(renewed)).one()
    if row.times > 1:
        return False
    if trouble.kind == "case.flagged" or trouble.kind == "rule.capped":  # noqa: PLR1714 - narrows the type
        return True  # for whoever reads the list alone
    data = {"subject": trouble.subject, "figures": trouble.figures}
    await notify_agency(session, agency_id, [Notice(trouble.kind, trouble.client_id, data, row.noticed_at)])
    return True


async def close_alarms(
    session: AsyncSession, agency_id: UUID, kind: AlarmKind, subjects: Collection[str], client_id: UUID | None = None
) -> Sequence[str]:
    """Close what is open about these subjects: it is over. The subjects whose alarm was closed."""
    if not subjects:
        return []
    closed = await session.scalars(
        update(Alarm)
        .where(
            Alarm.agency_id == agency_id,
            Alarm.kind == kind,
            Alarm.client_id.is_not_distinct_from(client_id),
            Alarm.subject.in_(subjects),
            Alarm.closed_at.is_(None),
        )
        .values(closed_at=func.app_now())
        .returning(Alarm.subject)
    )
    return closed.all()
