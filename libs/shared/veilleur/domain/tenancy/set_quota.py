"""Setting quotas, and counting what was sent: for limits, never for bills."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.tenancy.quota import NO_LIMITS, NO_USE, Limits, Use
from veilleur.domain.tenancy.quota_models import Quota, QuotaUse
from veilleur.kernel.ids import new_id, show_id


@dataclass(frozen=True, slots=True)
class Standing:
    """What a client may send and has sent, and what its whole agency may and has."""

    client: Limits = NO_LIMITS
    agency: Limits = NO_LIMITS
    client_use: Use = NO_USE
    agency_use: Use = NO_USE
    beyond: int = 0
    """Of this month's items of the client, those taken beyond a quota."""


async def set_quota(session: AsyncSession, agency_id: UUID, client_id: UUID | None, limits: Limits, actor: str) -> None:
    """Set a client's limits, or without one the agency's; those not named are taken away."""
    values = {**asdict(limits), "set_by": actor, "set_at": func.app_now()}
    row = {"agency_id": agency_id, "id": new_id(), "client_id": client_id}
    statement = insert(Quota).values(row | values)
    await session.execute(
        statement.on_conflict_do_update(index_elements=[Quota.agency_id, Quota.client_id], set_=values)
    )
    subject = show_id("cli", client_id) if client_id is not None else show_id("agc", agency_id)
    await record_deeds(session, agency_id, [Deed(actor, "quota.set", subject, client_id, asdict(limits))])


async def load_standing(session: AsyncSession, agency_id: UUID, client_id: UUID | None, today: date) -> Standing:
    """Limits and use as they are written down; without a client the agency's alone."""
    limits = {
        row.client_id: Limits(row.items_per_s, row.burst, row.items_per_day, row.items_per_month)
        for row in await session.scalars(
            select(Quota).where(
                Quota.agency_id == agency_id, (Quota.client_id == client_id) | Quota.client_id.is_(None)
            )
        )
    }
    mine = QuotaUse.client_id == client_id
    is_today = QuotaUse.day == today
    query = select(
        *(
            func.coalesce(func.sum(column).filter(*conditions), 0)
            for column, conditions in (
                (QuotaUse.items, (mine, is_today)),
                (QuotaUse.items, (mine,)),
                (QuotaUse.items, (is_today,)),
                (QuotaUse.items, (QuotaUse.day <= today,)),
                (QuotaUse.beyond, (mine,)),
            )
        )
    ).where(QuotaUse.agency_id == agency_id, QuotaUse.day >= today.replace(day=1), QuotaUse.day <= today)
    day, month, agency_day, agency_month, beyond = (int(one) for one in (await session.execute(query)).one())
    client = limits.get(client_id, NO_LIMITS) if client_id is not None else NO_LIMITS
    return Standing(client, limits.get(None, NO_LIMITS), Use(day, month), Use(agency_day, agency_month), beyond)


async def count_use(
    session: AsyncSession, agency_id: UUID, counts: Mapping[tuple[UUID, date], tuple[int, int]]
) -> None:
    """Add what was sent, by client and day: items, and of them those beyond a quota."""
    rows = [
        {"agency_id": agency_id, "id": new_id(), "client_id": client_id, "day": day, "items": items, "beyond": beyond}
        for (client_id, day), (items, beyond) in sorted(counts.items())
    ]
    statement = insert(QuotaUse).values(rows)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[QuotaUse.agency_id, QuotaUse.client_id, QuotaUse.day],
            set_={
                "items": QuotaUse.items + statement.excluded["items"],
                "beyond": QuotaUse.beyond + statement.excluded.beyond,
            },
        )
    )


def describe_client_quota(standing: Standing) -> dict[str, Any]:
    used = {"day": standing.client_use.day, "month": standing.client_use.month, "beyond": standing.beyond}
    return {"limits": asdict(standing.client), "used": used}


def describe_agency_quota(standing: Standing) -> dict[str, Any]:
    return {"limits": asdict(standing.agency), "used": asdict(standing.agency_use)}
