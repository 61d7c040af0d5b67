"""What was done on platforms, what they refused, and doing it once more."""

from typing import Any, Literal

from fastapi import Request
from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.decisions.models import Decision
from veilleur.domain.delivery.action_shape import describe_action
from veilleur.domain.delivery.models import PlatformAction
from veilleur.domain.delivery.redo_action import redo_action
from veilleur.domain.intake.models import Item
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import Language, choose_language
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.filters import read_known
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.actor_documents import OwnerPlatformActionOut, PlatformActionsOut
from veilleur_api.owner.common import page_by_id
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "deliveries")

State = Literal["pending", "sending", "done", "refused", "dead", "cancelled"]


@router.get("/platform-actions", responses={200: {"model": PlatformActionsOut}}, **needs("deliveries:read"))
async def list_platform_actions(  # noqa: PLR0917
    request: Request,
    caller: Member,
    session: Tx,
    state: State | None = None,
    client: str | None = None,
    item: str | None = None,
    decision: str | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Actions in the order they were ordered; `state=refused` are those a platform said no to."""
    query = select(PlatformAction).where(PlatformAction.agency_id == caller.agency_id)
    for column, wanted in (
        (PlatformAction.state, state),
        (PlatformAction.client_id, await read_known(session, caller.agency_id, Client, "cli", client)),
        (PlatformAction.item_id, await read_known(session, caller.agency_id, Item, "itm", item)),
        (PlatformAction.decision_id, await read_known(session, caller.agency_id, Decision, "dec", decision)),
    ):
        query = query if wanted is None else query.where(column == wanted)
    language = choose_language(request.headers.get("accept-language"))
    page = await page_by_id(session, query, PlatformAction, limit, after, lambda action: _describe(action, language))
    return JsonAnswer(page)


@router.post(
    "/platform-actions/{action_id}/redo",
    status_code=202,
    responses={202: {"model": OwnerPlatformActionOut}},
    **needs("clients:write"),
)
async def redo_platform_action(action_id: str, request: Request, caller: Member, session: Tx) -> Response:
    """Do once more, at once, what was refused, given up or cancelled; its attempts count anew."""
    action = await redo_action(session, caller.agency_id, read_id("pac", action_id), caller.name)
    return JsonAnswer(_describe(action, choose_language(request.headers.get("accept-language"))), 202)


def _describe(action: PlatformAction, language: Language) -> dict[str, Any]:
    return describe_action(action, language) | {
        "client": show_id("cli", action.client_id),
        "source": show_id("src", action.source_id),
        "item": show_id("itm", action.item_id),
    }
