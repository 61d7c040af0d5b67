"""What a request brings to intake, and what it is told."""

from dataclasses import dataclass
from uuid import UUID

from veilleur.domain.intake.envelope import InboundEvent
from veilleur.domain.intake.revisions import Status
from veilleur.domain.tenancy.lookup import FoundSource


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one request brought: a webhook (with its id and digest) or a bulk call (without).

    `test` is set by a test key, whatever the mode of the source.
    """

    source: FoundSource
    events: tuple[InboundEvent, ...]
    webhook_id: str | None = None
    digest: bytes | None = None
    test: bool = False

    @property
    def mode(self) -> str:
        return "test" if self.test else self.source.mode


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one event; `interim` is what to show until the verdict."""

    item_id: UUID
    external_id: str
    revision: int
    status: Status
    interim: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of one arrival, by its position in the group."""

    position: int
    arrival: Arrival
    event: InboundEvent
    repeated: bool = False
    """Its webhook was taken before: a sender that tries again must not undo what came in between."""

    @property
    def key(self) -> tuple[UUID, str]:
        """The item's identity."""
        return self.arrival.source.source_id, self.event.external_id

    def receipt(self, item_id: UUID, status: Status, revision: int, interim: str | None = None) -> Receipt:
        return Receipt(item_id, self.event.external_id, revision, status, interim or self.arrival.source.interim)
