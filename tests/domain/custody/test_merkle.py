"""The hash tree: RFC 6962's own figures, and that nothing can be changed below a root."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.audit.inspect_seals import Finding, Place, Sealed, inspect_seal
from veilleur.domain.audit.merkle import Entry, Head, find_root, hash_entry

AGENCY = UUID(int=7)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def entry(number, **changes):
    made = Entry(UUID(int=number), NOON, "mem_x", "case.closed", "itm_x", None, {"n": number})
    return replace(made, **changes)


def seal(numbers, previous=None):
    """A seal over entries of these numbers, and what stands under it."""
    first = 1 if previous is None else previous.last_place + 1
    entries = [entry(number) for number in numbers]
    places = [Place(place, one.id, hash_entry(one), one) for place, one in enumerate(entries, start=first)]
    head = Head(
        AGENCY,
        1 if previous is None else previous.number + 1,
        first,
        first + len(places) - 1,
        find_root([place.leaf for place in places]),
        None if previous is None else previous.root,
        NOON,
    )
    return Sealed(head, "kid", "signature"), places


def inspect(sealed, places, previous=None, *, signed=True):
    return inspect_seal(sealed, previous, places, lambda _: signed)


def test_the_root_is_that_of_rfc_6962():
    """Test vectors of the certificate-transparency reference implementation."""
    leaves = [hashlib.sha256(b"\0" + bytes.fromhex(one)).digest() for one in ("", "00", "10", "2021", "3031")]
    assert find_root(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert find_root(leaves[:2]).hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert find_root(leaves[:3]).hex() == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    assert find_root(leaves[:5]).hex() == "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40, unique=True), st.data())
def test_another_leaf_another_order_or_another_number_of_leaves_is_another_root(leaves, data):
    root = find_root(leaves)
    place = data.draw(st.integers(0, len(leaves) - 1))
    assert find_root([*leaves[:place], b"x" * 32, *leaves[place + 1 :]]) != root
    assert find_root([*leaves, leaves[-1]]) != root
    if len(leaves) > 1:
        assert find_root(leaves[1:] + leaves[:1]) != root


def test_every_field_of_an_entry_is_in_its_hash():
    changes = {
        "id": UUID(int=2), "at": NOON.replace(microsecond=1), "actor": "mem_y", "action": "x", "subject": "y",
        "client_id": AGENCY, "details": {"n": 1.0},
    }  # fmt: skip
    hashes = {hash_entry(entry(1)), *(hash_entry(entry(1, **{name: value})) for name, value in changes.items())}
    assert len(hashes) == len(changes) + 1


def test_what_was_sealed_holds():
    sealed, places = seal([1, 2, 3])
    after, more = seal([4, 5], sealed.head)
    assert inspect(sealed, places) is None
    assert inspect(after, more, sealed.head) is None


def test_the_first_row_that_was_touched_is_named():
    sealed, places = seal([1, 2, 3, 4])
    edited = [*places[:1], replace(places[1], entry=entry(2, actor="mem_y")), *places[2:]]
    assert inspect(sealed, edited) == Finding("edited", 1, 2, UUID(int=2))
    deleted = [*places[:2], replace(places[2], entry=None), *places[3:]]
    assert inspect(sealed, deleted) == Finding("deleted", 1, 3, UUID(int=3))
    assert inspect(sealed, places[:3]) == Finding("place_missing", 1, 4)
    swapped = [places[0], replace(places[2], number=2), replace(places[1], number=3), places[3]]
    assert inspect(sealed, swapped) == Finding("reordered", 1, 3, UUID(int=2))


def test_who_changes_the_hashes_too_is_told_by_the_root_and_who_changes_that_by_the_signature_and_the_next_seal():
    sealed, places = seal([1, 2])
    after, more = seal([3], sealed.head)
    forged = [replace(one, entry=entry(9, id=one.entry_id)) for one in places]
    forged = [replace(one, leaf=hash_entry(one.entry)) for one in forged]
    assert inspect(sealed, forged) == Finding("root", 1, 1)
    head = replace(sealed.head, root=find_root([one.leaf for one in forged]))
    assert inspect(replace(sealed, head=head), forged, signed=False) == Finding("signature", 1, 1)
    assert inspect(after, more, head) == Finding("chain", 2, 3)


def test_a_seal_in_the_middle_can_not_be_left_out():
    first, _ = seal([1])
    second, _ = seal([2], first.head)
    third, places = seal([3], second.head)
    assert inspect(third, places, first.head) == Finding("chain", 3, 2)
