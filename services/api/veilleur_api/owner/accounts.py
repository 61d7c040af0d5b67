"""For whoever keeps the books: the journal, what hours cost, and what is left of each client's money."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.billing.models import Contract
from veilleur.domain.billing.numbers import Price
from veilleur.domain.billing.open_period import list_periods_of_month, open_period
from veilleur.domain.billing.period import Period
from veilleur.domain.billing.queries import load_contracts
from veilleur.domain.invoicing.invoice_models import CostRate
from veilleur.domain.invoicing.journal import write_fec, write_journal
from veilleur.domain.invoicing.margin import warn_below_cost
from veilleur.domain.invoicing.read_journal import Days, read_journal
from veilleur.domain.invoicing.read_margin import Basis, PeriodMargin, read_margin
from veilleur.domain.invoicing.today import read_today
from veilleur.domain.tenancy.models import Client as ClientRow
from veilleur.domain.tenancy.models import Member as MemberRow
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import new_id, read_id, show_id
from veilleur.kernel.messages import Language, choose_language, msg
from veilleur.kernel.money import Currency, show_amount, show_quantity
from veilleur.kernel.paging import PageRequest, cut_page, read_cursor, read_uuid
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.billing_documents import FIRST_DAY, PAST_DAY, Day
from veilleur_api.owner.common import find_client
from veilleur_api.owner.documents import Shape
from veilleur_api.owner.statements import find_named_period, read_period_name
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "accounts")

First = Annotated[date | None, Query(alias="from", description="first day; default: the 1st of this month")]
Past = Annotated[date | None, Query(alias="to", description="first day no longer in it; default: tomorrow")]
Month = Annotated[
    str | None,
    Query(max_length=10, description="the month a period begins in (`2026-11`), or any of its days (`2026-11-15`)"),
]


class CostRateIn(Shape):
    """What an hour of this member costs, from a day on."""

    from_: Day = Field(alias="from")
    per_hour: Annotated[Price, Field(ge=0, lt=100_000)]
    currency: Currency = "EUR"


class CostRateOut(BaseModel):
    id: str
    member: str
    from_: date = Field(alias="from")
    per_hour: str
    currency: str
    created_at: datetime


class CostRatesOut(BaseModel):
    data: list[CostRateOut]


class MarginOut(BaseModel):
    """`cost.uncosted_seconds`: of people whose hours nobody said the cost of. Amounts are before VAT."""

    client: str
    period: dict[str, date]
    currency: str
    invoiced: bool
    revenue: str
    cost: dict[str, str]
    margin: str
    margin_percent: str | None
    decisions: str
    median_review_seconds: str | None
    price_per_decision: str | None
    cost_per_decision: str | None
    warnings: list[str]


class MarginsOut(BaseModel):
    """One row a client and billing period."""

    data: list[MarginOut]
    next: str | None


@router.get("/journal", responses={200: {"content": {"text/csv": {}, "text/plain": {}}}}, **needs("pricing:read"))
async def get_journal(
    caller: Member,
    session: Tx,
    first: First = None,
    past: Past = None,
    form: Annotated[Literal["csv", "fec"], Query(alias="format")] = "csv",
) -> Response:
    """Issued invoices, credit notes and payments as balanced entries on the agency's own accounts."""
    today = await read_today(session, caller.agency_id)
    first, past = first or today.replace(day=1), past or today + timedelta(days=1)
    if not FIRST_DAY <= first < past < PAST_DAY:
        wrong = InputError("/to", msg("must be later than `from`: it is the first day that is not in the period"))
        raise Invalid(msg("Some values can't be accepted"), errors=[wrong])
    postings = await read_journal(session, caller.agency_id, Days(first, past))
    name = f"journal-{first}-{past}.{'csv' if form == 'csv' else 'txt'}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "private, no-store"}
    if form == "fec":
        return Response(write_fec(postings), media_type="text/plain; charset=utf-8", headers=headers)
    return Response(write_journal(postings), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/margin", responses={200: {"model": MarginsOut}}, **needs("pricing:read"))
async def get_margin(  # noqa: PLR0917 - query parameters
    caller: Member,
    session: Tx,
    request: Request,
    client: str | None = None,
    period: Month = None,
    basis: Basis = "review",
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """For each client revenue less what the time cost (`basis`: seconds of reviews or of shifts); prices below cost."""
    language = choose_language(request.headers.get("accept-language"))
    name = period or f"{await read_today(session, caller.agency_id):%Y-%m}"
    if client is not None:
        found = await find_client(session, caller.agency_id, client)
        row = await find_named_period(session, caller.agency_id, found.id, name)
        return JsonAnswer({"data": [show_margin(await read_margin(session, row, basis), language)], "next": None})
    page = PageRequest(limit, read_cursor(after, parts=1) if after else None)
    query = select(ClientRow).where(ClientRow.agency_id == caller.agency_id)
    if page.after is not None:
        query = query.where(ClientRow.id > read_uuid(page.after[0]))
    clients = list(await session.scalars(query.order_by(ClientRow.id).limit(limit + 1)))
    cut = cut_page(clients, page, lambda one: [str(one.id)])
    margins = [
        show_margin(await read_margin(session, await open_period(session, contract, days), basis), language)
        for one in cut.data
        for contract, days in await _list_periods(session, one, read_period_name(name))
    ]
    return JsonAnswer({"data": margins, "next": cut.next})


@router.post(
    "/members/{member_id}/cost-rates",
    status_code=201,
    responses={201: {"model": CostRateOut}},
    **needs("pricing:write"),
)
async def create_cost_rate(member_id: str, new: CostRateIn, caller: Member, session: Tx) -> Response:
    """Say what an hour costs from a day on; said again for the same day, it is kept as it was."""
    member = await _find_member(caller, session, member_id)
    values = {
        "agency_id": caller.agency_id, "id": new_id(), "member_id": member.id, "from_on": new.from_,
        "per_hour": new.per_hour, "currency": new.currency, "created_by": caller.member_id,
    }  # fmt: skip
    await session.execute(insert(CostRate).values(**values).on_conflict_do_nothing())
    query = select(CostRate).where(
        CostRate.agency_id == caller.agency_id, CostRate.member_id == member.id, CostRate.from_on == new.from_
    )
    row = (await session.scalars(query)).one()
    deed = Deed(caller.name, "cost_rate.set", show_id("mem", member.id), details={"from": new.from_.isoformat()})
    await record_deeds(session, caller.agency_id, [deed])
    return JsonAnswer(describe_cost_rate(row), 201)


@router.get("/members/{member_id}/cost-rates", responses={200: {"model": CostRatesOut}}, **needs("pricing:read"))
async def list_cost_rates(member_id: str, caller: Member, session: Tx) -> Response:
    """What an hour of this member has cost over time."""
    member = await _find_member(caller, session, member_id)
    query = select(CostRate).where(CostRate.agency_id == caller.agency_id, CostRate.member_id == member.id)
    rows = await session.scalars(query.order_by(CostRate.from_on))
    return JsonAnswer({"data": [describe_cost_rate(row) for row in rows]})


def show_margin(found: PeriodMargin, language: Language) -> dict[str, Any]:
    margin, cost = found.margin, found.margin.cost
    warnings = warn_below_cost(found.plan, found.mean_per_hour, margin.median_seconds)
    return {
        "client": show_id("cli", found.period.client_id),
        "period": {"from": found.period.starts_on, "to": found.period.ends_on},
        "currency": found.currency,
        "invoiced": found.invoiced,
        "revenue": show_amount(margin.revenue),
        "cost": {
            "amount": show_amount(cost.amount),
            "seconds": show_quantity(cost.seconds),
            "uncosted_seconds": show_quantity(cost.uncosted_seconds),
        },
        "margin": show_amount(margin.amount),
        "margin_percent": None if margin.percent is None else show_amount(margin.percent),
        "decisions": show_quantity(margin.decisions),
        "median_review_seconds": None if margin.median_seconds is None else show_quantity(margin.median_seconds),
        "price_per_decision": None if margin.price_per_decision is None else show_amount(margin.price_per_decision),
        "cost_per_decision": None if margin.cost_per_decision is None else show_amount(margin.cost_per_decision),
        "warnings": [warning.render(language) for warning in warnings],
    }


def describe_cost_rate(row: CostRate) -> dict[str, Any]:
    return {
        "id": show_id("cst", row.id),
        "member": show_id("mem", row.member_id),
        "from": row.from_on,
        "per_hour": show_amount(row.per_hour),
        "currency": row.currency,
        "created_at": row.created_at,
    }


async def _list_periods(session: AsyncSession, client: ClientRow, day: date) -> list[tuple[Contract, Period]]:
    return list_periods_of_month(await load_contracts(session, client.agency_id, client.id), day.replace(day=1))


async def _find_member(caller: Member, session: Tx, shown: str) -> MemberRow:
    member = await session.get(MemberRow, (caller.agency_id, read_id("mem", shown)))
    if member is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return member
