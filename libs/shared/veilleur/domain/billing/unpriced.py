"""Usage that a plan has no price for: said by name; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from veilleur.domain.billing.allowances import BROKEN, KEPT
from veilleur.domain.billing.plan import RatePlan
from veilleur.domain.billing.quantities import Usage
from veilleur.domain.metering.meters import COUNTED_METERS
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import Language, Message, msg
from veilleur.kernel.money import NOTHING, show_quantity
from veilleur.kernel.strict_json import extend_pointer


@dataclass(frozen=True, slots=True)
class Unpriced:
    """So much of a meter that no component of the plan prices. `by_hand`: somebody entered it to be paid."""

    meter: str
    quantity: Decimal

    @property
    def by_hand(self) -> bool:
        return self.meter not in COUNTED_METERS

    @property
    def warning(self) -> Message:
        return msg(
            "{quantity} of {meter} has no price in this plan", quantity=show_quantity(self.quantity), meter=self.meter
        )


def find_unpriced(plan: RatePlan, usage: Usage) -> tuple[Unpriced, ...]:
    """In the order of the meters' names."""
    priced = {component.meter for component in plan.components} | ({KEPT, BROKEN} if plan.sla_credits else set())
    totals = {meter: sum((row.quantity for row in rows), NOTHING) for meter, rows in usage.items()}
    return tuple(Unpriced(meter, total) for meter, total in sorted(totals.items()) if total and meter not in priced)


def refuse_unpriced(plan: RatePlan, usage: Usage, pointer: str) -> None:
    """`Invalid` names meters below `pointer` that neither the plan prices nor the service counts by itself."""
    errors = list(_find_unknown(plan, usage, pointer))
    if errors:
        raise Invalid(msg("Some usage has no price in this plan"), errors=errors, slug="unpriced-usage")


def show_warnings(unpriced: tuple[Unpriced, ...], language: Language) -> list[dict[str, Any]]:
    return [
        {
            "type": "unpriced-usage",
            "meter": one.meter,
            "quantity": show_quantity(one.quantity),
            "detail": one.warning.render(language),
        }
        for one in unpriced
    ]


def _find_unknown(plan: RatePlan, usage: Usage, pointer: str) -> Iterator[InputError]:
    priced = sorted({component.meter for component in plan.components if component.meter})
    for meter in sorted(usage.keys() - set(priced) - COUNTED_METERS):
        detail = msg("{meter} has no price in this plan", meter=meter)
        yield InputError(extend_pointer(pointer, meter), detail, msg("priced: {codes}", codes=priced))
