"""What people do to a draft: add lines and approve each other's, say the rate of exchange, throw it away."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.invoicing.documents.compose import convert_tax
from veilleur.domain.invoicing.documents.document import CREDIT_NOTE, dump_document, read_document
from veilleur.domain.invoicing.documents.mentions import ACCOUNTED_IN
from veilleur.domain.invoicing.draft import ManualLine
from veilleur.domain.invoicing.draft_invoice import refresh_draft
from veilleur.domain.invoicing.invoice_models import Invoice
from veilleur.domain.invoicing.manual import dump_manual, read_manual
from veilleur.kernel.errors import Conflict, InputError, Invalid, NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg

MOST_LINES = 200


async def find_invoice(session: AsyncSession, agency_id: UUID, client_id: UUID, invoice_id: UUID) -> Invoice:
    invoice = await session.get(Invoice, (agency_id, invoice_id))
    if invoice is None or invoice.client_id != client_id:
        raise NotFound(msg("There is no {id} here", id=show_id("inv", invoice_id)))
    return invoice


async def lock_invoice(session: AsyncSession, agency_id: UUID, client_id: UUID, invoice_id: UUID) -> Invoice:
    """As it stands once nobody else changes it."""
    invoice = await find_invoice(session, agency_id, client_id, invoice_id)
    await session.refresh(invoice, with_for_update=True)
    return invoice


def require_draft(invoice: Invoice) -> None:
    if invoice.state != "draft":
        raise Conflict(
            msg("Invoice {number} is issued and never changes: write a credit note", number=invoice.number),
            slug="invoice-issued",
        )


async def add_line(session: AsyncSession, invoice: Invoice, line: ManualLine) -> None:
    """It counts once somebody else approved it."""
    require_draft(invoice)
    if invoice.kind == CREDIT_NOTE:
        raise Conflict(msg("A credit note takes back what its invoice charged, and nothing else"), slug="credit-lines")
    lines = read_manual(invoice.manual)
    if len(lines) >= MOST_LINES:
        raise Conflict(msg("At most {count} lines are added by hand", count=MOST_LINES))
    await _keep_lines(session, invoice, [*lines, line], line.added_by, "invoice.line_added", line.id)


async def approve_line(session: AsyncSession, invoice: Invoice, line_id: str, member_id: UUID) -> None:
    lines = read_manual(invoice.manual)
    wanted = _find(lines, line_id)
    require_draft(invoice)
    if wanted.added_by == member_id:
        raise Conflict(msg("Somebody else approves what you added"), slug="second-person")
    approved = [replace(line, approved_by=member_id) if line.id == line_id else line for line in lines]
    await _keep_lines(session, invoice, approved, member_id, "invoice.line_approved", line_id)


async def remove_line(session: AsyncSession, invoice: Invoice, line_id: str, member_id: UUID) -> None:
    lines = read_manual(invoice.manual)
    _find(lines, line_id)
    require_draft(invoice)
    kept = [line for line in lines if line.id != line_id]
    await _keep_lines(session, invoice, kept, member_id, "invoice.line_removed", line_id)


async def set_exchange(session: AsyncSession, invoice: Invoice, rate: Decimal, on: date, source: str) -> None:
    """The rate VAT and the journal are told by in the seller's own currency."""
    require_draft(invoice)
    document = read_document(invoice.document)
    own = ACCOUNTED_IN.get(document.seller.country, "EUR")
    if document.currency == own:
        same = InputError("/rate", msg("the invoice is in {currency} already", currency=own))
        raise Invalid(msg("Some values can't be accepted"), errors=[same])
    told = convert_tax(document.totals.tax, own, rate, on, source)
    invoice.document = dump_document(replace(document, exchange=told))
    await session.flush()


async def discard_draft(session: AsyncSession, invoice: Invoice, member_id: UUID) -> None:
    """A draft has no number yet: nothing is missing when it goes. Its period can be drafted again."""
    require_draft(invoice)
    await _note(session, invoice, member_id, "invoice.discarded", {})
    await session.delete(invoice)
    await session.flush()


def _find(lines: list[ManualLine], line_id: str) -> ManualLine:
    found = next((line for line in lines if line.id == line_id), None)
    if found is None:
        raise NotFound(msg("There is no {id} here", id=line_id[:64]))
    return found


async def _keep_lines(
    session: AsyncSession, invoice: Invoice, lines: list[ManualLine], member_id: UUID, action: str, line_id: str
) -> None:
    invoice.manual = dump_manual(lines)
    await refresh_draft(session, invoice)
    await session.flush()
    await _note(session, invoice, member_id, action, {"line": line_id})


async def _note(session: AsyncSession, invoice: Invoice, member_id: UUID, action: str, more: dict[str, str]) -> None:
    deed = Deed(show_id("mem", member_id), action, show_id("inv", invoice.id), invoice.client_id, more)
    await record_deeds(session, invoice.agency_id, [deed])
