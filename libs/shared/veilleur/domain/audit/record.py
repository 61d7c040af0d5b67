"""Writing to the trail, in the transaction of the deed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.models import AuditEntry
from veilleur.infra.db.bulk import insert_rows
from veilleur.infra.worklist import hint_work

SEALED_IN_S = 1
"""How long an entry waits for others before they are sealed together."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did what to what: `Deed("mem_…", "member.created", "mem_…")`."""

    actor: str
    action: str
    subject: str
    client_id: UUID | None = None
    details: dict[str, Any] = field(default_factory=dict)


async def record_deeds(session: AsyncSession, agency_id: UUID, deeds: Sequence[Deed]) -> None:
    rows = [
        {
            "actor": deed.actor,
            "action": deed.action,
            "subject": deed.subject,
            "client_id": deed.client_id,
            "details": deed.details,
        }
        for deed in deeds
    ]
    await insert_rows(session, AuditEntry, rows, shared={"agency_id": agency_id})
    await hint_work(session, agency_id, "audit", in_s=SEALED_IN_S)
