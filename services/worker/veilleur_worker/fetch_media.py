"""The network call and the decoding of a snapshot, with no transaction open."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from veilleur.domain.review.snapshot_media import Fetch, Fetched, Missed, seal_views
from veilleur.infra.db.session import Scope
from veilleur.infra.images import ImageRefused, make_views
from veilleur.infra.outbound.dial import EgressBlocked, OutboundError
from veilleur.infra.outbound.http import get_capped
from veilleur_worker.parts import Parts

TIMEOUT_S = 15.0
MOST_BYTES = 10 * 1024 * 1024
_MAY_PASS = frozenset({408, 425, 429})

# One image at a time: what one may take of memory is bounded, several at once would not be.
_decoder = ThreadPoolExecutor(1, thread_name_prefix="decode")


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
