"""Statements: what a client's period costs, line by line, before it is an invoice."""

import re
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.billing.models import BillingPeriod
from veilleur.domain.billing.open_period import list_periods_of_month, open_period, open_period_at
from veilleur.domain.billing.queries import find_contract_at, load_contracts
from veilleur.domain.billing.shape import show_bill, show_line
from veilleur.domain.billing.unpriced import show_warnings
from veilleur.domain.invoicing.statement import Statement, write_statement
from veilleur.domain.metering.record import local_day
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import Language, Message, choose_language, msg
from veilleur_api.answers import JsonAnswer, show_decimal
from veilleur_api.deps import Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.billing_documents import FIRST_DAY, PAST_DAY, StatementOut
from veilleur_api.owner.common import find_client
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "billing")

PeriodName = Annotated[
    str | None,
    Query(
        max_length=10,
        description="the month a period begins in (`2026-11`), or any of its days (`2026-11-15`); default: today",
    ),
]


@router.get("/clients/{client_id}/statement", responses={200: {"model": StatementOut}}, **needs("pricing:read"))
async def get_statement(
    client_id: str, caller: Member, session: Tx, request: Request, period: PeriodName = None
) -> Response:
    """The bill of a period so far, or as it was closed: counted from the records, priced by the contract's plan."""
    language = choose_language(request.headers.get("accept-language"))
    client = await find_client(session, caller.agency_id, client_id)
    row = await choose_period(session, client, period)
    return JsonAnswer(show_statement(await write_statement(session, caller.agency_id, client.id, row), language))


async def choose_period(session: AsyncSession, client: Client, name: str | None) -> BillingPeriod:
    """The period of that name; without one the period of today."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    named = name or local_day(present, client.time_zone).isoformat()
    return await find_named_period(session, client.agency_id, client.id, named)


async def find_named_period(session: AsyncSession, agency_id: UUID, client_id: UUID, name: str) -> BillingPeriod:
    """The period called `2026-11`, or around `2026-11-15`; `NotFound` where no contract holds."""
    day = read_period_name(name)
    if len(name) > len("2026-11"):
        contract = await find_contract_at(session, agency_id, client_id, day)
        row = await open_period_at(session, contract, day) if contract is not None else None
        if row is None:
            raise NotFound(msg("The client has no contract on {day}", day=day))
        return row
    found = list_periods_of_month(await load_contracts(session, agency_id, client_id), day)
    if not found:
        raise NotFound(msg("The client has no contract in {month}", month=name))
    if len(found) > 1:
        days = [period.first for _, period in found]
        raise _refuse(msg("several periods begin in this month"), msg("name one of its days: {days}", days=days))
    (contract, period), *_ = found
    return await open_period(session, contract, period)


def read_period_name(name: str) -> date:
    """The first day of a month, or a day."""
    try:
        day = date.fromisoformat(f"{name}-01" if re.fullmatch(r"\d{4}-\d{2}", name) else name)
    except ValueError:
        day = PAST_DAY
    if not FIRST_DAY <= day < PAST_DAY or not re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", name):
        raise _refuse(msg("must be a month such as 2026-11, or a day such as 2026-11-15"))
    return day


def show_statement(statement: Statement, language: Language) -> dict[str, Any]:
    period, contract = statement.period, statement.contract
    return show_bill(statement.total, language) | {
        "lines": [
            {"id": one.id, **show_line(one.line, language)}
            | {"period": {"from": one.period.first, "to": one.period.past}, "late": one.late}
            for one in statement.lines
        ],
        "contract": show_id("ctr", contract.id),
        "client": show_id("cli", contract.client_id),
        "rate_plan": {"code": statement.plan.code, "version": statement.plan.version},
        "billing_period": show_id("prd", period.id),
        "period": {"from": period.starts_on, "to": period.ends_on},
        "time_zone": contract.time_zone,
        "closed": statement.closed,
        "warnings": show_warnings(statement.unpriced, language),
        "usage": [
            {"meter": meter, "quantity": show_decimal(counted.quantity), "dims": dict(counted.dims)}
            for meter, found in statement.usage.items()
            for counted in found
        ],
    }


def _refuse(detail: Message, hint: Message | None = None) -> Invalid:
    return Invalid(msg("Some values can't be accepted"), errors=[InputError("/period", detail, hint)])
