"""From sums of records to what a plan can price; pure.

What is counted once however often it occurs (networks, channels, communities, languages) has no records of its own:
it follows from the dimensions of the items that were received.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from veilleur.domain.billing.quantities import Metered, Usage
from veilleur.domain.metering.sums import Summed
from veilleur.kernel.ids import show_id

RECEIVED = "items.received"
DISTINCT: dict[str, tuple[str, tuple[str, ...]]] = {
    "network.active": ("network", ("network",)),
    "channel.active": ("channel", ("channel",)),
    "language.active": ("language", ("language", "lang")),
    "community.active": ("community", ("community", "community_id")),
}
"""Meter → the dimension whose values count, and the names by which plans may ask for it."""


def to_usage(summed: Sequence[Summed]) -> Usage:
    """By meter, each with its dimensions as text."""
    usage: dict[str, list[Metered]] = {}
    for row in sorted(summed, key=_order):
        usage.setdefault(row.meter, []).append(Metered(row.quantity, show_dims(row)))
    for meter, (dimension, names) in DISTINCT.items():
        found = list(_find_distinct(usage.get(RECEIVED, ()), dimension, names))
        if found:
            usage[meter] = [*usage.get(meter, ()), *found]
    return usage


def add_usage(one: Usage, other: Usage) -> Usage:
    """Both together."""
    return {meter: [*one.get(meter, ()), *other.get(meter, ())] for meter in {**one, **other}}


def take_out(summed: Sequence[Summed], without: Sequence[Summed]) -> list[Summed]:
    """The sums as they would be if some of what they count were not there."""
    left = {_key(row): row for row in summed}
    for row in without:
        known = left.get(_key(row))
        if known is not None:
            counted = known.quantity - row.quantity, known.records - row.records
            left[_key(row)] = replace(known, quantity=counted[0], records=counted[1])
    return list(left.values())


def show_dims(row: Summed) -> dict[str, str]:
    """Where an item came from is a dimension as well: the community it was written in."""
    shown = {name: _show(value) for name, value in row.dims.items()}
    return shown | ({"community": show_id("src", row.source_id)} if row.source_id is not None else {})


def _find_distinct(received: Sequence[Metered], dimension: str, names: Sequence[str]) -> Iterator[Metered]:
    values = {value for metered in received if (value := metered.dims.get(dimension)) and metered.quantity > 0}
    for value in sorted(values):
        yield Metered(Decimal(1), dict.fromkeys(names, value))


def _key(row: Summed) -> tuple[object, ...]:
    return row.meter, row.source_id, str(sorted(row.dims.items()))


def _order(row: Summed) -> tuple[str, str, str]:
    return row.meter, str(row.source_id), str(sorted(row.dims.items()))


def _show(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
