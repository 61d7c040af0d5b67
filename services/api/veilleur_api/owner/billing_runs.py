"""Month end in two calls: drafts for all clients, then numbers for all that are ready."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.invoicing.invoice_models import BillingRun
from veilleur.domain.invoicing.month import show_result
from veilleur.domain.invoicing.reconcile import compare_apart
from veilleur.domain.invoicing.run_month import begin_run, draft_client, finalise_run, list_month
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import Language, choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, PartsOf, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import page_by_id
from veilleur_api.owner.documents import Shape
from veilleur_api.owner.statements import read_period_name
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "invoices")


class BillingRunIn(Shape):
    """The month whose periods are billed: `2026-11`."""

    period: Annotated[str, Field(max_length=10)]


class RunFinding(BaseModel):
    type: str
    detail: str
    pointer: str | None


class RunResult(BaseModel):
    """`ready` can be finalised; `blocked` says by what; `nothing` had nothing to bill."""

    client: str
    state: Literal["ready", "blocked", "finalised", "nothing"]
    period: dict[str, str] | None
    invoice: str | None
    number: str | None = None
    total: str | None
    currency: str | None
    blockers: list[RunFinding]
    warnings: list[RunFinding]


class BillingRunOut(BaseModel):
    id: str
    period: str
    results: list[RunResult]
    created_by: str
    created_at: datetime
    finalised_at: datetime | None


class BillingRunsOut(BaseModel):
    data: list[BillingRunOut]
    next: str | None


@router.post("/billing-runs", status_code=201, responses={201: {"model": BillingRunOut}}, **needs("invoices:write"))
async def create_billing_run(wanted: BillingRunIn, caller: Member, parts: PartsOf, request: Request) -> Response:
    """Close and draft the month for every client; what goes wrong with one keeps nobody else back."""
    if len(wanted.period) != len("2026-11"):
        wrong = InputError("/period", msg("must be a month such as 2026-11"))
        raise Invalid(msg("Some values can't be accepted"), errors=[wrong])
    month = read_period_name(wanted.period)
    async with parts.database.transaction(caller.scope) as session:
        run_id, clients = await begin_run(session, caller.agency_id, month, caller.member_id)
    for client_id in clients:
        async with parts.database.transaction(caller.scope) as session:
            stretches = await list_month(session, caller.agency_id, client_id, month)
        agreements = {one.period_id: await compare_apart(parts.database, one) for one in stretches if one.period_id}
        async with parts.database.transaction(caller.scope) as session:
            await draft_client(session, caller.agency_id, run_id, client_id, agreements)
    async with parts.database.transaction(caller.scope) as session:
        run = await session.get_one(BillingRun, (caller.agency_id, run_id))
        return JsonAnswer(describe_run(run, _language(request)), 201)


@router.get("/billing-runs", responses={200: {"model": BillingRunsOut}}, **needs("pricing:read"))
async def list_billing_runs(
    caller: Member, session: Tx, request: Request, limit: Limit = 20, after: After = None
) -> Response:
    """Month ends, in the order they were begun."""
    query = select(BillingRun).where(BillingRun.agency_id == caller.agency_id)
    language = _language(request)
    return JsonAnswer(
        await page_by_id(session, query, BillingRun, limit, after, lambda row: describe_run(row, language))
    )


@router.get("/billing-runs/{run_id}", responses={200: {"model": BillingRunOut}}, **needs("pricing:read"))
async def get_billing_run(run_id: str, caller: Member, session: Tx, request: Request) -> Response:
    """One month end."""
    return JsonAnswer(describe_run(await _find(session, caller.agency_id, run_id), _language(request)))


@router.post("/billing-runs/{run_id}/finalize", responses={200: {"model": BillingRunOut}}, **needs("invoices:write"))
async def finalize_billing_run(run_id: str, caller: Member, session: Tx, request: Request) -> Response:
    """Number every draft that is ready by now; the others say what they lack."""
    run = await _find(session, caller.agency_id, run_id)
    await session.refresh(run, with_for_update=True)
    await finalise_run(session, run, caller.member_id)
    return JsonAnswer(describe_run(run, _language(request)))


def describe_run(run: BillingRun, language: Language) -> dict[str, Any]:
    return {
        "id": show_id("brn", run.id),
        "period": run.period,
        "results": [show_result(result, language) for result in run.results],
        "created_by": show_id("mem", run.created_by),
        "created_at": run.created_at,
        "finalised_at": run.finalised_at,
    }


async def _find(session: AsyncSession, agency_id: UUID, shown: str) -> BillingRun:
    run = await session.get(BillingRun, (agency_id, read_id("brn", shown)))
    if run is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return run


def _language(request: Request) -> Language:
    return choose_language(request.headers.get("accept-language"))
