"""Sealing the trail, erasing, and letting clients go."""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select

from veilleur.domain.custody.advance_erasure import Progress, advance_author, list_counted_items, resume_held
from veilleur.domain.custody.advance_offboarding import Step, advance_offboarding, list_offboardings
from veilleur.domain.custody.drop_expired import drop_expired, list_clients
from veilleur.domain.custody.erase_tables import advance_client, advance_departure
from veilleur.domain.custody.journal_erasure import describe_departure_for_journal, describe_for_journal
from veilleur.domain.custody.models import Erasure
from veilleur.domain.custody.seal_audit import seal_entries
from veilleur.domain.custody.settle_bill import find_last_stretch, settle_bill
from veilleur.domain.invoicing.reconcile import compare_apart
from veilleur.domain.screening.count import list_personal_tallies
from veilleur.infra.counters import CountersUnavailableError
from veilleur.infra.db.session import Scope
from veilleur.infra.worklist import hint_work
from veilleur_worker.parts import Parts

SEAL_BATCH = 2_000
DROP_BATCH = 1_000
BILL_AGAIN_S = 60

_log = structlog.get_logger(__name__)


async def drain_audit(parts: Parts, agency_id: UUID) -> None:
    """Seal what was committed since the last seal."""
    full = True
    while full and not parts.stopping.is_set():
        async with parts.database.transaction(Scope(agency_id)) as session:
            seal = await seal_entries(session, parts.sealer, agency_id, SEAL_BATCH)
        full = seal is not None and seal.last_place - seal.first_place + 1 == SEAL_BATCH


async def drain_erasures(parts: Parts, agency_id: UUID) -> None:
    """Go on with every erasure that can go on, a batch a commit; none before its line is in the journal."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        await resume_held(session, agency_id)
        running = select(Erasure.id, Erasure.kind, Erasure.requested_at).where(
            Erasure.agency_id == agency_id, Erasure.state == "running"
        )
        erasures = (await session.execute(running.order_by(Erasure.id))).all()
    for erasure_id, kind, requested_at in erasures:
        await _journal_erasure(parts, agency_id, erasure_id, requested_at)
        if kind == "author":
            await _forget_counts(parts, agency_id, erasure_id)
        progress: Progress = "more"
        while progress == "more" and not parts.stopping.is_set():
            async with parts.database.transaction(Scope(agency_id)) as session:
                if kind == "client":
                    progress = await advance_client(session, agency_id, erasure_id)
                else:
                    progress = await advance_author(session, parts.sealer, agency_id, erasure_id)
    await _journal_departure(parts, agency_id)
    progress = "more"
    while progress == "more" and not parts.stopping.is_set():
        async with parts.database.transaction(Scope(agency_id)) as session:
            progress = await advance_departure(session, agency_id)


async def drain_offboardings(parts: Parts, agency_id: UUID) -> None:
    """Go on with clients that leave."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        leaving = await list_offboardings(session, agency_id)
    for offboarding_id in leaving:
        step: Step = "more"
        while step == "more" and not parts.stopping.is_set():
            async with parts.database.transaction(Scope(agency_id)) as session:
                step = await advance_offboarding(session, parts.sealer, agency_id, offboarding_id)
        if step == "bill":
            await _bill_safely(parts, agency_id, offboarding_id)


async def drop_by_terms(parts: Parts, agency_id: UUID) -> None:
    """Drop what is past keeping by what each client's data policy says."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        clients = await list_clients(session, agency_id)
    for client_id in clients:
        more = True
        while more and not parts.stopping.is_set():
            async with parts.database.transaction(Scope(agency_id)) as session:
                more = await drop_expired(session, agency_id, client_id, DROP_BATCH)


async def _journal_erasure(parts: Parts, agency_id: UUID, erasure_id: UUID, requested_at: datetime) -> None:
    key = (erasure_id, requested_at)
    if parts.journal.wants(key):
        async with parts.database.transaction(Scope(agency_id)) as session:
            entry = await describe_for_journal(session, parts.sealer, agency_id, erasure_id)
        if entry is not None:
            await parts.journal.append(key, entry.write())


async def _journal_departure(parts: Parts, agency_id: UUID) -> None:
    if parts.journal.wants(agency_id):
        async with parts.database.transaction(Scope(agency_id)) as session:
            entry = await describe_departure_for_journal(session, parts.sealer, agency_id)
        if entry is not None:
            await parts.journal.append(agency_id, entry.write())


async def _bill_safely(parts: Parts, agency_id: UUID, offboarding_id: UUID) -> None:
    """One client's bill keeps no other client from leaving."""
    try:
        await _bill(parts, agency_id, offboarding_id)
    except Exception as error:  # noqa: BLE001 - said here, and tried again in a minute
        _log.error("last_bill_failed", offboarding_id=str(offboarding_id), error=type(error).__name__, exc_info=error)
        async with parts.database.transaction(Scope(agency_id)) as session:
            await hint_work(session, agency_id, "offboarding", in_s=BILL_AGAIN_S)


async def _bill(parts: Parts, agency_id: UUID, offboarding_id: UUID) -> None:
    """Facts and records of the last period are compared first, slice by slice: it may be a large one."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        stretch = await find_last_stretch(session, agency_id, offboarding_id)
    agreement = await compare_apart(parts.database, stretch) if stretch is not None else None
    async with parts.database.transaction(Scope(agency_id)) as session:
        await settle_bill(session, agency_id, offboarding_id, agreement)


async def _forget_counts(parts: Parts, agency_id: UUID, erasure_id: UUID) -> None:
    """Take an author out of the counters, as long as their items say where they are. Without Valkey it goes on: what is
    left there are hashes, which end with their windows.
    """
    after: UUID | None = None
    while True:
        async with parts.database.transaction(Scope(agency_id)) as session:
            page = await list_counted_items(session, parts.sealer, agency_id, erasure_id, after)
            tallies = await list_personal_tallies(session, agency_id, page, parts.rule_sets)
        if not page:
            return
        after = page[-1]
        try:
            await parts.counters.forget(tallies)
        except CountersUnavailableError:
            _log.warning("counts_not_forgotten", agency_id=str(agency_id))
            return
