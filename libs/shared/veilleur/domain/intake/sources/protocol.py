"""What a platform's file offers, and the registry of those there are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from veilleur.domain.intake.envelope import InboundEvent
from veilleur.domain.intake.sources import standard


class SourceKind(Protocol):
    def verify(self, raw: bytes, headers: Mapping[str, str], secrets: Sequence[bytes], now: datetime) -> str:
        """The platform's own delivery key, once the bytes are proven to be the platform's; else `Unauthenticated`."""

    def map_events(self, payload: object) -> tuple[str, list[InboundEvent]]:
        """The event type and what it brings."""


SOURCE_KINDS: Mapping[str, SourceKind] = {"standard": standard}
