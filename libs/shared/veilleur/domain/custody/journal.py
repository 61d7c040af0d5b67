"""What the journal says of an erasure: enough to ask for it again, and nothing to who has not the master key; pure."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

Kind = Literal["author", "client", "agency"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An erasure that was about to begin; of an agency that left, `erasure_id` is its own id.

    `sealed` says whom it is about, sealed with the master key: it must open when the database's own keys are older.
    """

    agency_id: UUID
    erasure_id: UUID
    kind: Kind
    client_id: UUID | None
    requested_at: datetime
    sealed: bytes

    @property
    def place(self) -> str:
        """What `sealed` is bound to."""
        return seal_entry_place(self.agency_id, self.erasure_id)

    def write(self) -> str:
        return json.dumps({
            "agency": str(self.agency_id),
            "erasure": str(self.erasure_id),
            "kind": self.kind,
            "client": None if self.client_id is None else str(self.client_id),
            "requested_at": self.requested_at.isoformat(),
            "sealed": base64.b64encode(self.sealed).decode(),
        })  # fmt: skip

    @classmethod
    def read(cls, line: str) -> "Entry":
        """`ValueError` for what is no entry."""
        try:
            said = json.loads(line)
            entry = cls(
                agency_id=UUID(said["agency"]),
                erasure_id=UUID(said["erasure"]),
                kind=said["kind"],
                client_id=None if said["client"] is None else UUID(said["client"]),
                requested_at=datetime.fromisoformat(said["requested_at"]),
                sealed=base64.b64decode(said["sealed"], validate=True),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("no entry of the journal") from error
        if entry.kind not in get_args(Kind) or entry.requested_at.tzinfo is None:
            raise ValueError("no entry of the journal")
        return entry


@dataclass(frozen=True, slots=True)
class Entries:
    """Each erasure once, as it was last asked for, in that order; `torn` lines say nothing."""

    entries: tuple[Entry, ...]
    torn: int


def read_entries(lines: Iterable[str]) -> Entries:
    latest: dict[UUID, Entry] = {}
    torn = 0
    for line in lines:
        try:
            entry = Entry.read(line)
        except ValueError:
            torn += 1
            continue
        known = latest.get(entry.erasure_id)
        if known is None or known.requested_at <= entry.requested_at:
            latest[entry.erasure_id] = entry
    return Entries(tuple(sorted(latest.values(), key=lambda one: (one.requested_at, one.erasure_id))), torn)


def seal_entry_place(agency_id: UUID, erasure_id: UUID) -> str:
    return f"{agency_id}|journal|{erasure_id}"
