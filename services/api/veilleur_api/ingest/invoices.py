"""The client's own invoices: what was sent to it, and the very bytes of each."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.invoicing.documents.document import read_document
from veilleur.domain.invoicing.documents.shape import show_document
from veilleur.domain.invoicing.invoice_models import Invoice
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import choose_language, msg
from veilleur.kernel.money import show_amount
from veilleur.kernel.paging import PageRequest, cut_page, read_cursor, read_uuid
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Client, Limit, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.invoice_answers import answer_file, list_files
from veilleur_api.principals import authorise_client

router = guarded_router("/ingest/v1", authorise_client, "billing")

Form = Annotated[Literal["pdf", "factur-x", "csv", "json"], Query(alias="format")]
FORMS = ("application/pdf", "application/xml", "text/csv", "application/json")


class OwnInvoice(BaseModel):
    """`credits`: the invoice a credit note (381) takes back from."""

    id: str
    type: str
    state: Literal["sent", "paid"]
    number: str
    credits: str | None
    issued_on: date
    due_on: date
    total: str
    currency: str
    digest: str
    sent_at: datetime


class OwnInvoices(BaseModel):
    data: list[OwnInvoice]
    next: str | None


class OwnInvoiceDetail(OwnInvoice):
    document: dict[str, Any]
    files: list[dict[str, Any]]


@router.get("/invoices", responses={200: {"model": OwnInvoices}}, **needs("billing:read"))
async def list_own_invoices(caller: Client, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """Invoices and credit notes that were sent, in the order they were drafted."""
    query = select(Invoice).where(
        Invoice.agency_id == caller.agency_id, Invoice.client_id == caller.client_id, Invoice.sent_at.is_not(None)
    )
    page = PageRequest(limit, read_cursor(after, parts=1) if after else None)
    if page.after is not None:
        query = query.where(Invoice.id > read_uuid(page.after[0]))
    rows = list(await session.scalars(query.order_by(Invoice.id).limit(limit + 1)))
    cut = cut_page(rows, page, lambda row: [str(row.id)])
    return JsonAnswer({"data": [_describe(row) for row in cut.data], "next": cut.next})


@router.get("/invoices/{invoice_id}", responses={200: {"model": OwnInvoiceDetail}}, **needs("billing:read"))
async def get_own_invoice(invoice_id: str, caller: Client, session: Tx, request: Request) -> Response:
    """One invoice with its lines."""
    invoice = await _find(session, caller, invoice_id)
    language = choose_language(request.headers.get("accept-language"))
    document = show_document(read_document(invoice.document), language)
    return JsonAnswer(_describe(invoice) | {"document": document, "files": await list_files(session, invoice)})


@router.get(
    "/invoices/{invoice_id}/document",
    responses={200: {"content": {name: {} for name in FORMS}}},
    **needs("billing:read"),
)
async def get_own_invoice_document(
    invoice_id: str, caller: Client, session: Tx, form: Form = "pdf", language: Literal["fr", "en"] | None = None
) -> Response:
    """The page, the e-invoice, or the data: the bytes whose digest is in `files`."""
    invoice = await _find(session, caller, invoice_id)
    return await answer_file(session, invoice, form, language or read_document(invoice.document).language)


def _describe(invoice: Invoice) -> dict[str, Any]:
    return {
        "id": show_id("inv", invoice.id),
        "type": invoice.kind,
        "state": invoice.state if invoice.state == "paid" else "sent",
        "number": invoice.number,
        "credits": show_id("inv", invoice.credits_id) if invoice.credits_id is not None else None,
        "issued_on": invoice.issued_on,
        "due_on": invoice.due_on,
        "total": show_amount(invoice.total),
        "currency": invoice.currency,
        "digest": invoice.digest,
        "sent_at": invoice.sent_at,
    }


async def _find(session: AsyncSession, caller: Client, shown: str) -> Invoice:
    invoice = await session.get(Invoice, (caller.agency_id, read_id("inv", shown)))
    if invoice is None or invoice.client_id != caller.client_id or invoice.sent_at is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return invoice
