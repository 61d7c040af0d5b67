"""What came after its period was closed: priced as what it adds to that period; pure.

A closed bill is never opened again. The period is priced as it was billed, and once more with what came late; the
difference is billed later, line by line, under the days it belongs to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from veilleur.domain.billing.period import Period
from veilleur.domain.billing.pricing import Bill, Line
from veilleur.kernel.messages import msg
from veilleur.kernel.money import round_money

ALLOWANCES = "allowances"


@dataclass(frozen=True, slots=True)
class LateLine:
    """A line with service days of its own: of the closed period `period_id`."""

    period_id: UUID
    period: Period
    line: Line


def subtract_bills(after: Bill, before: Bill) -> list[Line]:
    """Lines that turn one bill into the other: quantities may be negative, prices are as agreed."""
    earlier = {_key(line): line for line in before.lines}
    lines = list(_change_lines(after.lines, earlier))
    known = {_key(line) for line in after.lines}
    lines += [_scale(line, -line.quantity) for key, line in earlier.items() if key not in known]
    given = _sum_allowances(after) - _sum_allowances(before)
    if given:
        label = {"en": "Discounts and credits of the period", "fr": "Remises et avoirs de la période"}
        lines.append(Line(ALLOWANCES, None, label, None, Decimal(1), -given, -given))
    return lines


def _change_lines(lines: Sequence[Line], earlier: dict[tuple[object, ...], Line]) -> Iterator[Line]:
    for line in lines:
        known = earlier.get(_key(line))
        added = line.quantity - (known.quantity if known is not None else Decimal(0))
        if added:
            yield _scale(line, added)


def _scale(line: Line, quantity: Decimal) -> Line:
    detail = msg("late, {part}", part=line.detail) if line.detail is not None else msg("late")
    return replace(line, quantity=quantity, net=round_money(quantity * line.unit_price), detail=detail)


def _key(line: Line) -> tuple[object, ...]:
    return line.component, line.tier, line.part, line.unit_price


def _sum_allowances(bill: Bill) -> Decimal:
    return sum((allowance.amount for allowance in bill.allowances), Decimal(0))
