"""One attempt to deliver: `begin_attempts` leases it, the worker sends it, `finish_attempts` records what came of it.

`begin` and `finish` are short transactions; nothing is open while the network is awaited. A sender that vanishes
leaves a lease that ends; its fence keeps a late `finish` from overwriting the attempt that followed. The same
webhook-id and body go out at every attempt, so a receiver can tell a repetition.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from veilleur.kernel.messages import Language

LEASE_S = 30


@dataclass(frozen=True, slots=True)
class Attempt:
    """A leased delivery with all that sending needs; secrets still sealed."""

    delivery_id: UUID
    fence: int
    attempts: int
    """This one included; since it was last asked for."""
    began_at: datetime
    first_attempt_at: datetime
    url: str
    event_id: UUID
    body: str
    endpoint_id: UUID
    sealed_secrets: tuple[bytes, ...]
    kind: str = "standard"
    language: Language = "en"
    sealed_url: bytes | None = None
    """The whole URL, where it is a secret and `url` shows its host alone."""
    traceparent: str | None = None
    """Of what the event is about."""
