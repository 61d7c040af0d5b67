"""Snapshots of media: the network call and the decoding, with no transaction open."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from veilleur.domain.review.snapshot_media import Fetch, Fetched, Missed, begin_fetches, finish_fetch, seal_views
from veilleur.infra.db.session import Scope
from veilleur.infra.images import ImageRefused, make_views
from veilleur.infra.outbound.dial import EgressBlocked, OutboundError
from veilleur.infra.outbound.http import get_capped
from veilleur_worker.parts import Parts

MEDIA_BATCH = 8
"""Fetched at once, 10 MiB each at most."""
TIMEOUT_S = 15.0
MOST_BYTES = 10 * 1024 * 1024
_MAY_PASS = frozenset({408, 425, 429})

# One image at a time: what one may take of memory is bounded, several at once would not be.
_decoder = ThreadPoolExecutor(1, thread_name_prefix="decode")


async def drain_media(parts: Parts, agency_id: UUID) -> None:
    """Fetch what cases are about, some at once; each is recorded when it is done."""
    while not parts.stopping.is_set():
        async with parts.database.transaction(Scope(agency_id)) as session:
            fetches = await begin_fetches(session, agency_id, MEDIA_BATCH)
        if not fetches:
            return
        await asyncio.gather(*(_snapshot(parts, agency_id, fetch) for fetch in fetches))


async def fetch_media(parts: Parts, agency_id: UUID, fetch: Fetch) -> Fetched | Missed:
    """Fetch, shrink, blur and seal one image; whatever happens becomes a result."""
    try:
        reply = await get_capped(parts.http, fetch.url, {}, TIMEOUT_S, MOST_BYTES + 1)
    except EgressBlocked as blocked:
        return Missed(blocked.reason, permanent=True)
    except OutboundError as error:
        return Missed(error.reason)
    if reply.status != 200:
        return Missed("status", permanent=reply.status < 500 and reply.status not in _MAY_PASS)
    if len(reply.body) > MOST_BYTES:
        return Missed("too_large", permanent=True)
    try:
        views = await asyncio.get_running_loop().run_in_executor(_decoder, make_views, reply.body)
    except ImageRefused as refused:
        return Missed(refused.reason, permanent=True)
    async with parts.database.transaction(Scope(agency_id)) as session:
        sealer = await parts.keyring.sealer_in(session, agency_id, fetch.client_id)
    return seal_views(sealer, agency_id, fetch.id, views.full, views.blurred)


async def _snapshot(parts: Parts, agency_id: UUID, fetch: Fetch) -> None:
    result = await fetch_media(parts, agency_id, fetch)
    async with parts.database.transaction(Scope(agency_id)) as session:
        await finish_fetch(session, agency_id, fetch, result)
