"""What a stored contract says, read back into the shapes that prices are computed with; pure."""

from decimal import Decimal
from typing import Any

from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.billing.parties import Party
from veilleur.domain.billing.period import Period
from veilleur.domain.billing.plan import RatePlan, read_plan
from veilleur.domain.billing.pricing import Occasion
from veilleur.domain.billing.schedule import Schedule, share_of_period
from veilleur.domain.billing.tax import TaxTerms


def plan_of_contract(contract: Contract) -> RatePlan:
    return read_plan(contract.plan)


def buyer_of_contract(contract: Contract) -> Party:
    return Party.model_validate(contract.buyer)


def tax_of_contract(contract: Contract) -> TaxTerms:
    reduced = contract.tax.get("reduced_rate")
    return TaxTerms(contract.tax["category"], Decimal(contract.tax["rate"]), Decimal(reduced) if reduced else None)


def write_tax(terms: TaxTerms, reason: str | None) -> dict[str, Any]:
    """The tax of a contract as it is stored."""
    written = {"category": terms.category, "rate": str(terms.rate)}
    if terms.reduced_rate is not None:
        written["reduced_rate"] = str(terms.reduced_rate)
    return written | ({"reason": reason} if reason else {})


def schedule_of_contract(contract: Contract, plan: RatePlan) -> Schedule:
    """Periods of an anniversary plan turn on the anchor day, or the day of the month the contract began on."""
    anchor_day = (contract.anchor_day or contract.starts_on.day) if plan.anchor == "anniversary" else None
    return Schedule(plan.interval, contract.starts_on, contract.ends_on, anchor_day)


def occasion_of_period(contract: Contract, plan: RatePlan, period: Period) -> Occasion:
    """A part of a period costs a part; what is paid once is paid in the first."""
    share = share_of_period(schedule_of_contract(contract, plan), period)
    return Occasion(share, first=period.first == contract.starts_on)


def days_of_period(period: BillingPeriod) -> Period:
    return Period(period.starts_on, period.ends_on)
