"""The meters the service counts by itself, and the names kept for them; pure. Any other is counted by hand."""

from typing import Final

FACT_METERS: Final = frozenset({
    "items.received", "decision.auto", "decision.human", "review.seconds", "reply.sent", "sla.met", "sla.breached",
})  # fmt: skip
"""What only the facts themselves may count."""

DISTINCT_METERS: Final = frozenset({"network.active", "channel.active", "language.active", "community.active"})
"""What is counted once however often it occurs."""

COUNTED_METERS: Final = FACT_METERS | DISTINCT_METERS


def is_misnamed(meter: str) -> bool:
    """Whether a name reads like a meter of the service and is none: `decision.humans`, `item.received`."""
    return meter not in COUNTED_METERS and "." in meter and _family(meter) in _FAMILIES


def _family(meter: str) -> str:
    return meter.partition(".")[0].removesuffix("s")


_FAMILIES: Final = frozenset(map(_family, COUNTED_METERS))
