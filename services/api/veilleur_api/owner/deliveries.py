"""Callbacks on their way, and those that never arrived."""

from typing import Any, Literal

from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.outbox.models import Delivery, Event
from veilleur.kernel.ids import show_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "deliveries")


@router.get("/deliveries", **needs("deliveries:read"))
async def list_deliveries(
    caller: Member,
    session: Tx,
    state: Literal["pending", "sending", "delivered", "dead"] | None = None,
    client: str | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Deliveries in the order they were made; `state=dead` are those given up."""
    query = select(Delivery).where(Delivery.agency_id == caller.agency_id)
    if state is not None:
        query = query.where(Delivery.state == state)
    if client is not None:
        query = query.where(Delivery.client_id == (await find_client(session, caller.agency_id, client)).id)
    page = await page_by_id(session, query, Delivery, limit, after, _describe)
    ids = [row["event"] for row in page["data"]]
    types = dict((await session.execute(select(Event.id, Event.type).where(Event.id.in_(ids)))).all())
    for row in page["data"]:
        row |= {"type": types.get(row["event"]), "event": show_id("evt", row["event"])}
    return JsonAnswer(page)


def _describe(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": show_id("dlv", delivery.id),
        "client": None if delivery.client_id is None else show_id("cli", delivery.client_id),
        "endpoint": show_id("end", delivery.endpoint_id),
        "event": delivery.event_id,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "due_at": delivery.due_at,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "created_at": delivery.created_at,
        "delivered_at": delivery.delivered_at,
    }
