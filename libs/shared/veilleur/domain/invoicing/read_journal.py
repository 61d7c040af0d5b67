"""The journal of some days, read from issued documents and payments."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.invoicing.documents.document import InvoiceDocument, read_document
from veilleur.domain.invoicing.documents.mentions import ACCOUNTED_IN
from veilleur.domain.invoicing.invoice_models import ISSUED, Invoice, Payment
from veilleur.domain.invoicing.journal import Customer, Posting, Receipt, find_unbalanced, post_document, post_receipt
from veilleur.domain.invoicing.keep_profile import load_seller
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.ids import show_id


@dataclass(frozen=True, slots=True)
class Days:
    """`first` inclusive, `past` exclusive."""

    first: date
    past: date


class Unbalanced(Exception):  # noqa: N818 - it says what the journal is
    """A fault of ours: nobody is given a journal that does not balance."""


async def read_journal(session: AsyncSession, agency_id: UUID, days: Days) -> list[Posting]:
    """In the order of days, sales before payments; balanced entry by entry."""
    profile = (await load_seller(session, agency_id)).profile
    books = ACCOUNTED_IN.get(profile.seller.country, "EUR")
    customers = await _load_customers(session, agency_id)
    postings: list[Posting] = []
    for invoice in await _load_invoices(session, agency_id, days):
        postings += post_document(read_document(invoice.document), customers[invoice.client_id], profile.accounts)
    for payment, invoice in await _load_payments(session, agency_id, days):
        receipt = _to_receipt(payment, read_document(invoice.document))
        postings += post_receipt(receipt, customers[invoice.client_id], profile.accounts, books)
    wrong = find_unbalanced(postings)
    if wrong:
        raise Unbalanced(", ".join(wrong))
    return sorted(postings, key=lambda one: (one.day, one.journal != profile.accounts.sales_journal))


async def _load_customers(session: AsyncSession, agency_id: UUID) -> dict[UUID, Customer]:
    rows = await session.execute(select(Client.id, Client.slug, Client.name).where(Client.agency_id == agency_id))
    return {row.id: Customer(row.slug.upper(), row.name) for row in rows}


async def _load_invoices(session: AsyncSession, agency_id: UUID, days: Days) -> list[Invoice]:
    query = select(Invoice).where(
        Invoice.agency_id == agency_id,
        Invoice.state.in_(ISSUED),
        Invoice.issued_on >= days.first,
        Invoice.issued_on < days.past,
    )
    return list(await session.scalars(query.order_by(Invoice.finalised_at, Invoice.number)))


async def _load_payments(session: AsyncSession, agency_id: UUID, days: Days) -> list[tuple[Payment, Invoice]]:
    query = (
        select(Payment, Invoice)
        .join(Invoice, (Invoice.agency_id == Payment.agency_id) & (Invoice.id == Payment.invoice_id))
        .where(Payment.agency_id == agency_id, Payment.paid_on >= days.first, Payment.paid_on < days.past)
    )
    return [(row[0], row[1]) for row in await session.execute(query.order_by(Payment.paid_on, Payment.id))]


def _to_receipt(payment: Payment, document: InvoiceDocument) -> Receipt:
    rate = document.exchange.rate if document.exchange else Decimal(1)
    entry = show_id("pay", payment.id)
    return Receipt(entry, document.number or "", payment.paid_on, payment.amount, document.currency, rate)
