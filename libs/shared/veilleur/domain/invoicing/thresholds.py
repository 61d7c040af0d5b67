"""How far a period has come, in the terms of a threshold; pure."""

from decimal import Decimal
from typing import Literal

from veilleur.domain.billing.plan import Component, RatePlan
from veilleur.domain.billing.pricing import Bill
from veilleur.domain.billing.quantities import Usage, count_component

Kind = Literal["quantity", "amount", "included", "budget"]
NOTHING = Decimal(0)
HUNDRED = Decimal(100)


def measure(kind: str, meter: str | None, plan: RatePlan, usage: Usage, total: Bill) -> Decimal:
    """`quantity`: of a meter, in its unit; `included`: the share used of what is included, per cent, of the component
    that is furthest; `amount`: net; `budget`: with tax.
    """
    if kind == "amount":
        return total.subtotal
    if kind == "budget":
        return total.total
    if kind == "quantity":
        return sum((metered.quantity for metered in usage.get(meter or "", ())), NOTHING)
    shares = [_share(component, usage) for component in plan.components if component.meter == meter]
    return max(shares, default=NOTHING)


def _share(component: Component, usage: Usage) -> Decimal:
    free = component.tiers[0] if component.tiers and not component.tiers[0].unit else None
    included = component.included or (free.up_to if free is not None else None)
    if not included:
        return NOTHING
    used = count_component(component.model_copy(update={"included": NOTHING}), usage)
    return used * HUNDRED / included
