"""Writing a credit note against an issued invoice: tried first, then kept as a draft, finalised like any other."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.billing.tax import TaxTerms
from veilleur.domain.billing.terms import tax_of_contract
from veilleur.domain.invoicing.credit import (
    Taken,
    charge_like,
    take_difference,
    take_lines,
    take_whole,
    write_credit,
)
from veilleur.domain.invoicing.documents.document import (
    CREDIT_NOTE,
    DocumentLine,
    InvoiceDocument,
    dump_document,
    read_document,
)
from veilleur.domain.invoicing.documents.invariants import find_excess
from veilleur.domain.invoicing.from_statement import list_lines
from veilleur.domain.invoicing.invoice_models import ISSUED, Invoice
from veilleur.domain.invoicing.statement import write_statement
from veilleur.domain.metering.models import LateUsage, UsageRecord
from veilleur.domain.metering.sums import Summed
from veilleur.kernel.errors import Conflict, InputError, Invalid
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Dispute:
    """What is given back: some lines (None: all of one), some records, or with neither everything."""

    reason: str
    lines: dict[str, Decimal | None] | None = None
    records: tuple[UUID, ...] = ()


async def try_credit(session: AsyncSession, invoice: Invoice, dispute: Dispute) -> InvoiceDocument:
    """The credit note as it would be; nothing is kept. `Invalid` where more would be given back than was charged."""
    if invoice.kind == CREDIT_NOTE or invoice.state not in ISSUED:
        raise Conflict(msg("Only an issued invoice can be credited"), slug="not-creditable")
    document = read_document(invoice.document)
    taken = await _take(session, invoice, document, dispute)
    note = write_credit(document, taken, charge_like(document, taken))
    if note.totals.total <= 0:
        nothing = InputError("", msg("these records or lines cost nothing: there is nothing to give back"))
        raise Invalid(msg("The credit note has mistakes"), errors=[nothing])
    await require_room(session, invoice, note)
    return note


async def draft_credit(session: AsyncSession, invoice: Invoice, dispute: Dispute, member_id: UUID) -> Invoice:
    """The invoice is locked by the caller: two disputes of one line are one after the other."""
    note = await try_credit(session, invoice, dispute)
    drafted = Invoice(
        agency_id=invoice.agency_id, id=new_id(), client_id=invoice.client_id, kind=CREDIT_NOTE, state="draft",
        contract_id=invoice.contract_id, period_id=invoice.period_id, credits_id=invoice.id,
        records=list(dispute.records), document=dump_document(note), manual=[], currency=note.currency,
        total=note.totals.total, created_by=member_id,
    )  # fmt: skip
    session.add(drafted)
    await session.flush()
    await session.refresh(drafted)
    details = {"credits": invoice.number, "reason": dispute.reason, "records": len(dispute.records)}
    deed = Deed(
        show_id("mem", member_id), "credit_note.drafted", show_id("inv", drafted.id), invoice.client_id, details
    )
    await record_deeds(session, invoice.agency_id, [deed])
    return drafted


async def require_room(
    session: AsyncSession, credited: Invoice, note: InvoiceDocument, but: UUID | None = None
) -> None:
    """Never more back than was charged, per line and VAT category. Drafts count as well, the note's own (`but`) not."""
    others = select(Invoice.document).where(
        Invoice.agency_id == credited.agency_id, Invoice.credits_id == credited.id, Invoice.id.is_distinct_from(but)
    )
    given = [read_document(other) for other in await session.scalars(others)]
    over = find_excess(read_document(credited.document), [*given, note])
    if over:
        errors = [InputError("/lines", msg("{line} was credited already", line=name)) for name in over]
        raise Invalid(
            msg("More would be given back than invoice {number} charged", number=credited.number), errors=errors,
            slug="credit-exceeds",
        )  # fmt: skip


async def _take(session: AsyncSession, invoice: Invoice, document: InvoiceDocument, dispute: Dispute) -> Taken:
    if dispute.lines is not None:
        return take_lines(document, dispute.lines)
    if not dispute.records:
        return take_whole(document)
    left = await _rate_without(session, invoice, document, dispute.records)
    return take_difference(document, left), ()


async def _rate_without(
    session: AsyncSession, invoice: Invoice, document: InvoiceDocument, records: Sequence[UUID]
) -> tuple[DocumentLine, ...]:
    """The lines the period would have had without these records: rated by the very function that rated it."""
    if invoice.period_id is None:
        none = InputError("/records", msg("the invoice counts no records: its lines were added by hand"))
        raise Invalid(msg("The credit note has mistakes"), errors=[none])
    period = await session.get_one(BillingPeriod, (invoice.agency_id, invoice.period_id))
    found = await _load_records(session, invoice, period, records)
    without = [Summed(row.meter, row.source_id, row.dims, row.quantity, 1) for row in found]
    statement = await write_statement(session, invoice.agency_id, invoice.client_id, period, without)
    contract = await session.get_one(Contract, (invoice.agency_id, period.contract_id))
    same = TaxTerms(document.tax[0].category, document.tax[0].rate) if len(document.tax) == 1 else None
    return list_lines(statement, same or tax_of_contract(contract))


async def _load_records(
    session: AsyncSession, invoice: Invoice, period: BillingPeriod, records: Sequence[UUID]
) -> list[UsageRecord]:
    """Billable records that this period counted, each given back once."""
    late = select(LateUsage.id).where(LateUsage.agency_id == invoice.agency_id, LateUsage.id.in_(records))
    query = select(UsageRecord).where(
        UsageRecord.agency_id == invoice.agency_id,
        UsageRecord.client_id == invoice.client_id,
        UsageRecord.id.in_(records),
        UsageRecord.billable,
        UsageRecord.local_date >= period.starts_on,
        UsageRecord.local_date < period.ends_on,
        UsageRecord.id.not_in(late),
    )
    found = {row.id: row for row in await session.scalars(query)}
    credited = select(Invoice.records).where(
        Invoice.agency_id == invoice.agency_id, Invoice.credits_id == invoice.id, Invoice.records.overlap(list(records))
    )
    again = {one for row in await session.scalars(credited) for one in row}
    twice, unknown = msg("was credited already"), msg("the invoice counts no such record")
    errors = [
        InputError(f"/records/{place}", twice if one in again else unknown)
        for place, one in enumerate(records)
        if one not in found or one in again
    ]
    if errors:
        raise Invalid(msg("The credit note has mistakes"), errors=errors)
    return list(found.values())
