"""Our own doing that comes back as an event of the platform: it opens nothing; pure.

An action is noted on its item before it leaves. What then arrives with the very content that was acted upon, or tells
of the removal that we made, is an echo. Whoever edits says something else, and is heard.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

ECHO_FOR = timedelta(days=1)
"""Longer than any platform tries to deliver what it could not at first, short of what only a new event can mean."""


def is_echo(acted_at: datetime | None, present: datetime, known: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Whether what was sent says nothing that was not known when we acted."""
    same = known.get("text") == sent.get("text") and (known.get("media") or []) == (sent.get("media") or [])
    return same and acted_at is not None and present - acted_at <= ECHO_FOR


def is_own_removal(removed_at: datetime | None, present: datetime) -> bool:
    return removed_at is not None and present - removed_at <= ECHO_FOR
