"""Usage after the fact: sums are packed, thresholds are looked at; now and then, however much comes in."""

import asyncio
from uuid import UUID

from veilleur.domain.invoicing.watch import list_watched_clients, watch_usage
from veilleur.domain.metering.pack import pack_sums
from veilleur.domain.metering.record import WATCHED_WITHIN_S
from veilleur.infra.db.session import Scope
from veilleur.infra.worklist import hint_work
from veilleur_worker.parts import Parts

PACK_EVERY_S = 15.0
"""Shorter than the grace of a hint, or a hint could be forgotten before its work was done."""

_packed_at: dict[UUID, float] = {}


async def drain_usage(parts: Parts, agency_id: UUID) -> None:
    """Every look costs the same however much was counted since: the looks of one agency keep their distance."""
    present = asyncio.get_running_loop().time()
    if present - _packed_at.get(agency_id, -PACK_EVERY_S) < PACK_EVERY_S:
        async with parts.database.transaction(Scope(agency_id)) as session:
            await hint_work(session, agency_id, "usage", in_s=WATCHED_WITHIN_S)
        return
    _packed_at[agency_id] = present
    more = True
    while more and not parts.stopping.is_set():
        async with parts.database.transaction(Scope(agency_id)) as session:
            more = await pack_sums(session, agency_id)
    async with parts.database.transaction(Scope(agency_id)) as session:
        clients = await list_watched_clients(session, agency_id)
    for client_id in clients:
        async with parts.database.transaction(Scope(agency_id)) as session:
            await watch_usage(session, agency_id, client_id)
