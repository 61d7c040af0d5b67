"""What the file of a platform offers. Everything in it is pure: bytes and instants in, events and replies out.

A delivery goes through in this order: a handshake over GET is answered; a POST is verified on its raw bytes, before
anything in it is believed; a handshake over POST is answered; what is left is read as events of the contract.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from veilleur.domain.intake.envelope import EventType, InboundEvent
from veilleur.kernel.messages import Message
from veilleur.kernel.strict_json import Json


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request as it came; header names in lower case."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """What is agreed with the platform: every live secret, the newest first, and the source's settings."""

    secrets: Sequence[bytes]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a platform is told; many read more than the status."""

    status: int
    body: bytes = b""
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """One event of the contract: its type, and its data in the contract's shape."""

    type: EventType
    data: dict[str, Json]


def _as_written(secret: str, _pointer: str) -> bytes:
    return secret.encode()


@dataclass(frozen=True, slots=True)
class Platform:
    """One kind of source: what it needs to be told, and how its deliveries are proven, answered and read."""

    settings: type[BaseModel]
    """What an owner gives to create a source."""

    proven_by: str
    """The setting that holds what deliveries are verified with."""

    verify: Callable[[Delivery, Known, datetime], None]
    """`Unauthenticated` unless these bytes are the platform's, and as fresh as it lets one know."""

    read_events: Callable[[Delivery, Json, Known], list[InboundEvent]]
    """What happened, oldest first; what moderation has no use for, and echoes of our own actions, are left out."""

    explain: Callable[[str], list[Message]]
    """How to set the platform up for a URL, step by step, for the person who will do it there."""

    sample: Callable[[Known], Json]
    """A payload as the platform writes it, of which an event is read."""

    sign: Callable[[bytes, Known, datetime], Mapping[str, str]] | None
    """The headers with which the platform would send a body; None where only the platform can make the proof."""

    accepted: Reply | None = None
    """What the platform expects for a delivery that was taken; None: our own receipts."""

    shake: Callable[[Delivery, Known], Reply | None] | None = None
    """The answer to a handshake over GET; None when it is none. `Unauthenticated` when it proves nothing."""

    shake_signed: Callable[[Delivery, Json], Reply | None] | None = None
    """The answer to a handshake over POST, verified already; None when it is none."""

    delivery_key: Callable[[Delivery, Json], str | None] | None = None
    """What the platform calls this delivery, the same when it tries again; without one, contents tell repeats apart."""

    digest: Callable[[Json, Sequence[InboundEvent]], bytes] | None = None
    """What a delivery's key stands for, where the sender could use a key twice; None: for itself."""

    forgiving: bool = True
    """A delivery is taken as far as it can be read, and our own faults are 503: its sender is a machine that nobody at
    hand can mend. Otherwise the sender is told every mistake."""

    read_secret: Callable[[str, str], bytes] = _as_written
    """The key that a secret's text stands for; `Invalid` at the pointer given."""

    check: Callable[[Any, str], None] | None = None
    """What the model of the settings can't say itself; `Invalid` with pointers that start at the one given."""

    hidden: frozenset[str] = frozenset()
    """Settings that are shown once, to who makes the source."""
