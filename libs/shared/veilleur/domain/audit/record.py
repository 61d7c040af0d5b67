"""Writing to the trail, in the transaction of the deed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.models import AuditEntry
from veilleur.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did what to what: `Deed("mem_…", "member.created", "mem_…")`."""

    actor: str
    action: str
    subject: str
    client_id: UUID | None = None
    details: dict[str, Any] = field(default_factory=dict)


async def record_deeds(session: AsyncSession, agency_id: UUID, deeds: Sequence[Deed]) -> None:
    if not deeds:
        return
    await session.execute(
        insert(AuditEntry),
        [
            {
                "agency_id": agency_id,
                "id": new_id(),
                "actor": deed.actor,
                "action": deed.action,
                "subject": deed.subject,
                "client_id": deed.client_id,
                "details": deed.details,
            }
            for deed in deeds
        ],
    )
