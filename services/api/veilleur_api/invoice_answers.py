"""How invoices are shown to members and to the client: rows, documents, files."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.invoicing.balance import Balance, show_state
from veilleur.domain.invoicing.balances import load_balances
from veilleur.domain.invoicing.documents.document import read_document
from veilleur.domain.invoicing.documents.draw import draw_page
from veilleur.domain.invoicing.documents.invoice_sheet import lay_out_invoice
from veilleur.domain.invoicing.documents.shape import show_document, write_csv
from veilleur.domain.invoicing.invoice_models import Invoice, InvoiceFile
from veilleur.domain.invoicing.keep_profile import load_seller
from veilleur.domain.invoicing.today import read_today
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import Prefix, show_id
from veilleur.kernel.messages import Language, msg
from veilleur.kernel.money import show_amount
from veilleur_api.answers import JsonAnswer

MEDIA = {"pdf": "application/pdf", "factur-x": "application/xml"}


async def describe_invoices(session: AsyncSession, agency_id: UUID, invoices: list[Invoice]) -> list[dict[str, Any]]:
    """Rows with what is owed; as many queries for one as for many."""
    balances = await load_balances(session, agency_id, invoices)
    today = await read_today(session, agency_id)
    return [describe_invoice(one, balances[one.id], today) for one in invoices]


def describe_invoice(invoice: Invoice, balance: Balance, today: date) -> dict[str, Any]:
    def shown(prefix: Prefix, value: UUID | None) -> str | None:
        return show_id(prefix, value) if value is not None else None

    return {
        "id": show_id("inv", invoice.id),
        "type": invoice.kind,
        "state": show_state(invoice.state, invoice.due_on, balance, today),
        "number": invoice.number,
        "client": show_id("cli", invoice.client_id),
        "contract": shown("ctr", invoice.contract_id),
        "billing_period": shown("prd", invoice.period_id),
        "credits": shown("inv", invoice.credits_id),
        "issued_on": invoice.issued_on,
        "due_on": invoice.due_on,
        "total": show_amount(invoice.total),
        "currency": invoice.currency,
        "credited": show_amount(balance.credited),
        "paid": show_amount(balance.paid),
        "open": show_amount(balance.open),
        "digest": invoice.digest,
        "created_at": invoice.created_at,
        "finalised_at": invoice.finalised_at,
        "sent_at": invoice.sent_at,
    }


async def list_files(session: AsyncSession, invoice: Invoice) -> list[dict[str, Any]]:
    query = select(InvoiceFile.name, InvoiceFile.digest).where(
        InvoiceFile.agency_id == invoice.agency_id, InvoiceFile.invoice_id == invoice.id
    )
    return [
        {"name": name, "sha256": digest} for name, digest in await session.execute(query.order_by(InvoiceFile.name))
    ]


async def answer_file(session: AsyncSession, invoice: Invoice, form: str, language: Language) -> Response:
    """`pdf`, `factur-x`, `csv` or `json`: of an issued invoice the bytes that were kept, of a draft a preview."""
    document = read_document(invoice.document)
    if form == "json":
        return JsonAnswer(show_document(document, language))
    name = f"{invoice.number or 'draft'}"
    if form == "csv":
        return _attach(write_csv(document, language), "text/csv; charset=utf-8", f"{name}.csv")
    kept = await _find_file(session, invoice, f"pdf-{language}" if form == "pdf" else form)
    if kept is not None:
        return _attach(kept.content, MEDIA[form], f"{name}.{'pdf' if form == 'pdf' else 'xml'}", kept.digest)
    if form == "factur-x":
        raise NotFound(msg("There is no e-invoice of this document"))
    brand = (await load_seller(session, invoice.agency_id)).brand
    return _attach(draw_page(lay_out_invoice(document, brand, language, draft=True)), MEDIA["pdf"], f"{name}.pdf")


async def _find_file(session: AsyncSession, invoice: Invoice, name: str) -> InvoiceFile | None:
    query = select(InvoiceFile).where(
        InvoiceFile.agency_id == invoice.agency_id, InvoiceFile.invoice_id == invoice.id, InvoiceFile.name == name
    )
    return (await session.scalars(query)).one_or_none()


def _attach(content: bytes, media_type: str, name: str, digest: str | None = None) -> Response:
    plain = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in name)
    headers = {"content-disposition": f'inline; filename="{plain}"', "cache-control": "private, no-store"}
    if digest is not None:
        headers |= {"etag": f'"{digest}"'}
    return Response(content, media_type=media_type, headers=headers)
