"""From usage to the quantities a plan prices; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from veilleur.domain.billing.plan import Component, TimePricing
from veilleur.kernel.money import round_half_up

FOUR_PLACES = Decimal("0.0001")
HOUR_S = Decimal(3600)


@dataclass(frozen=True, slots=True)
class Metered:
    """So much on a meter, with the dimensions it is told apart by.

    `lasted` is the part of the period it counts for, where a quantity is weighted by time (1: all of it).
    """

    quantity: Decimal
    dims: Mapping[str, str] = field(default_factory=dict)
    lasted: Decimal = Decimal(1)
    told_apart: bool = True
    """False: a bare total, already counted by whoever gives it."""


Usage = Mapping[str, Sequence[Metered]]
"""What each meter counted in the period."""


def count_component(component: Component, usage: Usage) -> Decimal:
    """The billable quantity of a component: aggregated, in its unit, less what is included; never below 0."""
    return _bill(component, _select(component, usage))


def count_by_price(component: Component, usage: Usage) -> dict[str, Decimal]:
    """The same for each priced value of its dimension; a value without a price is kept, with its quantity."""
    if component.prices_by is None:
        return {}
    groups: dict[str, list[Metered]] = {value: [] for value in component.prices_by.units}
    for metered in _select(component, usage):
        groups.setdefault(metered.dims.get(component.prices_by.dimension, ""), []).append(metered)
    return {value: _bill(component, found) for value, found in groups.items()}


def _select(component: Component, usage: Usage) -> list[Metered]:
    return [
        metered
        for metered in usage.get(component.meter or "", ())
        if all(metered.dims.get(name) in allowed for name, allowed in component.filters.items())
    ]


def _bill(component: Component, found: Sequence[Metered]) -> Decimal:
    counted = _aggregate(component, found)
    if component.time is not None:
        counted = _measure_time(component.time, counted)
    return max(Decimal(0), round_half_up(counted, FOUR_PLACES) - component.included)


def _aggregate(component: Component, found: Sequence[Metered]) -> Decimal:
    """`count` adds the facts a record stands for, so that a reversing record takes one away."""
    if component.aggregation == "unique":
        totals = [metered.quantity for metered in found if not metered.told_apart]
        kept: dict[str, Decimal] = {}
        for metered in found:
            if metered.told_apart and (value := metered.dims.get(component.unique_on or "")) is not None:
                kept[value] = kept.get(value, Decimal(0)) + metered.quantity
        return sum(totals, Decimal(0)) + sum(quantity > 0 for quantity in kept.values())
    if component.aggregation == "max":
        return max((metered.quantity for metered in found), default=Decimal(0))
    if component.aggregation == "weighted_sum":
        return sum((metered.quantity * metered.lasted for metered in found), Decimal(0))
    return sum((metered.quantity for metered in found), Decimal(0))


def _measure_time(time: TimePricing, seconds: Decimal) -> Decimal:
    """Summed over the period first, then raised to the increment: many short tasks are not many increments."""
    if seconds > 0:
        seconds = max(seconds, Decimal(time.minimum_seconds))
    rounding = ROUND_CEILING if time.round == "up" else ROUND_HALF_UP
    increments = (seconds / time.increment_seconds).quantize(Decimal(1), rounding=rounding)
    unit_s = HOUR_S if time.per == "hour" else HOUR_S * (time.hours_per_day or 1)
    return increments * time.increment_seconds / unit_s
