"""Periods: closing them, and holding what was counted against what happened."""

from datetime import date, datetime
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.billing.models import BillingPeriod
from veilleur.domain.billing.unpriced import show_warnings
from veilleur.domain.invoicing.close import close_period
from veilleur.domain.invoicing.models import Reconciliation
from veilleur.domain.invoicing.reconcile import reconcile_period
from veilleur.domain.invoicing.statement import find_unpriced_work
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.billing_documents import BillWarning
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.owner.statements import PeriodName, choose_period
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "billing")


class PeriodOut(BaseModel):
    """`digest` is the SHA-256 of what was counted when it was closed, `records` how many rows that was."""

    id: str
    client: str
    contract: str
    starts_on: date
    ends_on: date
    state: str
    closed_at: datetime | None
    closed_by: str | None
    records: int | None
    digest: str | None


class ClosedPeriodOut(PeriodOut):
    """`warnings`: work entered by hand that the plan does not price."""

    warnings: list[BillWarning]


class PeriodsOut(BaseModel):
    data: list[PeriodOut]
    next: str | None


class ReconciliationOut(BaseModel):
    """`differences` 0: every fact has its record, every record its fact. `findings` names the first that differ."""

    id: str
    client: str
    billing_period: str
    period: dict[str, date]
    made_at: datetime
    made_by: str | None
    differences: int
    meters: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    digest: str


@router.get("/clients/{client_id}/periods", responses={200: {"model": PeriodsOut}}, **needs("pricing:read"))
async def list_billing_periods(
    client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """The client's periods that somebody has asked for."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(BillingPeriod).where(
        BillingPeriod.agency_id == caller.agency_id, BillingPeriod.client_id == client.id
    )
    return JsonAnswer(await page_by_id(session, query, BillingPeriod, limit, after, _describe))


@router.post(
    "/clients/{client_id}/periods/{period_id}/close",
    responses={200: {"model": ClosedPeriodOut}},
    **needs("pricing:write"),
)
async def close_billing_period(
    client_id: str, period_id: str, caller: Member, session: Tx, request: Request
) -> Response:
    """Close a period that is over. What comes later is billed in the next one, as an adjustment with its own days."""
    language = choose_language(request.headers.get("accept-language"))
    client = await find_client(session, caller.agency_id, client_id)
    period = await session.get(BillingPeriod, (caller.agency_id, read_id("prd", period_id)))
    if period is None or period.client_id != client.id:
        raise NotFound(msg("There is no {id} here", id=period_id[:64]))
    await close_period(session, period, caller.member_id)
    unpriced = await find_unpriced_work(session, period)
    return JsonAnswer(_describe(period) | {"warnings": show_warnings(unpriced, language)})


@router.get("/reconciliation", responses={200: {"model": ReconciliationOut}}, **needs("usage:read"))
async def get_reconciliation(
    caller: Member, session: Tx, client: str | None = None, period: PeriodName = None
) -> Response:
    """Hold the facts of a client's period against the records, now; the result is kept."""
    if client is None:
        raise Invalid(msg("Some values can't be accepted"), errors=[InputError("/client", msg("is required"))])
    found = await find_client(session, caller.agency_id, client)
    row = await choose_period(session, found, period)
    return JsonAnswer(_show(await reconcile_period(session, row, caller.member_id), row))


def _describe(period: BillingPeriod) -> dict[str, Any]:
    return {
        "id": show_id("prd", period.id),
        "client": show_id("cli", period.client_id),
        "contract": show_id("ctr", period.contract_id),
        "starts_on": period.starts_on,
        "ends_on": period.ends_on,
        "state": period.state,
        "closed_at": period.closed_at,
        "closed_by": show_id("mem", period.closed_by) if period.closed_by is not None else None,
        "records": period.records,
        "digest": period.digest,
    }


def _show(kept: Reconciliation, period: BillingPeriod) -> dict[str, Any]:
    return {
        "id": show_id("rcn", kept.id),
        "client": show_id("cli", kept.client_id),
        "billing_period": show_id("prd", period.id),
        "period": {"from": period.starts_on, "to": period.ends_on},
        "made_at": kept.made_at,
        "made_by": show_id("mem", kept.made_by) if kept.made_by is not None else None,
        "differences": kept.differences,
        "meters": kept.meters,
        "findings": kept.findings,
        "digest": kept.digest,
    }
