"""Names of lines that stay the same from the first draft to the invoice; pure.

`prd_…:component:tier:part`; late lines name the period they belong to as well: `prd_…+prd_…:component:tier:part`.
"""

from dataclasses import dataclass
from uuid import UUID

from veilleur.domain.billing.pricing import Line
from veilleur.kernel.ids import parse_id, show_id


@dataclass(frozen=True, slots=True)
class LineId:
    """`late_for` is the closed period a late line belongs to."""

    period_id: UUID
    component: str
    part: str
    late_for: UUID | None = None


def name_line(period_id: UUID, line: Line, late_for: UUID | None = None) -> str:
    billed = show_id("prd", period_id) + (f"+{show_id('prd', late_for)}" if late_for is not None else "")
    return f"{billed}:{line.component}:{line.tier or ''}:{line.part}"


def read_line_id(shown: str) -> LineId | None:
    """None where it can't be the name of a line."""
    periods, _, rest = shown.partition(":")
    billed, _, late = periods.partition("+")
    period_id, late_for = parse_id("prd", billed), parse_id("prd", late) if late else None
    component, _, rest = rest.partition(":")
    _, colon, part = rest.partition(":")
    if period_id is None or (late and late_for is None) or not colon:
        return None
    return LineId(period_id, component, part, late_for)
