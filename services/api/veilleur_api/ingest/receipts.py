"""What became of the last deliveries, for the client's own engineer."""

from fastapi import Request
from starlette.responses import Response

from veilleur.domain.intake.deliveries import page_source_deliveries
from veilleur.domain.tenancy.models import Source
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import read_id
from veilleur.kernel.messages import choose_language, msg
from veilleur.kernel.paging import PageRequest, read_cursor
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Client, Limit, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.ingest.documents import DeliveriesOut
from veilleur_api.principals import authorise_client

router = guarded_router("/ingest/v1", authorise_client, "receipts")


@router.get("/sources/{source_id}/receipts", responses={200: {"model": DeliveriesOut}}, **needs("items:read"))
async def list_receipts(
    source_id: str, request: Request, caller: Client, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """Your source's last deliveries, newest first, with the outcome of their verification; never their bodies."""
    source = await session.get(Source, (caller.agency_id, read_id("src", source_id)))
    if source is None:
        raise NotFound(msg("There is no {id} here", id=source_id[:64]))
    page = PageRequest(limit, read_cursor(after, parts=2) if after else None)
    language = choose_language(request.headers.get("accept-language"))
    return JsonAnswer(await page_source_deliveries(session, caller.agency_id, source.id, page, language))
