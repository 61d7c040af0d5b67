"""Amounts of money: exact decimals, one rounding, shares that add up.

Amounts travel as `Decimal` and are shown as text; a binary float never enters.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

Currency = Literal["EUR", "GBP", "USD", "CHF"]
CURRENCIES: tuple[Currency, ...] = ("EUR", "GBP", "USD", "CHF")
NOTHING = Decimal("0.00")
CENT = Decimal("0.01")
"""The smallest unit of each of these currencies (ISO 4217: two decimals)."""


def round_half_up(value: Decimal, unit: Decimal) -> Decimal:
    """The nearest multiple of `unit`, halves away from zero, as invoices are rounded (EN 16931)."""
    return value.quantize(unit, rounding=ROUND_HALF_UP)


def round_money(amount: Decimal) -> Decimal:
    return round_half_up(amount, CENT)


def split_amount(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Shares of `amount`, in cents, by `weights`; they add up to it to the cent (largest remainder, first come first).

    Weights that are all nought share equally; without weights there are no shares.
    """
    if not weights:
        return []
    total = sum(weights, Decimal(0))
    even = total == 0
    cents = int(amount.scaleb(2))
    exact = [cents * (Decimal(1) if even else weight) / (len(weights) if even else total) for weight in weights]
    shares = [int(share // 1) for share in exact]
    left = cents - sum(shares)
    by_remainder = sorted(range(len(weights)), key=lambda index: (shares[index] - exact[index], index))
    for index in by_remainder[:left]:
        shares[index] += 1
    return [Decimal(share).scaleb(-2) for share in shares]


def show_amount(amount: Decimal) -> str:
    """At least two decimals, as many as there are: `350.00`, `0.005`."""
    plain = format(amount.normalize(), "f")
    whole, _, decimals = plain.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def show_quantity(quantity: Decimal) -> str:
    """As few decimals as needed: `3`, `62.25`."""
    return format(quantity.normalize(), "f") if quantity else "0"
