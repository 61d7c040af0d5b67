"""Asking a platform for what its webhooks missed: off until configured, its key sealed and never shown."""

from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.intake.models import SourcePoll
from veilleur.domain.intake.poll import PollSettings, configure_poll, stop_poll
from veilleur.domain.intake.sources.polling import Poller
from veilleur.domain.intake.sources.registry import POLLERS
from veilleur.domain.tenancy.models import Source
from veilleur.infra.outbound.egress import check_callback_url
from veilleur.infra.validation import invalid_from_pydantic
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

POLLED = tuple(POLLERS)


@router.put("/clients/{client_id}/sources/{source_id}/poll", **needs("clients:write"))
async def put_poll(
    client_id: str, source_id: str, wanted: PollIn, caller: Member, session: Tx, parts: PartsOf
) -> Response:
    """Ask the platform from now on for what it does not send, or what its webhooks missed.

    `discourse`: posts, edits and the review queue; `reddit`: the moderation queue; `youtube`: a channel's comments.
    """
    source = await find_client_source(session, caller.agency_id, client_id, source_id)
    if source.kind not in POLLED:
        raise Conflict(msg("Only sources of these kinds are asked: {codes}", codes=POLLED))
    settings = _read_settings(POLLERS[source.kind], wanted)
    check_callback_url(settings.url, parts.egress, "/url")
    sealer = await parts.keyring.sealer_in(session, caller.agency_id, source.client_id)
    return JsonAnswer(_describe(await configure_poll(session, sealer, source, settings, caller.name)))


@router.get("/clients/{client_id}/sources/{source_id}/poll", **needs("clients:read"))
async def get_poll(client_id: str, source_id: str, caller: Member, session: Tx) -> Response:
    """How the platform is asked, how far that went, and why not further."""
    source = await find_client_source(session, caller.agency_id, client_id, source_id)
    return JsonAnswer(_describe(await _find_poll(session, source)))


@router.delete("/clients/{client_id}/sources/{source_id}/poll", status_code=204, **needs("clients:write"))
async def delete_poll(client_id: str, source_id: str, caller: Member, session: Tx) -> Response:
    """Ask no more, and forget the key."""
    source = await find_client_source(session, caller.agency_id, client_id, source_id)
    await stop_poll(session, source, caller.name)
    return Response(status_code=204)


def _read_settings(poller: Poller, wanted: PollIn) -> PollSettings:
    given = wanted.model_dump(exclude_unset=True)
    try:
        read = poller.shape.model_validate(given).model_dump(mode="json")
    except ValidationError as error:
        raise invalid_from_pydantic(error.errors(include_url=False), document=given) from None
    secret = read.pop(poller.shape.sealed)
    secrets = secret if isinstance(secret, dict) else {poller.shape.sealed: secret}
    url, username, every_s = read.pop("url", poller.url), read.pop("username", ""), read.pop("every_s")
    return PollSettings(url, username, secrets, every_s, read)


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
        "settings": poll.settings,
        "cursor": poll.cursor,
        "due_at": poll.due_at,
        "polled_at": poll.polled_at,
        "last_error": poll.last_error,
    }
