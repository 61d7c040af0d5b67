"""Drafting an invoice from a period's statement, and keeping the draft up to date until it is finalised."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.billing.terms import days_of_period, plan_of_contract
from veilleur.domain.invoicing.agreement import Agreement
from veilleur.domain.invoicing.close import Terms, close_period
from veilleur.domain.invoicing.documents.document import InvoiceDocument, dump_document, read_document
from veilleur.domain.invoicing.draft import (
    Parts,
    Setting,
    compose,
    convert,
    facts_of,
    to_document_line,
)
from veilleur.domain.invoicing.from_statement import list_allowances, list_lines, to_span
from veilleur.domain.invoicing.invoice_models import Invoice, Quote
from veilleur.domain.invoicing.keep_profile import load_seller
from veilleur.domain.invoicing.manual import read_manual
from veilleur.domain.invoicing.profile import Profile
from veilleur.domain.invoicing.statement import write_statement
from veilleur.domain.invoicing.today import read_today
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import new_id
from veilleur.kernel.messages import Language, msg


@dataclass(frozen=True, slots=True)
class Wish:
    """Who drafts, in which language (None: the profile's), and in which month end, if in any.

    `agreements`: how facts and records of periods compare, where that was found out before.
    """

    member_id: UUID
    language: Language | None = None
    run_id: UUID | None = None
    agreements: Mapping[UUID, Agreement] = field(default_factory=dict)


async def draft_period(session: AsyncSession, period: BillingPeriod, wish: Wish) -> Invoice:
    """The draft of a period, which is closed with it; `Conflict` when it is invoiced already, or can't be closed."""
    if period.state == "closed":
        await session.refresh(period, with_for_update=True)
    else:
        await close_period(session, period, wish.member_id, Terms(wish.agreements.get(period.id)))
    if await _find_of_period(session, period) is not None:
        raise Conflict(msg("The period is invoiced already"), slug="already-invoiced")
    contract = await session.get_one(Contract, (period.agency_id, period.contract_id))
    return await _draft(session, contract, period.id, wish)


async def draft_by_hand(session: AsyncSession, contract: Contract, wish: Wish) -> Invoice:
    """A draft without a period: its lines are added by hand."""
    return await _draft(session, contract, None, wish)


async def refresh_draft(session: AsyncSession, invoice: Invoice) -> InvoiceDocument:
    """Put the draft together anew from what is true now: profile, statement, approved lines by hand."""
    contract = await session.get_one(Contract, (invoice.agency_id, invoice.contract_id))
    profile = (await load_seller(session, invoice.agency_id)).profile
    before = read_document(invoice.document) if invoice.document else None
    setting, parts = await gather(session, invoice, contract, profile)
    document = convert(compose(setting, parts), before.exchange if before else None)
    invoice.document, invoice.total = dump_document(document), document.totals.total
    return document


async def gather(
    session: AsyncSession, invoice: Invoice, contract: Contract, profile: Profile
) -> tuple[Setting, Parts]:
    """The charged part of an invoice: its period rated anew, and lines by hand that were approved."""
    terms = facts_of(contract, profile).terms
    parts, span, currency = Parts(()), None, plan_of_contract(contract).currency
    if invoice.period_id is not None:
        period = await session.get_one(BillingPeriod, (invoice.agency_id, invoice.period_id))
        statement = await write_statement(session, invoice.agency_id, invoice.client_id, period)
        lines = list_lines(statement, terms)
        parts, span = Parts(lines, list_allowances(statement, lines)), to_span(days_of_period(period))
    manual = [to_document_line(line, terms) for line in read_manual(invoice.manual) if line.approved_by is not None]
    language: Language = invoice.document.get("language") or profile.language
    today = await read_today(session, invoice.agency_id)
    quote = await _find_quote(session, contract)
    setting = Setting(profile, contract, currency, today, language, span, quote)
    return setting, replace(parts, lines=(*parts.lines, *manual))


async def _draft(session: AsyncSession, contract: Contract, period_id: UUID | None, wish: Wish) -> Invoice:
    first: dict[str, Any] = {"language": wish.language} if wish.language else {}
    invoice = Invoice(
        agency_id=contract.agency_id, id=new_id(), client_id=contract.client_id, kind="380", contract_id=contract.id,
        period_id=period_id, run_id=wish.run_id, document=first, manual=[], records=[], state="draft",
        currency=plan_of_contract(contract).currency, total=Decimal(0), created_by=wish.member_id,
    )  # fmt: skip
    seller = await load_seller(session, contract.agency_id)
    document = compose(*await gather(session, invoice, contract, seller.profile))
    if document.totals.total < 0:
        raise Conflict(msg("The period gives more back than it charges: write a credit note"), slug="negative-total")
    invoice.document, invoice.total = dump_document(document), document.totals.total
    session.add(invoice)
    await session.flush()
    await session.refresh(invoice)
    return invoice


async def _find_of_period(session: AsyncSession, period: BillingPeriod) -> UUID | None:
    query = select(Invoice.id).where(
        Invoice.agency_id == period.agency_id, Invoice.period_id == period.id, Invoice.kind == "380"
    )
    return (await session.scalars(query)).one_or_none()


async def _find_quote(session: AsyncSession, contract: Contract) -> str | None:
    query = select(Quote.number).where(Quote.agency_id == contract.agency_id, Quote.contract_id == contract.id)
    return (await session.scalars(query)).first()
