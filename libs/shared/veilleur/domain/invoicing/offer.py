"""What a client is offered: a plan, the terms of the contract it would become, and what a quote has to say; pure."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from veilleur.domain.billing.numbers import Percent, Quantity
from veilleur.domain.billing.parties import Line, Party
from veilleur.domain.billing.quantities import Metered, Usage
from veilleur.domain.billing.tax import Category, TaxTerms
from veilleur.kernel.errors import InputError
from veilleur.kernel.messages import Language, msg

Paragraph = Annotated[str, Field(min_length=1, max_length=3_000)]
FIRST_DAY, PAST_DAY = date(1970, 1, 1), date(2200, 1, 1)


def _require_usable(day: date) -> date:
    if not FIRST_DAY <= day < PAST_DAY:
        raise ValueError(msg("must be a day from {first} on and before {past}", first=FIRST_DAY, past=PAST_DAY))
    return day


Day = Annotated[date, Field(strict=False), AfterValidator(_require_usable)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PlanName(_Part):
    code: Annotated[str, Field(max_length=64)]
    version: Annotated[int, Field(ge=1, lt=2**31)]


class OfferedTax(_Part):
    category: Category
    rate: Percent
    reduced_rate: Percent | None = None
    reason: Annotated[str, Field(max_length=500)] | None = None

    def to_terms(self) -> TaxTerms:
        return TaxTerms(self.category, self.rate, self.reduced_rate)


class Estimate(_Part):
    """So much of a meter in a usual period."""

    quantity: Quantity
    dims: Annotated[dict[str, Annotated[str, Field(max_length=200)]], Field(max_length=20)] = Field(
        default_factory=dict
    )


class Service(_Part):
    """One thing that is done: what it includes, how often, and the time granted to it."""

    title: Line
    description: Paragraph | None = None
    frequency: Line | None = None
    time: Line | None = None


class LegalTerms(_Part):
    """`validation`: how fast the client answers what waits for its approval."""

    payment: Paragraph | None = None
    cancellation: Paragraph | None = None
    intellectual_property: Paragraph | None = None
    validation: Paragraph | None = None
    other: Annotated[list[Paragraph], Field(max_length=20)] = Field(default_factory=list)


class Offer(_Part):
    """`estimate`: a usual period's usage by meter, which prices the quote's lines."""

    rate_plan: PlanName
    starts_on: Day
    ends_on: Day | None = None
    anchor_day: Annotated[int, Field(ge=1, le=31)] | None = None
    buyer: Party
    tax: OfferedTax
    payment_days: Annotated[int, Field(ge=0, le=365)] = 30
    purchase_order: Line | None = None
    report_day: Annotated[int, Field(ge=1, le=31)] | None = None
    valid_until: Day
    language: Language = "fr"
    introduction: Paragraph | None = None
    services: Annotated[list[Service], Field(max_length=100)] = Field(default_factory=list)
    terms: LegalTerms = LegalTerms()
    estimate: Annotated[dict[str, list[Estimate]], Field(max_length=100)] = Field(default_factory=dict)


def to_usage(offer: Offer) -> Usage:
    return {
        meter: [Metered(one.quantity, one.dims, Decimal(1), bool(one.dims)) for one in estimates]
        for meter, estimates in offer.estimate.items()
    }


def find_unsaid(offer: Offer) -> list[InputError]:
    """What a client has to read before it signs."""
    wanted = (
        ("/services", bool(offer.services), msg("every service, with what it includes")),
        ("/terms/cancellation", offer.terms.cancellation is not None, msg("how the contract is cancelled")),
        (
            "/terms/intellectual_property",
            offer.terms.intellectual_property is not None,
            msg("whose the contents and results are"),
        ),
    )
    return [InputError(pointer, msg("is missing: {what}", what=what)) for pointer, said, what in wanted if not said]
