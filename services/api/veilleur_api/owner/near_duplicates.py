"""Copies of a text: who posted it, where and since when."""

from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.intake.models import Item
from veilleur.domain.screening.copies import select_copies, sum_copies
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "rules")


@router.get("/clients/{client_id}/items/{item_id}/near-duplicates", **needs("rules:read"))
async def list_near_duplicates(
    client_id: str, item_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """The items that say the same as this one, itself among them, oldest first, and how large the wave is. Texts are
    shown, so that it is noted who looked.
    """
    client = await find_client(session, caller.agency_id, client_id)
    mine = (Item.agency_id == caller.agency_id, Item.client_id == client.id, Item.id == read_id("itm", item_id))
    item = await session.scalar(select(Item).where(*mine))
    if item is None:
        raise NotFound(msg("There is no such item"))
    wave = await sum_copies(session, item)
    page = await page_by_id(session, select_copies(item), Item, limit, after, _describe)
    deed = Deed(caller.name, "items.read", show_id("itm", item.id), client.id, {"items": len(page["data"])})
    await record_deeds(session, caller.agency_id, [deed])
    summary = {
        "items": wave.items,
        "authors": wave.authors,
        "sources": wave.sources,
        "first_seen_at": wave.first_seen_at,
        "last_seen_at": wave.last_seen_at,
    }
    return JsonAnswer(page | {"wave": summary})


def _describe(item: Item) -> dict[str, Any]:
    return {
        "id": show_id("itm", item.id),
        "external_id": item.external_id,
        "source_id": show_id("src", item.source_id),
        "author": item.author_external_id,
        "text": item.body.get("text") if item.hold_class is None else None,
        "state": item.state,
        "received_at": item.received_at,
    }
