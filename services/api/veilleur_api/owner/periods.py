"""Periods: closing them, and holding what was counted against what happened."""

from datetime import date, datetime
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.billing.models import BillingPeriod
from veilleur.domain.billing.unpriced import show_warnings
from veilleur.domain.invoicing.close import Terms, close_period, require_over
from veilleur.domain.invoicing.models import Reconciliation
from veilleur.domain.invoicing.reconcile import (
    compare_apart,
    find_stretch,
    keep_reconciliation,
    write_reconciliation,
)
from veilleur.domain.invoicing.statement import find_unpriced_work
from veilleur.kernel.clock import now
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, PartsOf, Tx
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
    """`differences` 0: every fact has its record, every record its fact. `findings` names the first that differ.

    Nobody made it: a night did. `billing_period` is null for days on which no contract held.
    """

    id: str
    client: str
    billing_period: str | None
    period: dict[str, date | None]
    made_at: datetime
    made_by: str | None
    differences: int
    meters: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    digest: str


class ReconciliationsOut(BaseModel):
    data: list[ReconciliationOut]
    next: str | None


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
    client_id: str, period_id: str, caller: Member, parts: PartsOf, request: Request
) -> Response:
    """Close a period that is over. What comes later is billed in the next one, as an adjustment with its own days."""
    async with parts.database.transaction(caller.scope) as session:
        period = await _find_period(session, caller, client_id, period_id)
        await require_over(session, period)
        stretch = await find_stretch(session, period)
    terms = Terms(await compare_apart(parts.database, stretch))
    async with parts.database.transaction(caller.scope) as session:
        period = await _find_period(session, caller, client_id, period_id)
        await close_period(session, period, caller.member_id, terms)
        unpriced = await find_unpriced_work(session, period)
        language = choose_language(request.headers.get("accept-language"))
        return JsonAnswer(_describe(period) | {"warnings": show_warnings(unpriced, language)})


@router.get("/reconciliation", responses={200: {"model": ReconciliationOut}}, **needs("usage:read"))
async def get_reconciliation(
    caller: Member, parts: PartsOf, client: str | None = None, period: PeriodName = None
) -> Response:
    """Hold the facts of a client's period against the records, now. It is kept, but for an operator's look."""
    if client is None:
        raise Invalid(msg("Some values can't be accepted"), errors=[InputError("/client", msg("is required"))])
    async with parts.database.transaction(caller.scope) as session:
        found = await find_client(session, caller.agency_id, client)
        stretch = await find_stretch(session, await choose_period(session, found, period))
    agreement = await compare_apart(parts.database, stretch)
    if caller.break_glass:
        seen = write_reconciliation(stretch, agreement, None)
        seen.made_at = now()
        return JsonAnswer(_show(seen))
    async with parts.database.transaction(caller.scope) as session:
        return JsonAnswer(_show(await keep_reconciliation(session, stretch, agreement, caller.member_id)))


@router.get(
    "/clients/{client_id}/reconciliations",
    responses={200: {"model": ReconciliationsOut}},
    **needs("usage:read"),
)
async def list_reconciliations(
    client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """What came of comparing, each night and whenever somebody asked, in that order."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(Reconciliation).where(
        Reconciliation.agency_id == caller.agency_id, Reconciliation.client_id == client.id
    )
    return JsonAnswer(await page_by_id(session, query, Reconciliation, limit, after, _show))


async def _find_period(session: AsyncSession, caller: Member, client_id: str, period_id: str) -> BillingPeriod:
    client = await find_client(session, caller.agency_id, client_id)
    period = await session.get(BillingPeriod, (caller.agency_id, read_id("prd", period_id)))
    if period is None or period.client_id != client.id:
        raise NotFound(msg("There is no {id} here", id=period_id[:64]))
    return period


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


def _show(kept: Reconciliation) -> dict[str, Any]:
    return {
        "id": show_id("rcn", kept.id),
        "client": show_id("cli", kept.client_id),
        "billing_period": show_id("prd", kept.period_id) if kept.period_id is not None else None,
        "period": {"from": kept.starts_on, "to": kept.ends_on},
        "made_at": kept.made_at,
        "made_by": show_id("mem", kept.made_by) if kept.made_by is not None else None,
        "differences": kept.differences,
        "meters": kept.meters,
        "findings": kept.findings,
        "digest": kept.digest,
    }
