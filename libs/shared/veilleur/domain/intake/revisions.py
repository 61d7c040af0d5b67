"""Which revision an arriving content is; pure. The rules are those of the public contract."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["accepted", "duplicate", "superseded", "conflict"]


@dataclass(frozen=True, slots=True)
class Weighed:
    """What becomes of an arrival, and the item's revision afterwards."""

    status: Status
    revision: int


def weigh_revision(
    *, known_revision: int, known_digest: bytes, sent_revision: int | None, sent_digest: bytes, deleted: bool = False
) -> Weighed:
    """Compare an arrival with the revision that is known.

    Without a revision number, the same content is a duplicate and any other is the next revision. With one, the same
    number must bring the same content, a lower number is late and changes nothing, a higher number takes over.

    A deleted item comes back with a higher number only: without one, content that arrives after the deletion is a
    straggler that was sent before it.
    """
    if deleted and (sent_revision is None or sent_revision <= known_revision):
        return Weighed("superseded", known_revision)
    same = known_digest == sent_digest
    if sent_revision is None:
        return Weighed("duplicate", known_revision) if same else Weighed("accepted", known_revision + 1)
    if sent_revision == known_revision:
        return Weighed("duplicate" if same else "conflict", known_revision)
    if sent_revision < known_revision:
        return Weighed("superseded", known_revision)
    return Weighed("accepted", sent_revision)
