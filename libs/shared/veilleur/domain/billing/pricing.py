"""The price of a period: one pure function for previews, statements, quotes and invoices alike.

In this order: quantities, less what is included; one line a tier, a grade or a piece type, each rounded once, half up;
discounts; what is missing to the minimum as a line; what is beyond the cap, and SLA credits, as allowances; the
allowances shared among the VAT categories; VAT once per category, on the document, never per line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal, localcontext
from fractions import Fraction

from veilleur.domain.billing.allowances import Allowance, credit_slas, give_discounts
from veilleur.domain.billing.plan import Component, RatePlan
from veilleur.domain.billing.quantities import Usage, count_by_price, count_component
from veilleur.domain.billing.tax import Taxed, TaxTerms, charge_tax
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.money import NOTHING, round_half_up, round_money, show_quantity

SIX_PLACES = Decimal("0.000001")
DIGITS = 40
MINIMUM = "minimum_commitment"


@dataclass(frozen=True, slots=True)
class Line:
    """`net` is `quantity` times `unit_price`, rounded once. `tier` counts from 1; `detail` says which part it is.

    `part` tells lines of one component and tier apart: the value that has its own price, or `fee`.
    """

    component: str
    tier: int | None
    labels: dict[str, str]
    detail: Message | None
    quantity: Decimal
    unit_price: Decimal
    net: Decimal
    vat: str = "standard"
    part: str = ""


@dataclass(frozen=True, slots=True)
class Bill:
    """Amounts in the plan's currency; `subtotal` is the lines less the allowances: the tax basis."""

    currency: str
    lines: tuple[Line, ...]
    allowances: tuple[Allowance, ...]
    subtotal: Decimal
    tax: tuple[Taxed, ...]
    total: Decimal


@dataclass(frozen=True, slots=True)
class Occasion:
    """When the price is asked for: `periods` is how many of the plan's intervals the span is (a half month: ½), and
    `first` whether it is the contract's first period, in which what is paid once is paid.
    """

    periods: Fraction = Fraction(1)
    first: bool = True


def price_period(plan: RatePlan, usage: Usage, occasion: Occasion = Occasion(), tax: TaxTerms | None = None) -> Bill:
    """`Invalid` names usage that has no price, and VAT classes that have no rate."""
    with localcontext() as context:
        context.prec = DIGITS
        lines = [line for component in plan.components for line in _price_component(component, usage, occasion)]
        allowances = give_discounts(plan, lines)
        lines += _fill_up(plan, occasion, _net(lines) - _sum(allowances))
        allowances += _cap(plan, _net(lines) - _sum(allowances))
        allowances += credit_slas(plan, usage, lines, _net(lines) - _sum(allowances))
        subtotal = _net(lines) - _sum(allowances)
        taxed = charge_tax(lines, allowances, tax)
        total = subtotal + sum((row.amount for row in taxed), Decimal(0))
    return Bill(plan.currency, tuple(lines), tuple(allowances), subtotal, tuple(taxed), total)


def _net(lines: Sequence[Line]) -> Decimal:
    return sum((line.net for line in lines), NOTHING)


def _sum(allowances: Sequence[Allowance]) -> Decimal:
    return sum((allowance.amount for allowance in allowances), NOTHING)


def _price_component(component: Component, usage: Usage, occasion: Occasion) -> Iterator[Line]:
    for line in _list_lines(component, usage, occasion):
        if line.net or (line.unit_price and line.quantity):
            yield line


def _list_lines(component: Component, usage: Usage, occasion: Occasion) -> Iterator[Line]:
    if component.model == "flat":
        periods = occasion.periods if component.prorate else Fraction(-(-occasion.periods // 1))
        yield _make_flat(component, periods)
    elif component.model == "one_off":
        if occasion.first:
            yield _make_line(component, Decimal(1), component.amount or Decimal(0))
    elif component.prices_by is not None:
        yield from _price_by_dimension(component, usage)
    elif component.tiers is not None:
        quantity = count_component(component, usage)
        yield from (_graduate(component, quantity) if component.model == "graduated" else _volume(component, quantity))
    else:
        yield _make_line(component, _count_units(component, usage), component.unit or Decimal(0))


def _make_flat(component: Component, periods: Fraction) -> Line:
    """A part of a period is one at a part of the price, so that quantity times price stays exact to the cent."""
    amount = component.amount or Decimal(0)
    if periods.denominator == 1:
        return _make_line(component, Decimal(periods.numerator), amount)
    return _make_line(component, Decimal(1), prorate(amount, periods))


def prorate(amount: Decimal, periods: Fraction) -> Decimal:
    """A part of an amount, to six decimals."""
    return round_half_up(amount * periods.numerator / periods.denominator, SIX_PLACES)


def _count_units(component: Component, usage: Usage) -> Decimal:
    quantity = count_component(component, usage)
    if component.package_size is None:
        return quantity
    return (quantity / component.package_size).quantize(Decimal(1), rounding=ROUND_CEILING)


def _price_by_dimension(component: Component, usage: Usage) -> Iterator[Line]:
    units = component.prices_by.units if component.prices_by else {}
    for value, quantity in count_by_price(component, usage).items():
        if value in units:
            line = _make_line(component, quantity, units[value])
            yield replace(line, detail=msg("{value} rate", value=value), part=value)
        elif quantity:
            unpriced = msg("{quantity} of {value} has no price", quantity=show_quantity(quantity), value=value or "–")
            raise Invalid(
                msg("Some usage has no price in this plan"),
                errors=[InputError(f"/usage/{component.meter}", unpriced, msg("allowed: {codes}", codes=list(units)))],
                slug="unpriced-usage",
            )


def _graduate(component: Component, quantity: Decimal) -> Iterator[Line]:
    """Each tier prices what falls into it; its flat fee is due once it is entered, the first tier's always."""
    below = Decimal(0)
    for number, tier in enumerate(component.tiers or (), start=1):
        if number > 1 and quantity <= below:
            return
        inside = (quantity if tier.up_to is None else min(quantity, tier.up_to)) - below
        detail = _name_tier(below, tier.up_to)
        yield from _make_tier_lines(component, number, (inside, tier.unit, tier.flat), detail)
        below = tier.up_to if tier.up_to is not None else quantity


def _volume(component: Component, quantity: Decimal) -> Iterator[Line]:
    """The tier that is reached prices everything."""
    below = Decimal(0)
    for number, tier in enumerate(component.tiers or (), start=1):
        if tier.up_to is None or quantity <= tier.up_to:
            yield from _make_tier_lines(
                component, number, (quantity, tier.unit, tier.flat), _name_tier(below, tier.up_to)
            )
            return
        below = tier.up_to


def _make_tier_lines(
    component: Component, number: int, priced: tuple[Decimal, Decimal, Decimal], detail: Message
) -> Iterator[Line]:
    quantity, unit, flat = priced
    if flat:
        fee = msg("fee, {part}", part=detail)
        yield replace(_make_line(component, Decimal(1), flat), tier=number, detail=fee, part="fee")
    yield replace(_make_line(component, quantity, unit), tier=number, detail=detail)


def _name_tier(below: Decimal, up_to: Decimal | None) -> Message:
    if up_to is None:
        return msg("beyond {quantity}", quantity=show_quantity(below)) if below else msg("all")
    if not below:
        return msg("up to {quantity}", quantity=show_quantity(up_to))
    return msg("beyond {quantity}, up to {most}", quantity=show_quantity(below), most=show_quantity(up_to))


def _make_line(component: Component, quantity: Decimal, unit_price: Decimal) -> Line:
    net = round_money(quantity * unit_price)
    return Line(component.code, None, component.label, None, quantity, unit_price, net, component.vat)


def _fill_up(plan: RatePlan, occasion: Occasion, reached: Decimal) -> Iterator[Line]:
    if plan.minimum_commitment is None:
        return
    minimum = plan.minimum_commitment
    owed = round_money(prorate(minimum.amount, occasion.periods) if minimum.prorate else minimum.amount)
    if owed > reached:
        missing = owed - reached
        label = {"en": "Minimum commitment", "fr": "Complément de minimum"}
        yield Line(MINIMUM, None, label, None, Decimal(1), missing, missing)


def _cap(plan: RatePlan, reached: Decimal) -> list[Allowance]:
    if plan.cap is None or reached <= plan.cap.amount:
        return []
    return [Allowance(msg("Cap of {amount}", amount=plan.cap.amount), reached - round_money(plan.cap.amount))]
