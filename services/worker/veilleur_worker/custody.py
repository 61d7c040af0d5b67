"""Sealing the trail, erasing, and letting clients go."""

from uuid import UUID

from sqlalchemy import select

from veilleur.domain.custody.advance_erasure import Progress, advance_author, resume_held
from veilleur.domain.custody.advance_offboarding import advance_offboarding, list_offboardings
from veilleur.domain.custody.erase_tables import advance_client, advance_departure
from veilleur.domain.custody.models import Erasure
from veilleur.domain.custody.seal_audit import seal_entries
from veilleur.infra.db.session import Scope
from veilleur_worker.parts import Parts

SEAL_BATCH = 2_000


async def drain_audit(parts: Parts, agency_id: UUID) -> None:
    """Seal what was committed since the last seal."""
    full = True
    while full and not parts.stopping.is_set():
        async with parts.database.transaction(Scope(agency_id)) as session:
            seal = await seal_entries(session, parts.sealer, agency_id, SEAL_BATCH)
        full = seal is not None and seal.last_place - seal.first_place + 1 == SEAL_BATCH


async def drain_erasures(parts: Parts, agency_id: UUID) -> None:
    """Go on with every erasure that can go on, a batch a commit."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        await resume_held(session, agency_id)
        running = select(Erasure.id, Erasure.kind).where(Erasure.agency_id == agency_id, Erasure.state == "running")
        erasures = (await session.execute(running.order_by(Erasure.id))).all()
    for erasure_id, kind in erasures:
        progress: Progress = "more"
        while progress == "more" and not parts.stopping.is_set():
            async with parts.database.transaction(Scope(agency_id)) as session:
                if kind == "client":
                    progress = await advance_client(session, agency_id, erasure_id)
                else:
                    progress = await advance_author(session, parts.sealer, agency_id, erasure_id)
    progress = "more"
    while progress == "more" and not parts.stopping.is_set():
        async with parts.database.transaction(Scope(agency_id)) as session:
            progress = await advance_departure(session, agency_id)


async def drain_offboardings(parts: Parts, agency_id: UUID) -> None:
    """Go on with clients that leave."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        leaving = await list_offboardings(session, agency_id)
    for offboarding_id in leaving:
        more = True
        while more and not parts.stopping.is_set():
            async with parts.database.transaction(Scope(agency_id)) as session:
                more = await advance_offboarding(session, parts.sealer, agency_id, offboarding_id)
