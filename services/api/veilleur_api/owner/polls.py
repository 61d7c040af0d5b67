"""Asking a platform for what its webhooks missed: off until configured, its key sealed and never shown."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.intake.models import SourcePoll
from veilleur.domain.intake.poll import PollSettings, configure_poll, stop_poll
from veilleur.domain.tenancy.models import Source
from veilleur.infra.outbound.egress import check_callback_url
from veilleur.kernel.errors import Conflict, NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Member, PartsOf, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client_source
from veilleur_api.owner.documents import PollIn
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "connections")

POLLED = ("discourse",)


@router.put("/clients/{client_id}/sources/{source_id}/poll", **needs("clients:write"))
async def put_poll(
    client_id: str, source_id: str, wanted: PollIn, caller: Member, session: Tx, parts: PartsOf
) -> Response:
    """Ask the forum for the posts whose webhooks never arrived, from now on; Discourse repeats none after a timeout."""
    source = await find_client_source(session, caller.agency_id, client_id, source_id)
    if source.kind not in POLLED:
        raise Conflict(msg("Only sources of these kinds are asked: {codes}", codes=POLLED))
    check_callback_url(wanted.url, parts.egress, "/url")
    settings = PollSettings(wanted.url, wanted.username, wanted.api_key, wanted.every_s)
    sealer = await parts.keyring.sealer_in(session, caller.agency_id, source.client_id)
    return JsonAnswer(_describe(await configure_poll(session, sealer, source, settings, caller.name)))


@router.get("/clients/{client_id}/sources/{source_id}/poll", **needs("clients:read"))
async def get_poll(client_id: str, source_id: str, caller: Member, session: Tx) -> Response:
    """How the forum is asked, how far that went, and why not further."""
    source = await find_client_source(session, caller.agency_id, client_id, source_id)
    return JsonAnswer(_describe(await _find_poll(session, source)))


@router.delete("/clients/{client_id}/sources/{source_id}/poll", status_code=204, **needs("clients:write"))
async def delete_poll(client_id: str, source_id: str, caller: Member, session: Tx) -> Response:
    """Ask no more, and forget the key."""
    source = await find_client_source(session, caller.agency_id, client_id, source_id)
    await stop_poll(session, source, caller.name)
    return Response(status_code=204)


async def _find_poll(session: AsyncSession, source: Source) -> SourcePoll:
    poll = await session.get(SourcePoll, (source.agency_id, source.id))
    if poll is None:
        raise NotFound(msg("There is no {id} here", id=f"{show_id('src', source.id)}/poll"))
    return poll


def _describe(poll: SourcePoll) -> dict[str, Any]:
    return {
        "url": poll.url,
        "username": poll.username,
        "every_s": poll.every_s,
        "cursor": poll.cursor,
        "due_at": poll.due_at,
        "polled_at": poll.polled_at,
        "last_error": poll.last_error,
    }
