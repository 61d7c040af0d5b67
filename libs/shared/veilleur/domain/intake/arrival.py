"""What a request brings to intake, and what it is told."""

from dataclasses import dataclass
from uuid import UUID

from veilleur.domain.intake.envelope import InboundEvent
from veilleur.domain.intake.revisions import Status
from veilleur.domain.tenancy.lookup import FoundSource
from veilleur.kernel.errors import Gone, Unavailable
from veilleur.kernel.messages import msg

PAUSED_RETRY_S = 60


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one request brought: a webhook (with its id and digest) or a bulk call (without).

    `test` is set by a test key, whatever the mode of the source. A `lenient` one is taken without the reports that name
    an item nobody knows: who sent them has no content to send along. `traceparent` is where it stands in a trace.
    """

    source: FoundSource
    events: tuple[InboundEvent, ...]
    webhook_id: str | None = None
    digest: bytes | None = None
    test: bool = False
    lenient: bool = False
    traceparent: str | None = None

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


def refuse_paused(source: FoundSource) -> None:
    """A paused source takes nothing in and loses nothing: senders keep what they have and try again. A closed one
    tells them not to.
    """
    if source.mode == "closed":
        raise Gone(msg("This source is closed; nothing is taken in any more"), slug="source-closed")
    if source.mode == "paused":
        raise Unavailable(msg("This source is paused; nothing was stored, try again later"), retry_after=PAUSED_RETRY_S)
