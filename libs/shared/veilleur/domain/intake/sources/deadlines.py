"""Until when a platform lets somebody decide about its content; pure. A promise never ends later."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

AUTOMOD_HOLD = timedelta(minutes=5)
"""So long Twitch keeps a message that AutoMod holds; then it expires by itself."""
TELEGRAM_DELETABLE = timedelta(hours=48)
"""So long a bot may delete a message, from when it was sent."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """`cause` names the platform's rule."""

    at: datetime
    cause: str


def show_deadline(deadline: Deadline | None) -> dict[str, Any] | None:
    return None if deadline is None else {"at": deadline.at, "cause": deadline.cause}


def find_deadline(kind: str, body: Mapping[str, Any], received_at: datetime) -> Deadline | None:
    """The platform's own deadline for an item of a source of this kind; None where there is none."""
    written = body.get("created_at")
    began_at = datetime.fromisoformat(written) if written else received_at
    if kind == "telegram":
        return Deadline(began_at + TELEGRAM_DELETABLE, "telegram_delete")
    if kind == "twitch" and (body.get("metadata") or {}).get("held"):
        return Deadline(began_at + AUTOMOD_HOLD, "twitch_automod")
    return None
