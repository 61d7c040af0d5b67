"""Which revision an arrival is: the contract's rules, as a table."""

import pytest

from veilleur.domain.intake.revisions import weigh_revision

KNOWN, OTHER = b"known", b"other"


@pytest.mark.parametrize(
    ("sent_revision", "sent_digest", "deleted", "expected"),
    [
        (None, KNOWN, False, ("duplicate", 3)),
        (None, OTHER, False, ("accepted", 4)),
        (3, KNOWN, False, ("duplicate", 3)),
        (3, OTHER, False, ("conflict", 3)),
        (2, OTHER, False, ("superseded", 3)),
        (2, KNOWN, False, ("superseded", 3)),
        (5, OTHER, False, ("accepted", 5)),
        (5, KNOWN, False, ("accepted", 5)),
        (None, KNOWN, True, ("superseded", 3)),
        (None, OTHER, True, ("superseded", 3)),
        (3, KNOWN, True, ("superseded", 3)),
        (4, KNOWN, True, ("accepted", 4)),
    ],
)
def test_an_arrival_is_weighed_by_the_contract(
    sent_revision: int | None, sent_digest: bytes, deleted: bool, expected: tuple[str, int]
) -> None:
    weighed = weigh_revision(
        known_revision=3, known_digest=KNOWN, sent_revision=sent_revision, sent_digest=sent_digest, deleted=deleted
    )
    assert (weighed.status, weighed.revision) == expected
