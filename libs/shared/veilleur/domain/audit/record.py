"""Writing to the trail, in the transaction of the deed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did what to what: `Deed("mem_…", "member.created", "mem_…")`."""

    actor: str
    action: str
    subject: str
    client_id: UUID | None = None
    details: dict[str, Any] = field(default_factory=dict)


_INSERT = text("""
INSERT INTO audit_entries (agency_id, id, actor, action, subject, client_id, details)
SELECT :agency_id, t.id, t.actor, t.action, t.subject, t.client_id, CAST(t.details AS jsonb)
FROM unnest(CAST(:id AS uuid[]), CAST(:actor AS text[]), CAST(:action AS text[]), CAST(:subject AS text[]),
            CAST(:client_id AS uuid[]), CAST(:details AS text[])) AS t(id, actor, action, subject, client_id, details)
""")


async def record_deeds(session: AsyncSession, agency_id: UUID, deeds: Sequence[Deed]) -> None:
    if not deeds:
        return
    columns = {
        "id": [new_id() for _ in deeds],
        "actor": [deed.actor for deed in deeds],
        "action": [deed.action for deed in deeds],
        "subject": [deed.subject for deed in deeds],
        "client_id": [deed.client_id for deed in deeds],
        "details": [json.dumps(deed.details) for deed in deeds],
    }
    await session.execute(_INSERT, {"agency_id": agency_id} | columns)
