"""How urgent a case is and where it goes; pure."""

from collections.abc import Mapping
from uuid import UUID

UNSCREENED = "unscreened"
"""The queue of what screening could not finish."""

DEFAULT = "default"


def choose_queue(wanted: str | None, queues: Mapping[str, UUID], default: UUID) -> UUID:
    """The queue a rule named, or the client's own default when there is none of that name (any more)."""
    return queues.get(wanted, default) if wanted else default
