"""Shapes of the owner's billing calls."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, GetJsonSchemaHandler, RootModel
from pydantic_core import CoreSchema

from veilleur.domain.billing.numbers import Percent, Quantity
from veilleur.domain.billing.parties import Party
from veilleur.domain.billing.plan import RatePlan
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


class _AsRatePlan:
    """Described as a rate plan; it is read later, so that mistakes are told with what the trade calls them."""

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(RatePlan.__pydantic_core_schema__)


RatePlanDocument = Annotated[dict[str, Any], _AsRatePlan()]


class RatePlanPreviewIn(Shape):
    """`usage` by meter: a total, or entries with their dimensions."""

    plan: RatePlanDocument
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


class BillWarning(BaseModel):
    """Usage that no component of the plan prices."""

    type: str
    meter: str
    quantity: str
    detail: str


class PreviewOut(BillOut):
    """`warnings`: what was given and the service counts, and this plan has no price for."""

    warnings: list[BillWarning]


class RatePlanIn(RootModel[RatePlanDocument]):
    """A rate plan with its `code` and `version`: `docs/guide/money.md`."""


class RatePlanOut(BaseModel):
    """A version never changes."""

    id: str
    code: str
    version: int
    plan: dict[str, Any]
    created_at: datetime
    created_by: str


class RatePlansOut(BaseModel):
    data: list[RatePlanOut]
    next: str | None


class RatePlanRef(Shape):
    code: Annotated[str, Field(max_length=63)]
    version: Annotated[int, Field(ge=1, lt=2**31)]


class ContractTaxIn(TaxIn):
    """`reason` is printed where no VAT is charged."""

    reason: Annotated[str, Field(min_length=1, max_length=300)] | None = None


class ContractIn(Shape):
    """`ends_on` is the first day the contract no longer holds. `anchor_day`: the day of the month periods turn on, with
    an anniversary plan; `report_day`: the day of the following month the report is promised for.
    """

    rate_plan: RatePlanRef
    starts_on: Day
    ends_on: Day | None = None
    anchor_day: Annotated[int, Field(ge=1, le=31)] | None = None
    buyer: Party
    tax: ContractTaxIn
    payment_days: Annotated[int, Field(ge=0, le=365)] = 30
    purchase_order: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    report_day: Annotated[int, Field(ge=1, le=31)] | None = None


class ContractEndIn(Shape):
    """`ends_on` is the first day the contract no longer holds."""

    ends_on: Day
    reason: Annotated[str, Field(min_length=1, max_length=2_000)] | None = None


class ContractOut(BaseModel):
    id: str
    client: str
    rate_plan: dict[str, Any]
    starts_on: date
    ends_on: date | None
    anchor_day: int | None
    time_zone: str
    buyer: dict[str, Any]
    tax: dict[str, Any]
    payment_days: int
    purchase_order: str | None
    report_day: int | None
    created_at: datetime
    created_by: str
    ended_by: str | None
    end_reason: str | None


class ContractsOut(BaseModel):
    data: list[ContractOut]
    next: str | None


class StatementLineOut(BillLine):
    """`period` are the days the line is for; `late`: they were closed before this came."""

    id: str
    # `from` is a keyword of Python
    period: dict[str, date]
    late: bool


class StatementOut(BillOut):
    """The bill of a period so far, or as it was closed. `warnings`: work entered by hand that has no price."""

    contract: str
    client: str
    rate_plan: dict[str, Any]
    billing_period: str
    period: dict[str, date]
    time_zone: str
    closed: bool
    lines: list[StatementLineOut]  # type: ignore[assignment]  # a statement's lines say more than a bill's
    usage: list[dict[str, Any]]
    warnings: list[BillWarning]
