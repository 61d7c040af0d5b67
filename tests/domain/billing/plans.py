"""Short ways to write plans and bills in tests."""

from decimal import Decimal
from fractions import Fraction

from veilleur.domain.billing.plan import read_plan
from veilleur.domain.billing.pricing import Occasion, price_period
from veilleur.domain.billing.quantities import Metered

COUNTED = {"code": "units", "label": {"en": "Units"}, "meter": "units"}


def plan_of(*components, **more):
    return {
        "code": "plan",
        "version": 1,
        "currency": "EUR",
        "interval": "month",
        "timezone": "Europe/Paris",
        "components": list(components),
    } | more


def flat(amount, code="fee", **more):
    return {"code": code, "model": "flat", "label": {"en": code}, "amount": amount} | more


def tiers(*steps):
    """`("5", "7")`: up to 5 at 7 each; `(None, "6", "10")`: the rest at 6 each, and 10 once."""
    return [{"up_to": step[0], "unit": step[1], **({"flat": step[2]} if len(step) > 2 else {})} for step in steps]


def bill(*components, units="0", periods=1, first=True, tax=None, usage=None, **more):
    """The bill of a plan for so many units."""
    counted = {"units": [Metered(Decimal(units), told_apart=False)]} if usage is None else usage
    return price_period(read_plan(plan_of(*components, **more)), counted, Occasion(Fraction(periods), first), tax)


def total(*components, **more):
    return str(bill(*components, **more).total)
