"""What happens at the desk that the agency wants to be told of: one row each, for whoever delivers them."""

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.review.models import DeskAlarm
from veilleur.kernel.ids import new_id

AlarmType = Literal["case.escalated", "case.flagged"]


async def raise_alarm(
    session: AsyncSession,
    agency_id: UUID,
    alarm_type: AlarmType,
    client_id: UUID,
    case_id: UUID,
    data: dict[str, Any],
) -> None:
    """Leave an alarm in the transaction of its cause; `data` holds ids and codes only."""
    row = {"type": alarm_type, "client_id": client_id, "case_id": case_id, "data": data}
    await session.execute(insert(DeskAlarm).values(agency_id=agency_id, id=new_id(), **row))
