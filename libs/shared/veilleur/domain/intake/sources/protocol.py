"""What the file of a platform offers. Everything in it is pure: bytes and instants in, events and replies out.

A delivery goes through in this order: a handshake over GET is answered; a POST is verified on its raw bytes, before
anything in it is believed; a handshake over POST is answered; what is left is read as events of the contract.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from veilleur.domain.intake.envelope import EventType
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
    """What is agreed with the platform: every live secret, the newest last, and the source's settings."""

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


@dataclass(frozen=True, slots=True)
class Platform:
    """One kind of source: what it needs to be told, and how its deliveries are proven, answered and read."""

    settings: type[BaseModel]
    """What an owner gives to create a source."""

    proven_by: str
    """The setting that holds what deliveries are verified with."""

    verify: Callable[[Delivery, Known, datetime], None]
    """`Unauthenticated` unless these bytes are the platform's, and as fresh as it lets one know."""

    map_events: Callable[[Delivery, Json, Known], list[Mapped]]
    """What happened, oldest first; what moderation has no use for, and echoes of our own actions, are left out."""

    explain: Callable[[str], list[Message]]
    """How to set the platform up for a URL, step by step, for the person who will do it there."""

    accepted: Reply | None = None
    """What the platform expects for a delivery that was taken; None: our own receipts."""

    shake: Callable[[Delivery, Known], Reply | None] | None = None
    """The answer to a handshake over GET; None when it is none. `Unauthenticated` when it proves nothing."""

    shake_signed: Callable[[Delivery, Json], Reply | None] | None = None
    """The answer to a handshake over POST, verified already; None when it is none."""

    delivery_key: Callable[[Delivery, Json], str | None] | None = None
    """What the platform calls this delivery, the same when it tries again; without one, contents tell repeats apart."""
