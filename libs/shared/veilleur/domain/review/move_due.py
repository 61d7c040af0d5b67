"""The due time of a case is a copy of its decision clock's: whoever moves the clock moves the case, in one commit."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_MOVE = text("""
UPDATE cases SET due_at = t.due_at
FROM unnest(CAST(:item_ids AS uuid[]), CAST(:due AS timestamptz[])) AS t(item_id, due_at)
JOIN sla_clocks c ON c.agency_id = :agency_id AND c.item_id = t.item_id AND c.metric = 'decision'
WHERE cases.agency_id = :agency_id AND cases.id = c.case_id AND cases.closed_at IS NULL AND cases.due_at <> t.due_at
""")


async def move_due_times(session: AsyncSession, agency_id: UUID, due: Mapping[UUID, datetime]) -> None:
    """Give the open cases of these items their clocks' due times; the caller has locked the cases."""
    if due:
        values = {"agency_id": agency_id, "item_ids": list(due), "due": list(due.values())}
        await session.execute(_MOVE, values)
