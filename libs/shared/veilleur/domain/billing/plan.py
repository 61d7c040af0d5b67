"""A rate plan: what a client pays for, how it is counted, and at what price.

A version is immutable once a contract uses it. The models of price are the trade's: a flat fee, a price a unit, a
package, tiers that each price what falls into them (`graduated`), tiers of which the one reached prices everything
(`volume`), time in increments, and a fee paid once.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from veilleur.domain.billing.numbers import Percent, Price, Quantity
from veilleur.domain.metering.meters import COUNTED_METERS, is_misnamed
from veilleur.domain.sla.calendar_document import known_zones
from veilleur.infra.validation import invalid_from_pydantic
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import choose_language, msg
from veilleur.kernel.money import Currency
from veilleur.kernel.strict_json import extend_pointer

MAX_COMPONENTS = 200

COMPONENT_NEEDS: dict[str, tuple[str, ...]] = {
    "flat": ("amount",),
    "one_off": ("amount",),
    "per_unit": ("meter",),
    "package": ("meter", "package_size", "unit"),
    "graduated": ("meter", "tiers"),
    "volume": ("meter", "tiers"),
    "time": ("meter", "time"),
}
"""What each model of price can't do without."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _require_zone(value: str) -> str:
    if value not in known_zones():
        raise ValueError(msg("must be an IANA time zone, such as Europe/Paris"))
    return value


Labels = Annotated[dict[str, Annotated[str, Field(max_length=300)]], Field(max_length=20)]
"""A text by language."""


class Tier(_Part):
    """Up to and with `up_to`, without end when null: `unit` a unit, and `flat` once the tier is entered."""

    up_to: Quantity | None
    unit: Price
    flat: Price = Decimal(0)


class TimePricing(_Part):
    """Seconds become hours or days: summed, raised to the increment, divided."""

    per: Literal["hour", "day"]
    hours_per_day: Quantity | None = None
    increment_seconds: Annotated[int, Field(ge=1, le=86_400)]
    round: Literal["up", "nearest"] = "up"
    minimum_seconds: Annotated[int, Field(ge=0, le=31_622_400)] = 0


class PricesBy(_Part):
    """One price for each value of a dimension (grade, piece type)."""

    dimension: Annotated[str, Field(min_length=1, max_length=64)]
    units: Annotated[dict[str, Price], Field(min_length=1, max_length=200)]


class Component(_Part):
    """One thing that is charged for."""

    code: Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,64}$")]
    model: Literal["flat", "per_unit", "package", "graduated", "volume", "time", "one_off"]
    label: Labels
    meter: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    aggregation: Literal["count", "sum", "max", "unique", "weighted_sum"] | None = None
    unique_on: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    filters: Annotated[dict[str, list[str]], Field(max_length=20)] = Field(default_factory=dict)
    amount: Price | None = None
    unit: Price | None = None
    included: Quantity = Decimal(0)
    package_size: Quantity | None = None
    tiers: Annotated[list[Tier], Field(min_length=1, max_length=100)] | None = None
    time: TimePricing | None = None
    prices_by: PricesBy | None = None
    prorate: bool = True
    unit_code: Literal["C62", "HUR", "DAY", "MON", "MIN", "SEC"] = "C62"
    vat: Literal["standard", "reduced", "exempt"] = "standard"


class Commitment(_Part):
    """The least a period costs."""

    amount: Price
    prorate: bool = True


class Cap(_Part):
    """The most a period costs."""

    amount: Price


class Discount(_Part):
    """Off one component, or off everything."""

    kind: Literal["percent", "amount"]
    value: Price
    component: str | None = None
    reason: Annotated[str, Field(max_length=300)] | None = None


class CreditStep(_Part):
    met_below_percent: Percent
    credit_percent: Percent


class SlaCredit(_Part):
    """Given back when a class of promises was kept too seldom: the highest step reached counts."""

    sla_class: Annotated[str, Field(min_length=1, max_length=64)]
    basis: Literal["recurring", "period_net"] = "recurring"
    steps: Annotated[list[CreditStep], Field(min_length=1, max_length=20)]
    max_percent: Percent | None = None


class RatePlan(_Part):
    """One immutable version."""

    code: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
    version: Annotated[int, Field(ge=1, lt=2**31)]
    name: Labels = Field(default_factory=dict)
    currency: Currency
    interval: Literal["month", "quarter", "year"]
    anchor: Literal["calendar", "anniversary"] = "calendar"
    timezone: Annotated[str, Field(max_length=64), AfterValidator(_require_zone)]
    pay_in_advance: bool = False
    components: Annotated[list[Component], Field(min_length=1, max_length=MAX_COMPONENTS)]
    minimum_commitment: Commitment | None = None
    cap: Cap | None = None
    discounts: Annotated[list[Discount], Field(max_length=50)] = Field(default_factory=list)
    sla_credits: Annotated[list[SlaCredit], Field(max_length=20)] = Field(default_factory=list)


def read_plan(document: object, prefix: str = "") -> RatePlan:
    """The plan of a document; `Invalid` names everything that is wrong with it, below the pointer `prefix`."""
    try:
        plan = RatePlan.model_validate(document)
    except ValidationError as error:
        raise invalid_from_pydantic(error.errors(), prefix=prefix, document=document) from None
    mistakes = list(_find_mistakes(plan, prefix))
    if mistakes:
        raise Invalid(msg("The rate plan has mistakes"), errors=mistakes)
    return plan


def choose_label(labels: dict[str, str], language: str, default: str) -> str:
    """The text in the reader's language, or in any there is."""
    return labels.get(choose_language(language)) or next(iter(labels.values()), default)


_BY_UNIT = frozenset({"per_unit", "time"})


def _find_mistakes(plan: RatePlan, prefix: str) -> Iterator[InputError]:
    codes = [component.code for component in plan.components]
    for position, component in enumerate(plan.components):
        pointer = f"{prefix}/components/{position}"
        if component.code in codes[:position]:
            yield InputError(f"{pointer}/code", msg("another component is called {code}", code=component.code))
        yield from _check_component(component, pointer)
    for position, discount in enumerate(plan.discounts):
        yield from _check_discount(discount, codes, f"{prefix}/discounts/{position}")
    minimum = plan.minimum_commitment
    if minimum and plan.cap and plan.cap.amount < minimum.amount:
        yield InputError(f"{prefix}/cap/amount", msg("is less than the minimum commitment"))


def _check_component(component: Component, pointer: str) -> Iterator[InputError]:
    given = component.model_dump(exclude_none=True)
    for name in COMPONENT_NEEDS[component.model]:
        if name not in given:
            yield InputError(f"{pointer}/{name}", msg("is needed with the model {model}", model=component.model))
    if component.model in _BY_UNIT and (component.unit is None) == (component.prices_by is None):
        yield InputError(pointer, msg("needs either a `unit` price or `prices_by`, not both"))
    if component.aggregation == "unique" and component.unique_on is None:
        yield InputError(f"{pointer}/unique_on", msg("is needed to count what is distinct: the name of a dimension"))
    if component.meter is not None and is_misnamed(component.meter):
        counted = msg("counted by the service: {codes}", codes=sorted(COUNTED_METERS))
        yield InputError(f"{pointer}/meter", msg("is not a meter of the service"), counted)
    for place, price in _list_prices(component):
        if price < 0:
            yield InputError(f"{pointer}/{place}", msg("must not be negative"), msg("take a discount instead"))
    if component.package_size == 0:
        yield InputError(f"{pointer}/package_size", msg("must be more than 0"))
    if component.time and component.time.per == "day" and not component.time.hours_per_day:
        yield InputError(f"{pointer}/time/hours_per_day", msg("is needed to count days, such as {example}", example=7))
    yield from _check_tiers(component.tiers or (), pointer)


def _list_prices(component: Component) -> Iterator[tuple[str, Decimal]]:
    """Every price of a component with its place in it."""
    for name, price in (("amount", component.amount), ("unit", component.unit)):
        if price is not None:
            yield name, price
    for position, tier in enumerate(component.tiers or ()):
        yield f"tiers/{position}/unit", tier.unit
        yield f"tiers/{position}/flat", tier.flat
    for value, price in (component.prices_by.units if component.prices_by else {}).items():
        yield extend_pointer("prices_by/units", value), price


def _check_tiers(tiers: Sequence[Tier], pointer: str) -> Iterator[InputError]:
    last = len(tiers) - 1
    below: Decimal | None = None
    for position, tier in enumerate(tiers):
        place = f"{pointer}/tiers/{position}/up_to"
        if (tier.up_to is None) is not (position == last):
            yield InputError(place, msg("must be null in the last tier, and only there"))
        elif tier.up_to is not None and (tier.up_to == 0 or (below is not None and tier.up_to <= below)):
            yield InputError(place, msg("must be more than the tier before reaches to"))
        below = tier.up_to


def _check_discount(discount: Discount, codes: Sequence[str], pointer: str) -> Iterator[InputError]:
    if discount.component is not None and discount.component not in codes:
        unknown = msg("no component is called {code}", code=discount.component)
        yield InputError(f"{pointer}/component", unknown, msg("allowed: {codes}", codes=codes))
    if discount.value < 0 or (discount.kind == "percent" and discount.value > 100):
        yield InputError(
            f"{pointer}/value", msg("must be between 0 and 100 per cent, or an amount that is not negative")
        )
