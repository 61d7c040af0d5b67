"""Whether a source is connected well: a sample run through it, and what became of its last deliveries."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from veilleur.domain.intake.deliveries import page_source_deliveries
from veilleur.domain.intake.sources.rehearsal import rehearse
from veilleur.kernel.clock import now
from veilleur.kernel.errors import NotFound
from veilleur.kernel.messages import choose_language, msg
from veilleur.kernel.paging import PageRequest, read_cursor
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, PartsOf, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.ingest.documents import DeliveriesOut
from veilleur_api.ingest.webhooks import describe_receipt
from veilleur_api.owner.common import find_client_source
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "connections")


@router.post("/clients/{client_id}/sources/{source_id}/test", **needs("clients:write"))
async def test_source(client_id: str, source_id: str, caller: Member, parts: PartsOf) -> Response:
    """Send a sample of the platform, signed with the source's own secret, the way a real delivery goes.

    In test mode: its outcome is fixed, no person sees it, nothing is billed. `signed` is false where only the platform
    can sign. The transaction that finds the source is over before the sample is stored.
    """
    async with parts.database.transaction(caller.scope) as session:
        row = await find_client_source(session, caller.agency_id, client_id, source_id)
    source = await parts.lookups.find_source(row.id)
    if source is None:
        raise NotFound(msg("There is no {id} here", id=source_id[:64]))
    tried = rehearse(source, now())
    receipts = await parts.gate.take_in(tried.arrival) if tried.arrival and tried.arrival.events else []
    shown: dict[str, Any] = {
        "signed": tried.signed,
        "headers": sorted(tried.delivery.headers),
        "body": tried.payload,
        "items": [describe_receipt(receipt) for receipt in receipts],
    }
    return JsonAnswer(shown)


@router.get(
    "/clients/{client_id}/sources/{source_id}/receipts",
    responses={200: {"model": DeliveriesOut}},
    **needs("clients:read"),
)
async def list_source_deliveries(
    client_id: str,
    source_id: str,
    request: Request,
    caller: Member,
    session: Tx,
    *,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """The source's last deliveries, newest first, with the outcome of their verification; never their bodies."""
    source = await find_client_source(session, caller.agency_id, client_id, source_id)
    page = PageRequest(limit, read_cursor(after, parts=2) if after else None)
    language = choose_language(request.headers.get("accept-language"))
    return JsonAnswer(await page_source_deliveries(session, caller.agency_id, source.id, page, language))
