"""The hash tree over the trail; pure.

Trees are those of RFC 6962, 2.1: SHA-256 with a first byte that tells leaves from nodes, so that neither passes for
the other. A leaf is an entry's canonical JSON; its id comes first in the order of a seal.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from veilleur.kernel.strict_json import Json, canonical_bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the trail, whole."""

    id: UUID
    at: datetime
    actor: str
    action: str
    subject: str
    client_id: UUID | None
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """What a seal says of its run of places, and what its signature is over."""

    agency_id: UUID
    number: int
    first_place: int
    last_place: int
    root: bytes
    previous: bytes | None
    sealed_at: datetime


def hash_entry(entry: Entry) -> bytes:
    document: Json = {
        "id": str(entry.id),
        "at": _show_instant(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "client_id": None if entry.client_id is None else str(entry.client_id),
        "details": entry.details,
    }
    return hashlib.sha256(b"\0" + canonical_bytes(document)).digest()


def find_root(leaves: Sequence[bytes]) -> bytes:
    """The root over at least one leaf; the left subtree has the largest power of two below the number of leaves."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + find_root(leaves[:split]) + find_root(leaves[split:])).digest()


def write_head(head: Head) -> bytes:
    """The bytes that are signed."""
    return canonical_bytes(
        {
            "agency": str(head.agency_id),
            "number": head.number,
            "first": head.first_place,
            "last": head.last_place,
            "root": head.root.hex(),
            "previous": None if head.previous is None else head.previous.hex(),
            "sealed_at": _show_instant(head.sealed_at),
        }
    )


def _show_instant(instant: datetime) -> str:
    """To the microsecond, as the database keeps it."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
