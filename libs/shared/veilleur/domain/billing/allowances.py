"""What is taken off a bill as a whole: discounts and SLA credits; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from veilleur.domain.billing.plan import Discount, RatePlan, SlaCredit
from veilleur.domain.billing.quantities import Usage
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.money import round_half_up, round_money, show_quantity

HUNDRED = Decimal(100)
KEPT, BROKEN = "sla.met", "sla.breached"


@dataclass(frozen=True, slots=True)
class Allowance:
    """Taken off every VAT category, in proportion."""

    reason: Message
    amount: Decimal


class Priced(Protocol):
    @property
    def component(self) -> str: ...
    @property
    def net(self) -> Decimal: ...


def give_discounts(plan: RatePlan, lines: Sequence[Priced]) -> list[Allowance]:
    """Discounts in the plan's order; together they never exceed what they are taken off."""
    given: list[Allowance] = []
    for discount in plan.discounts:
        basis = _sum_nets(line for line in lines if discount.component in (None, line.component))
        left = _sum_nets(lines) - sum((allowance.amount for allowance in given), Decimal(0))
        amount = round_money(basis * discount.value / HUNDRED if discount.kind == "percent" else discount.value)
        amount = min(amount, max(basis, Decimal(0)), max(left, Decimal(0)))
        if amount:
            given.append(Allowance(_name_discount(discount), amount))
    return given


def credit_slas(plan: RatePlan, usage: Usage, lines: Sequence[Priced], net: Decimal) -> list[Allowance]:
    """For each class of promises that was kept too seldom: the highest step reached, of the basis agreed."""
    flat = {component.code for component in plan.components if component.model == "flat"}
    recurring = _sum_nets(line for line in lines if line.component in flat)
    given: list[Allowance] = []
    left = max(net, Decimal(0))
    for credit in plan.sla_credits:
        kept = percent_kept(usage, credit.sla_class)
        percent = _find_step(credit, kept) if kept is not None else Decimal(0)
        basis = recurring if credit.basis == "recurring" else net
        amount = min(round_money(max(basis, Decimal(0)) * percent / HUNDRED), left)
        if amount and kept is not None:
            left -= amount
            given.append(Allowance(_name_credit(credit, kept, percent), amount))
    return given


def percent_kept(usage: Usage, sla_class: str) -> Decimal | None:
    """Promises of a class that were kept, per cent; None when there were none to keep."""
    kept, broken = _count(usage, KEPT, sla_class), _count(usage, BROKEN, sla_class)
    return kept * HUNDRED / (kept + broken) if kept + broken else None


def _count(usage: Usage, meter: str, sla_class: str) -> Decimal:
    """Promises without a class count for every class."""
    counted = (row.quantity for row in usage.get(meter, ()) if row.dims.get("sla_class") in (sla_class, None))
    return sum(counted, Decimal(0))


def _find_step(credit: SlaCredit, kept: Decimal) -> Decimal:
    reached = [step.credit_percent for step in credit.steps if kept < step.met_below_percent]
    percent = max(reached, default=Decimal(0))
    return percent if credit.max_percent is None else min(percent, credit.max_percent)


def _sum_nets(lines: Iterable[Priced]) -> Decimal:
    return sum((line.net for line in lines), Decimal(0))


def _name_discount(discount: Discount) -> Message:
    if discount.reason:
        return msg("Discount: {reason}", reason=discount.reason)
    return (
        msg("Discount of {percent} %", percent=show_quantity(discount.value))
        if discount.kind == "percent"
        else (msg("Discount"))
    )


def _name_credit(credit: SlaCredit, kept: Decimal, percent: Decimal) -> Message:
    return msg(
        "SLA credit: {sla_class} kept at {kept} %, {percent} % back",
        sla_class=credit.sla_class,
        kept=show_quantity(round_half_up(kept, Decimal("0.01"))),
        percent=show_quantity(percent),
    )
