"""From an erasure that is to begin to its line in the journal."""

import json
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.custody.depart import find_departure
from veilleur.domain.custody.journal import Entry, Kind, seal_entry_place
from veilleur.domain.custody.models import Erasure
from veilleur.domain.custody.request_erasure import seal_place
from veilleur.domain.tenancy.keyring import find_sealer
from veilleur.infra.security.sealing import Sealer


async def describe_for_journal(
    session: AsyncSession, masters: Sealer, agency_id: UUID, erasure_id: UUID
) -> Entry | None:
    """None when nothing is left to do of it."""
    erasure = await session.get(Erasure, (agency_id, erasure_id))
    if erasure is None or erasure.subject is None:
        return None
    sealer = await find_sealer(session, masters, agency_id, None)
    subject = sealer.open(erasure.subject, seal_place(agency_id, erasure_id))
    kind: Kind = "author" if erasure.kind == "author" else "client"
    sealed = masters.seal(subject, seal_entry_place(agency_id, erasure_id))
    return Entry(agency_id, erasure_id, kind, erasure.client_id, erasure.requested_at, sealed)


async def describe_departure_for_journal(session: AsyncSession, masters: Sealer, agency_id: UUID) -> Entry | None:
    """None when the agency stays, or is gone."""
    departure = await find_departure(session, agency_id)
    if departure is None or departure.state != "running":
        return None
    said = json.dumps({"documents": departure.documents, "reason": departure.reason}).encode()
    sealed = masters.seal(said, seal_entry_place(agency_id, agency_id))
    return Entry(agency_id, agency_id, "agency", None, departure.requested_at, sealed)
