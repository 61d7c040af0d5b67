"""A delivery at the door, in the order that leaks nothing: proof, then JSON, then greeting, then what it says; pure."""

from datetime import datetime
from hashlib import sha256

from veilleur.domain.intake.arrival import Arrival, refuse_paused
from veilleur.domain.intake.sources.protocol import Delivery, Known, Reply
from veilleur.domain.intake.sources.registry import PLATFORMS
from veilleur.domain.tenancy.lookup import FoundSource
from veilleur.kernel.mended_json import mended_loads
from veilleur.kernel.strict_json import strict_loads


def greet(source: FoundSource, delivery: Delivery) -> Reply | None:
    """The answer to a handshake over GET; None when it is none. `Unauthenticated` when it proves nothing."""
    shake = PLATFORMS[source.kind].shake
    return shake(delivery, Known(source.secrets, source.settings)) if shake is not None else None


def read_delivery(source: FoundSource, delivery: Delivery, now: datetime) -> Arrival | Reply:
    """What a delivery brings, or the answer to a handshake.

    Raises `Unauthenticated` for a forged one, `Malformed` for what is no JSON, `Unavailable` when the source is paused
    and, where the sender can be told, `Invalid` with every mistake.
    """
    PLATFORMS[source.kind].verify(delivery, Known(source.secrets, source.settings), now)
    return read_proven(source, delivery)


def read_proven(source: FoundSource, delivery: Delivery) -> Arrival | Reply:
    """The same for a delivery whose proof was seen."""
    platform = PLATFORMS[source.kind]
    known = Known(source.secrets, source.settings)
    payload = mended_loads(delivery.raw) if platform.forgiving else strict_loads(delivery.raw)
    if platform.shake_signed is not None:
        reply = platform.shake_signed(delivery, payload)
        if reply is not None:
            return reply
    refuse_paused(source)
    events = platform.read_events(delivery, payload, known)
    key = platform.delivery_key(delivery, payload) if platform.delivery_key is not None else None
    key = key or f"sha256:{sha256(delivery.raw).hexdigest()}"
    digest = platform.digest(payload, events) if platform.digest is not None else sha256(key.encode()).digest()
    return Arrival(source, tuple(events), key, digest, lenient=platform.forgiving)
