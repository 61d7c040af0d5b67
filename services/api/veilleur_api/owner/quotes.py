"""Quotes: what a client is offered, as one page that is sent, and accepted by its digest."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.billing.parties import Line
from veilleur.domain.billing.shape import show_bill
from veilleur.domain.invoicing.answer_quote import (
    Signature,
    accept_quote,
    change_quote,
    draw_quote,
    rate_offer,
    refuse_quote,
    send_quote,
    show_quote_state,
    write_quote,
)
from veilleur.domain.invoicing.invoice_models import Quote
from veilleur.domain.invoicing.offer import Offer
from veilleur.domain.invoicing.today import read_today
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.billing_documents import BillOut
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.owner.documents import Email, Shape
from veilleur_api.owner.invoice_documents import Reason
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "quotes")
ONE = "/clients/{client_id}/quotes/{quote_id}"


class AcceptIn(Shape):
    """Who signed, and the digest of the page that was signed: nothing else can be accepted."""

    name: Line
    role: Line | None = None
    email: Email | None = None
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RefuseIn(Shape):
    reason: Reason | None = None


class QuoteOut(BaseModel):
    """`bill` is the price of a usual period; `digest` is the SHA-256 of the page that was sent."""

    model_config = ConfigDict(extra="allow")

    id: str
    client: str
    state: Literal["draft", "sent", "accepted", "refused", "expired"]
    number: str | None
    valid_until: date
    offer: dict[str, Any]
    digest: str | None
    contract: str | None
    sent_at: datetime | None
    answered_at: datetime | None
    answer: dict[str, Any] | None
    created_at: datetime


class QuoteDetailOut(QuoteOut):
    bill: BillOut


class QuotesOut(BaseModel):
    data: list[QuoteOut]
    next: str | None


@router.post(
    "/clients/{client_id}/quotes",
    status_code=201,
    responses={201: {"model": QuoteDetailOut}},
    **needs("invoices:write"),
)
async def create_quote(client_id: str, offer: Offer, caller: Member, session: Tx, request: Request) -> Response:
    """Offer a plan under the terms of the contract it would become."""
    client = await find_client(session, caller.agency_id, client_id)
    quote = await write_quote(session, client, offer, caller.member_id)
    return JsonAnswer(await _describe(session, quote, request), 201)


@router.get("/clients/{client_id}/quotes", responses={200: {"model": QuotesOut}}, **needs("pricing:read"))
async def list_quotes(client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """The client's quotes, in the order they were written."""
    client = await find_client(session, caller.agency_id, client_id)
    today = await read_today(session, caller.agency_id)
    query = select(Quote).where(Quote.agency_id == caller.agency_id, Quote.client_id == client.id)
    return JsonAnswer(await page_by_id(session, query, Quote, limit, after, lambda row: describe_quote(row, today)))


@router.get(ONE, responses={200: {"model": QuoteDetailOut}}, **needs("pricing:read"))
async def get_quote(client_id: str, quote_id: str, caller: Member, session: Tx, request: Request) -> Response:
    """One quote, priced."""
    return JsonAnswer(await _describe(session, await _find(session, caller, client_id, quote_id), request))


@router.put(ONE, responses={200: {"model": QuoteDetailOut}}, **needs("invoices:write"))
async def replace_client_quote(
    client_id: str, quote_id: str, offer: Offer, caller: Member, session: Tx, request: Request
) -> Response:
    """Write a draft anew. What was sent stays as it is."""
    quote = await _find(session, caller, client_id, quote_id, lock=True)
    await change_quote(session, quote, offer, caller.member_id)
    return JsonAnswer(await _describe(session, quote, request))


@router.get(f"{ONE}/document", responses={200: {"content": {"application/pdf": {}}}}, **needs("pricing:read"))
async def get_quote_document(client_id: str, quote_id: str, caller: Member, session: Tx) -> Response:
    """The page: of a sent quote the very bytes that were sent."""
    quote = await _find(session, caller, client_id, quote_id)
    page = await draw_quote(session, quote)
    headers = {"content-disposition": 'inline; filename="quote.pdf"', "cache-control": "private, no-store"}
    return Response(page, media_type="application/pdf", headers=headers)


@router.post(f"{ONE}/send", responses={200: {"model": QuoteDetailOut}}, **needs("invoices:write"))
async def send_client_quote(client_id: str, quote_id: str, caller: Member, session: Tx, request: Request) -> Response:
    """Number the quote and freeze its page. Refused with the list of what a quote has to say and this one does not."""
    quote = await _find(session, caller, client_id, quote_id, lock=True)
    await send_quote(session, quote, caller.member_id)
    return JsonAnswer(await _describe(session, quote, request))


@router.post(f"{ONE}/accept", responses={200: {"model": QuoteDetailOut}}, **needs("invoices:write"))
async def accept_client_quote(
    client_id: str, quote_id: str, wanted: AcceptIn, caller: Member, session: Tx, request: Request
) -> Response:
    """Note who signed the page; the quote becomes a contract."""
    client = await find_client(session, caller.agency_id, client_id)
    quote = await _find(session, caller, client_id, quote_id, lock=True)
    signature = Signature(wanted.name, wanted.digest, wanted.role, wanted.email)
    await accept_quote(session, client, quote, signature, caller.member_id)
    return JsonAnswer(await _describe(session, quote, request))


@router.post(f"{ONE}/refuse", responses={200: {"model": QuoteDetailOut}}, **needs("invoices:write"))
async def refuse_client_quote(
    client_id: str, quote_id: str, caller: Member, session: Tx, request: Request, wanted: RefuseIn | None = None
) -> Response:
    """Note that the client does not want it, and why."""
    quote = await _find(session, caller, client_id, quote_id, lock=True)
    await refuse_quote(session, quote, wanted.reason if wanted else None, caller.member_id)
    return JsonAnswer(await _describe(session, quote, request))


def describe_quote(quote: Quote, today: date) -> dict[str, Any]:
    return {
        "id": show_id("quo", quote.id),
        "client": show_id("cli", quote.client_id),
        "state": show_quote_state(quote.state, quote.valid_until, today),
        "number": quote.number,
        "valid_until": quote.valid_until,
        "offer": quote.offer,
        "digest": quote.digest,
        "contract": show_id("ctr", quote.contract_id) if quote.contract_id is not None else None,
        "sent_at": quote.sent_at,
        "answered_at": quote.answered_at,
        "answer": quote.answer,
        "created_by": show_id("mem", quote.created_by),
        "created_at": quote.created_at,
    }


async def _find(session: AsyncSession, caller: Member, client: str, shown: str, *, lock: bool = False) -> Quote:
    client_id: UUID = (await find_client(session, caller.agency_id, client)).id
    quote = await session.get(Quote, (caller.agency_id, read_id("quo", shown)))
    if quote is None or quote.client_id != client_id:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    if lock:
        await session.refresh(quote, with_for_update=True)
    return quote


async def _describe(session: AsyncSession, quote: Quote, request: Request) -> dict[str, Any]:
    offer = Offer.model_validate(quote.offer, strict=False)
    shown = describe_quote(quote, await read_today(session, quote.agency_id))
    language = choose_language(request.headers.get("accept-language"))
    return shown | {"bill": show_bill(await rate_offer(session, quote.agency_id, offer), language)}
