"""Reading what was paid and credited."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.invoicing.balance import Balance
from veilleur.domain.invoicing.invoice_models import ISSUED, Invoice, Payment


async def load_balances(session: AsyncSession, agency_id: UUID, invoices: Sequence[Invoice]) -> dict[UUID, Balance]:
    """By invoice, in two queries however many there are."""
    ids = [invoice.id for invoice in invoices]
    paid = (
        select(Payment.invoice_id, func.sum(Payment.amount))
        .where(Payment.agency_id == agency_id, Payment.invoice_id.in_(ids))
        .group_by(Payment.invoice_id)
    )
    credited = (
        select(Invoice.credits_id, func.sum(Invoice.total))
        .where(Invoice.agency_id == agency_id, Invoice.credits_id.in_(ids), Invoice.state.in_(ISSUED))
        .group_by(Invoice.credits_id)
    )
    payments = {row[0]: row[1] for row in await session.execute(paid)}
    notes = {row[0]: row[1] for row in await session.execute(credited)}
    nothing = Decimal(0)
    return {
        invoice.id: Balance(invoice.total, notes.get(invoice.id, nothing), payments.get(invoice.id, nothing))
        for invoice in invoices
    }
