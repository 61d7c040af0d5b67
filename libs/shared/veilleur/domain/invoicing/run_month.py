"""The month end: a draft for every client, or what keeps it from one; then numbers for all that are ready."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.billing.open_period import list_periods_of_month, open_period
from veilleur.domain.billing.period import Period, period_of
from veilleur.domain.billing.queries import load_contracts
from veilleur.domain.invoicing.agreement import Agreement, Stretch
from veilleur.domain.invoicing.close import is_over
from veilleur.domain.invoicing.documents.document import InvoiceDocument
from veilleur.domain.invoicing.documents.einvoice import require_faultless, write_einvoices
from veilleur.domain.invoicing.draft_invoice import Wish, draft_period
from veilleur.domain.invoicing.finalise import issue_numbered, prepare_issue
from veilleur.domain.invoicing.invoice_models import BillingRun, Invoice
from veilleur.domain.invoicing.keep_profile import Seller, load_seller
from veilleur.domain.invoicing.month import Result, compare, name_problems, tell_problem
from veilleur.domain.invoicing.profile import wants_einvoice
from veilleur.domain.invoicing.reconcile import find_stretch
from veilleur.domain.invoicing.statement import find_unpriced_work
from veilleur.domain.metering.models import UsageSum
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import Conflict, Problem
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.money import show_amount

PROVISIONAL = "0"
"""Stands for the number while the rules are tried on a draft."""


async def begin_run(session: AsyncSession, agency_id: UUID, month: date, member_id: UUID) -> tuple[UUID, list[UUID]]:
    """A run without results yet, and the clients whose month it is; `Conflict` while nobody has said who sells."""
    await load_seller(session, agency_id)
    run = BillingRun(agency_id=agency_id, id=new_id(), period=f"{month:%Y-%m}", results=[], created_by=member_id)
    session.add(run)
    await session.flush()
    details = {"period": run.period}
    deed = Deed(show_id("mem", member_id), "billing_run.drafted", show_id("brn", run.id), details=details)
    await record_deeds(session, agency_id, [deed])
    clients = await session.scalars(select(Client.id).where(Client.agency_id == agency_id).order_by(Client.id))
    return run.id, list(clients)


async def list_month(session: AsyncSession, agency_id: UUID, client_id: UUID, month: date) -> list[Stretch]:
    """The periods of the client that are to be closed with the month: facts and records are compared before."""
    contracts = await load_contracts(session, agency_id, client_id)
    stretches = []
    for contract, days in list_periods_of_month(contracts, month):
        period = await open_period(session, contract, days)
        if period.state == "open" and await is_over(session, period):
            stretches.append(await find_stretch(session, period))
    return stretches


async def draft_client(
    session: AsyncSession, agency_id: UUID, run_id: UUID, client_id: UUID, agreements: Mapping[UUID, Agreement]
) -> None:
    """Every period of the client that begins in the month. In a transaction of its own: the client's usage waits for
    this draft and no other, and what goes wrong with it keeps nobody else back.
    """
    run = await session.get_one(BillingRun, (agency_id, run_id), with_for_update=True)
    client = await session.get_one(Client, (agency_id, client_id))
    seller = await load_seller(session, agency_id)
    month = date.fromisoformat(f"{run.period}-01")
    results = await _draft_client(session, client, month, seller, Wish(run.created_by, None, run.id, agreements))
    run.results = [*run.results, *(result.dump() for result in results)]
    await session.flush()


async def finalise_run(session: AsyncSession, run: BillingRun, member_id: UUID) -> None:
    """Number every draft of the run that is ready by now, in the order of the run; the others say what they lack.

    The rules are tried on all drafts before the first number is taken.
    """
    seller = await load_seller(session, run.agency_id)
    invoices = await _load_drafts(session, run)
    blocked: dict[str, Problem] = {}
    ready: list[tuple[Invoice, InvoiceDocument]] = []
    for shown, invoice in invoices.items():
        try:
            async with session.begin_nested():
                ready.append((invoice, await prepare_issue(session, invoice, seller)))
        except Problem as problem:
            blocked[shown] = problem
    passed = await _try_rules(ready, seller, blocked)
    await issue_numbered(session, passed, seller, member_id)
    run.results = [_update(result, invoices, blocked) for result in run.results]
    run.finalised_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.flush()
    details = {"finalised": len(passed), "blocked": len(blocked)}
    deed = Deed(show_id("mem", member_id), "billing_run.finalised", show_id("brn", run.id), details=details)
    await record_deeds(session, run.agency_id, [deed])


async def _draft_client(session: AsyncSession, client: Client, month: date, seller: Seller, wish: Wish) -> list[Result]:
    contracts = await load_contracts(session, client.agency_id, client.id)
    found = list_periods_of_month(contracts, month)
    if not found:
        return [await _look_unbilled(session, client, month)]
    return [await _draft_one(session, contract, period, seller, wish) for contract, period in found]


async def _draft_one(session: AsyncSession, contract: Contract, days: Period, seller: Seller, wish: Wish) -> Result:
    named = {"from": days.first.isoformat(), "to": days.past.isoformat()}
    result = Result(show_id("cli", contract.client_id), "blocked", named)
    try:
        async with session.begin_nested():
            period = await open_period(session, contract, days)
            invoice = await _find_or_draft(session, period, wish)
    except Problem as problem:
        return replace(result, blockers=tell_problem(problem))
    unpriced = [one.warning for one in await find_unpriced_work(session, period)]
    changed = compare(invoice.total, await _find_before(session, invoice, days.first))
    result = replace(
        result, invoice=show_id("inv", invoice.id), total=show_amount(invoice.total), currency=invoice.currency,
        warnings=(*changed, *name_problems(unpriced, "unpriced-usage")),
    )  # fmt: skip
    if invoice.state != "draft":
        return replace(result, outcome="finalised")
    try:
        async with session.begin_nested():
            await prepare_issue(session, invoice, seller)
    except Problem as problem:
        return replace(result, blockers=tell_problem(problem))
    return replace(result, outcome="ready")


async def _find_or_draft(session: AsyncSession, period: BillingPeriod, wish: Wish) -> Invoice:
    query = select(Invoice).where(
        Invoice.agency_id == period.agency_id, Invoice.period_id == period.id, Invoice.kind == "380"
    )
    known = (await session.scalars(query.with_for_update())).one_or_none()
    if known is None:
        return await draft_period(session, period, wish)
    if known.state == "draft":
        known.run_id = wish.run_id
    return known


async def _find_before(session: AsyncSession, invoice: Invoice, first: date) -> Decimal | None:
    """The total of the client's invoice for the period before."""
    query = (
        select(Invoice.total)
        .join(BillingPeriod, (BillingPeriod.agency_id == Invoice.agency_id) & (BillingPeriod.id == Invoice.period_id))
        .where(
            Invoice.agency_id == invoice.agency_id,
            Invoice.client_id == invoice.client_id,
            Invoice.kind == "380",
            Invoice.state != "draft",
            BillingPeriod.ends_on == first,
        )
    )
    return (await session.scalars(query)).first()


async def _look_unbilled(session: AsyncSession, client: Client, month: date) -> Result:
    """Work without a contract blocks; no work is nothing to bill."""
    days = period_of(month, "month")
    query = select(UsageSum.id).where(
        UsageSum.agency_id == client.agency_id,
        UsageSum.client_id == client.id,
        UsageSum.local_date >= days.first,
        UsageSum.local_date < days.past,
        UsageSum.billable,
    )
    worked = (await session.scalars(query.limit(1))).first() is not None
    shown = show_id("cli", client.id)
    if not worked:
        return Result(shown, "nothing")
    lacking = msg("The client has usage in {month} and no contract", month=f"{month:%Y-%m}")
    return Result(shown, "blocked", blockers=name_problems([lacking], "no-contract"))


async def _load_drafts(session: AsyncSession, run: BillingRun) -> dict[str, Invoice]:
    """The run's drafts by their shown ids, locked in the order of their ids."""
    query = select(Invoice).where(
        Invoice.agency_id == run.agency_id, Invoice.run_id == run.id, Invoice.state == "draft"
    )
    rows = await session.scalars(query.order_by(Invoice.id).with_for_update())
    found = {show_id("inv", invoice.id): invoice for invoice in rows}
    if not found:
        raise Conflict(msg("This run has no draft left to finalise"), slug="nothing-to-finalise")
    order = [result["invoice"] for result in run.results]
    return dict(sorted(found.items(), key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order)))


async def _try_rules(
    ready: list[tuple[Invoice, InvoiceDocument]], seller: Seller, blocked: dict[str, Problem]
) -> list[Invoice]:
    if not wants_einvoice(seller.profile):
        return [invoice for invoice, _ in ready]
    tried = await write_einvoices([replace(document, number=PROVISIONAL) for _, document in ready])
    passed = []
    for (invoice, _), einvoice in zip(ready, tried, strict=True):
        try:
            require_faultless([einvoice])
            passed.append(invoice)
        except Problem as problem:
            blocked[show_id("inv", invoice.id)] = problem
    return passed


def _update(result: dict[str, object], invoices: dict[str, Invoice], blocked: dict[str, Problem]) -> dict[str, object]:
    shown = str(result["invoice"])
    if shown not in invoices:
        return result
    if shown in blocked:
        found = [finding.dump() for finding in tell_problem(blocked[shown])]
        return result | {"state": "blocked", "blockers": found}
    invoice = invoices[shown]
    return result | {
        "state": "finalised", "number": invoice.number, "total": show_amount(invoice.total), "blockers": [],
    }  # fmt: skip
