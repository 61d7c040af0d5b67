"""Rate plans: tried before anyone signs them, kept in versions that never change."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from fastapi import Request
from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.billing.keep_plan import keep_rate_plan
from veilleur.domain.billing.models import RatePlanVersion
from veilleur.domain.billing.period import Period, share_of_periods
from veilleur.domain.billing.plan import RatePlan, read_plan
from veilleur.domain.billing.pricing import Bill, Occasion, price_period
from veilleur.domain.billing.quantities import Metered
from veilleur.domain.billing.queries import find_rate_plan
from veilleur.domain.billing.shape import show_bill
from veilleur.domain.billing.tax import TaxTerms
from veilleur.domain.billing.unpriced import Unpriced, find_unpriced, refuse_unpriced, show_warnings
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import BULK_BODY, guarded_router, needs
from veilleur_api.owner.billing_documents import (
    PreviewOut,
    RatePlanIn,
    RatePlanOut,
    RatePlanPreviewIn,
    RatePlansOut,
    UsageEntry,
)
from veilleur_api.owner.common import bound_version, page_by_id
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "billing")


@router.post("/rate-plans/preview", response_model=PreviewOut, **needs("pricing:read", body=BULK_BODY))
async def preview_rate_plan(preview: RatePlanPreviewIn, request: Request) -> Response:
    """Price some usage by a plan: the very function that prices statements, quotes and invoices. Nothing is stored."""
    language = choose_language(request.headers.get("accept-language"))
    bill, unpriced = await asyncio.to_thread(_price, preview)
    return JsonAnswer(show_bill(bill, language) | {"warnings": show_warnings(unpriced, language)})


@router.post("/rate-plans", status_code=201, responses={201: {"model": RatePlanOut}}, **needs("pricing:write"))
async def create_rate_plan(new: RatePlanIn, caller: Member, session: Tx) -> Response:
    """Keep a version of a rate plan. It never changes: a change is the next version."""
    return JsonAnswer(_describe(await keep_rate_plan(session, caller.agency_id, new.root, caller.member_id)), 201)


@router.get("/rate-plans", responses={200: {"model": RatePlansOut}}, **needs("pricing:read"))
async def list_rate_plans(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """All versions of all rate plans, in the order they were kept."""
    query = select(RatePlanVersion).where(RatePlanVersion.agency_id == caller.agency_id)
    return JsonAnswer(await page_by_id(session, query, RatePlanVersion, limit, after, _describe))


@router.get(
    "/rate-plans/{plan_code}/versions/{version}", responses={200: {"model": RatePlanOut}}, **needs("pricing:read")
)
async def get_rate_plan(plan_code: str, version: int, caller: Member, session: Tx) -> Response:
    """One version of a rate plan."""
    found = await find_rate_plan(session, caller.agency_id, plan_code, bound_version(version))
    if found is None:
        raise NotFound(msg("There is no version {version} here", version=version))
    return JsonAnswer(_describe(found))


def _describe(kept: RatePlanVersion) -> dict[str, Any]:
    return {
        "id": show_id("rpl", kept.id),
        "code": kept.code,
        "version": kept.version,
        "plan": kept.document,
        "created_at": kept.created_at,
        "created_by": show_id("mem", kept.created_by),
    }


def _price(preview: RatePlanPreviewIn) -> tuple[Bill, tuple[Unpriced, ...]]:
    plan = read_plan(preview.plan, "/plan")
    tax = TaxTerms(preview.tax.category, preview.tax.rate, preview.tax.reduced_rate) if preview.tax else None
    usage = {meter: _read_usage(counted) for meter, counted in preview.usage.items()}
    refuse_unpriced(plan, usage, "/usage")
    return price_period(plan, usage, _read_occasion(plan, preview), tax), find_unpriced(plan, usage)


def _read_occasion(plan: RatePlan, preview: RatePlanPreviewIn) -> Occasion:
    """An anniversary plan is previewed from the first day of a contract."""
    span = Period(preview.period.from_, preview.period.to)
    if span.days <= 0:
        late = InputError("/period/to", msg("must be later than `from`: it is the first day that is not in the period"))
        raise Invalid(msg("Some values can't be accepted"), errors=[late])
    anchor = span.first if plan.anchor == "anniversary" else None
    return Occasion(share_of_periods(span, plan.interval, anchor))


def _read_usage(counted: Decimal | Sequence[UsageEntry]) -> list[Metered]:
    if isinstance(counted, Decimal):
        return [Metered(counted, told_apart=False)]
    return [Metered(entry.quantity, entry.dims) for entry in counted]
