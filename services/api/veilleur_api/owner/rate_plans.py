"""Rate plans: tried before anyone signs them."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from fastapi import Request
from starlette.responses import Response

from veilleur.domain.billing.period import Period, share_of_periods
from veilleur.domain.billing.plan import RatePlan, read_plan
from veilleur.domain.billing.pricing import Bill, Occasion, price_period
from veilleur.domain.billing.quantities import Metered
from veilleur.domain.billing.shape import show_bill
from veilleur.domain.billing.tax import TaxTerms
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.guard import BULK_BODY, guarded_router, needs
from veilleur_api.owner.billing_documents import BillOut, RatePlanPreviewIn, UsageEntry
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "billing")


@router.post("/rate-plans/preview", response_model=BillOut, **needs("pricing:read", body=BULK_BODY))
async def preview_rate_plan(preview: RatePlanPreviewIn, request: Request) -> Response:
    """Price some usage by a plan: the very function that prices statements, quotes and invoices. Nothing is stored."""
    language = choose_language(request.headers.get("accept-language"))
    bill = await asyncio.to_thread(_price, preview)
    return JsonAnswer(show_bill(bill, language))


def _price(preview: RatePlanPreviewIn) -> Bill:
    plan = read_plan(preview.plan, "/plan")
    tax = TaxTerms(preview.tax.category, preview.tax.rate, preview.tax.reduced_rate) if preview.tax else None
    usage = {meter: _read_usage(counted) for meter, counted in preview.usage.items()}
    return price_period(plan, usage, _read_occasion(plan, preview), tax)


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
