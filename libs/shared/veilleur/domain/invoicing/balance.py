"""What of an invoice is still owed, and how it stands; pure."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from veilleur.kernel.money import NOTHING


@dataclass(frozen=True, slots=True)
class Balance:
    total: Decimal
    credited: Decimal
    paid: Decimal

    @property
    def open(self) -> Decimal:
        return self.total - self.credited - self.paid


def show_state(state: str, due_on: date | None, balance: Balance, today: date) -> str:
    """`overdue` is no state of its own: it follows from the day and from what is owed."""
    if state in ("finalised", "sent") and due_on is not None and due_on < today and balance.open > NOTHING:
        return "overdue"
    return state
