"""What is left of what a client pays: revenue less the hours it took; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from veilleur.domain.billing.plan import Component, RatePlan, choose_label
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.money import NOTHING, round_half_up, round_money, show_amount

HOUR_S = Decimal(3600)
FOUR_PLACES = Decimal("0.0001")
HUNDRED = Decimal(100)
DECISIONS = "decision.human"
"""What a person's time is sold by, where it is not sold as time."""


@dataclass(frozen=True, slots=True)
class CostFrom:
    """What an hour costs from a day on."""

    from_on: date
    per_hour: Decimal


@dataclass(frozen=True, slots=True)
class Worked:
    """Seconds of a member on a day."""

    member_id: UUID | None
    day: date
    seconds: Decimal


@dataclass(frozen=True, slots=True)
class Cost:
    """`uncosted_seconds`: of members nobody said a rate for; they cost nothing here, and something in truth."""

    amount: Decimal
    seconds: Decimal
    uncosted_seconds: Decimal


@dataclass(frozen=True, slots=True)
class Margin:
    revenue: Decimal
    cost: Cost
    decisions: Decimal
    median_seconds: Decimal | None

    @property
    def amount(self) -> Decimal:
        return self.revenue - self.cost.amount

    @property
    def percent(self) -> Decimal | None:
        return round_money(self.amount * HUNDRED / self.revenue) if self.revenue else None

    @property
    def price_per_decision(self) -> Decimal | None:
        return round_half_up(self.revenue / self.decisions, FOUR_PLACES) if self.decisions else None

    @property
    def cost_per_decision(self) -> Decimal | None:
        return round_half_up(self.cost.amount / self.decisions, FOUR_PLACES) if self.decisions else None


def cost_work(worked: Sequence[Worked], rates: Mapping[UUID, Sequence[CostFrom]]) -> Cost:
    """Each day's seconds at the rate of that day; rounded once."""
    total, seconds, uncosted = NOTHING, NOTHING, NOTHING
    for one in worked:
        rate = find_rate(rates.get(one.member_id, ()) if one.member_id else (), one.day)
        seconds += one.seconds
        if rate is None:
            uncosted += one.seconds
        else:
            total += one.seconds * rate / HOUR_S
    return Cost(round_money(total), seconds, uncosted)


def find_rate(rates: Sequence[CostFrom], day: date) -> Decimal | None:
    """The newest that began on or before the day."""
    begun = [rate for rate in rates if rate.from_on <= day]
    return max(begun, key=lambda rate: rate.from_on).per_hour if begun else None


def warn_below_cost(plan: RatePlan, per_hour: Decimal | None, median_seconds: Decimal | None) -> list[Message]:
    """Prices of a person's decision that do not pay the median decision's time."""
    if per_hour is None or median_seconds is None:
        return []
    cost = round_half_up(per_hour * median_seconds / HOUR_S, FOUR_PLACES)
    return [
        msg(
            "{component} is sold at {price} and costs {cost} at the median of {seconds} s",
            component=choose_label(component.label, "en", component.code), price=show_amount(price),
            cost=show_amount(cost), seconds=median_seconds.normalize(),
        )
        for component in plan.components
        if component.meter == DECISIONS
        for price in _list_prices(component)
        if price < cost
    ]  # fmt: skip


def _list_prices(component: Component) -> list[Decimal]:
    """Every price a unit has; nought is included in something else."""
    prices = [component.unit] if component.unit is not None and component.package_size is None else []
    prices += [tier.unit for tier in component.tiers or ()]
    prices += list(component.prices_by.units.values()) if component.prices_by else []
    return sorted({price for price in prices if price})
