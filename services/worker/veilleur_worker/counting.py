"""Asking the counters: between two transactions, with none open; and recounting what they can't vouch for."""

from collections.abc import Sequence
from uuid import UUID

from veilleur.domain.screening.count import (
    CountedClient,
    RecountPage,
    list_counted_clients,
    list_in_flight,
    prepare_counts,
    read_recount,
)
from veilleur.domain.screening.tally import NO_COUNTS, Counts, fold_answers
from veilleur.infra.counters import CountersUnavailableError
from veilleur.infra.db.session import Scope
from veilleur_worker.parts import Parts


async def count_batch(parts: Parts, agency_id: UUID, item_ids: Sequence[UUID]) -> Counts:
    """Count a marked batch, and what its rules read of it. Without the counters it goes on: they are unknown."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        request = await prepare_counts(session, agency_id, item_ids, parts.rule_sets)
    if request is None:
        return NO_COUNTS
    try:
        answers = await parts.counters.count([one.tally for one in request.asked], request.present.timestamp())
    except CountersUnavailableError:
        return Counts(missed=request.clients)
    return fold_answers(request.asked, answers)


async def recount_counters(parts: Parts, agency_id: UUID) -> None:
    """Count the stored items of every window again that a counter can't vouch for. Twice does no harm."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        clients = await list_counted_clients(session, agency_id, parts.rule_sets)
    try:
        for counted in clients:
            await _recount(parts, agency_id, counted)
    except CountersUnavailableError:
        return  # the next batch that misses them asks again


async def _recount(parts: Parts, agency_id: UUID, counted: CountedClient) -> None:
    boot, unmarked = await parts.counters.find_unmarked(counted.counters)
    if not unmarked:
        return
    async with parts.database.transaction(Scope(agency_id)) as session:
        page = await list_in_flight(session, agency_id, counted)
    await _add(parts, page)
    page = await _read(parts, agency_id, counted, None)
    await _add(parts, page)
    while page.place is not None:
        page = await _read(parts, agency_id, counted, page)
        await _add(parts, page)
    await parts.counters.mark(boot, unmarked)


async def _read(parts: Parts, agency_id: UUID, counted: CountedClient, before: RecountPage | None) -> RecountPage:
    async with parts.database.transaction(Scope(agency_id)) as session:
        return await read_recount(session, agency_id, counted, before.place if before else None)


async def _add(parts: Parts, page: RecountPage) -> None:
    await parts.counters.count([one.tally for one in page.asked], page.present.timestamp())
