"""Fitting what a platform sends into the contract: a field that does not fit is left out, an event that can't, too.

The platform could neither mend it nor be asked, and would drop the delivery or repeat it for ever.
"""

from collections.abc import Callable, Iterable

import structlog

from veilleur.domain.intake.envelope import InboundEvent, read_event
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped
from veilleur.kernel.errors import Invalid
from veilleur.kernel.strict_json import Json

_log = structlog.get_logger(__name__)


def fit_events(
    map_events: Callable[[Delivery, Json, Known], list[Mapped]],
) -> Callable[[Delivery, Json, Known], list[InboundEvent]]:
    """Read events by a mapping whose data is not to be trusted with the contract."""

    def read_events(delivery: Delivery, payload: Json, known: Known) -> list[InboundEvent]:
        return list(_fit(map_events(delivery, payload, known)))

    return read_events


def _fit(found: Iterable[Mapped]) -> Iterable[InboundEvent]:
    for mapped in found:
        try:
            yield read_event(mapped.type, mapped.data, "")
        except Invalid as invalid:
            yield from _fit_rest(mapped, {error.pointer for error in invalid.errors})


def _fit_rest(mapped: Mapped, pointers: set[str]) -> Iterable[InboundEvent]:
    """The event without the fields that do not fit, unless it can't do without them."""
    unfit = {pointer.split("/")[1] for pointer in pointers if pointer}
    rest = {name: value for name, value in mapped.data.items() if name not in unfit}
    try:
        event = read_event(mapped.type, rest, "")
    except Invalid:
        _log.warning("event_dropped", type=mapped.type, pointers=sorted(pointers))
        return
    _log.warning("fields_dropped", type=mapped.type, pointers=sorted(pointers))
    yield event
