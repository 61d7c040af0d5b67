from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import new_id, parse_id, read_id, show_id

HIGHEST = UUID(int=2**128 - 1)


@given(st.uuids())
def test_a_shown_id_is_read_back(identifier):
    assert parse_id("itm", show_id("itm", identifier)) == identifier


@given(st.uuids(), st.uuids())
def test_shown_ids_sort_as_their_uuids(first, second):
    assert (show_id("itm", first) < show_id("itm", second)) == (first < second)


def test_new_ids_are_version_7_in_the_order_of_time(monkeypatch):
    moments = iter(range(1_700_000_000_000_000_000, 1_700_000_000_100_000_000, 1_000_000))
    monkeypatch.setattr("veilleur.kernel.ids.time.time_ns", lambda: next(moments))
    made = [new_id() for _ in range(100)]
    assert made == sorted(made)
    assert {identifier.version for identifier in made} == {7}
    assert {identifier.variant for identifier in made} == {UUID(int=0x8 << 60).variant}
    assert made[0].int >> 80 == 1_700_000_000_000


@pytest.mark.parametrize(
    "shown",
    ["", "itm_", show_id("cas", HIGHEST), show_id("itm", HIGHEST)[:-1], show_id("itm", HIGHEST) + "0",
     show_id("itm", HIGHEST).upper(), "itm_" + "z" * 26, "itm_" + "u" * 26, "itm_" + "é" * 26, "itm_" + "0" * 25 + "\n",
     str(HIGHEST), "itm_8" + "0" * 25],
)  # fmt: skip
def test_what_can_be_no_id_is_not_found(shown):
    assert parse_id("itm", shown) is None
    with pytest.raises(NotFound):
        read_id("itm", shown)
