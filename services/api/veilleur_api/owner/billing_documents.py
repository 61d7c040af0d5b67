"""Shapes of the owner's billing calls."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from veilleur.domain.billing.numbers import Percent, Quantity
from veilleur.kernel.messages import msg
from veilleur_api.owner.documents import Shape

FIRST_DAY, PAST_DAY = date(1970, 1, 1), date(2200, 1, 1)


def _require_usable(day: date) -> date:
    if not FIRST_DAY <= day < PAST_DAY:
        raise ValueError(msg("must be a day from {first} on and before {past}", first=FIRST_DAY, past=PAST_DAY))
    return day


Day = Annotated[date, Field(strict=False), AfterValidator(_require_usable)]


class UsageEntry(Shape):
    """So much of a meter, told apart by dimensions such as grade, language, sla_class."""

    quantity: Quantity
    dims: dict[str, Annotated[str, Field(max_length=200)]] = Field(default_factory=dict, max_length=20)


class PeriodIn(Shape):
    """Local days; `from` is in the period, `to` is not."""

    from_: Day = Field(alias="from")
    to: Day


class TaxIn(Shape):
    """A category of EN 16931: S standard, Z zero, E exempt, AE reverse charge, K intra-community, G export, O none."""

    category: Literal["S", "Z", "E", "AE", "K", "G", "O"]
    rate: Percent
    reduced_rate: Percent | None = None


class RatePlanPreviewIn(Shape):
    """`usage` by meter: a total, or entries with their dimensions."""

    plan: dict[str, Any]
    usage: dict[str, Quantity | Annotated[list[UsageEntry], Field(max_length=10_000)]] = Field(
        default_factory=dict, max_length=200
    )
    period: PeriodIn
    tax: TaxIn | None = None


class BillLine(BaseModel):
    component: str
    tier: int | None
    description: str
    quantity: str
    unit_price: str
    net: str


class BillAllowance(BaseModel):
    reason: str
    amount: str


class BillTax(BaseModel):
    category: str
    rate: str
    basis: str
    amount: str


class BillOut(BaseModel):
    """All amounts are text; `subtotal` is the lines less the allowances: the tax basis."""

    lines: list[BillLine]
    allowances: list[BillAllowance]
    subtotal: str
    tax: list[BillTax]
    total: str
    currency: str
