import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.kernel.errors import Invalid
from veilleur.kernel.paging import PageRequest, cut_page, read_cursor, write_cursor


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=3))
def test_a_cursor_is_read_back(key):
    assert read_cursor(write_cursor(key), parts=len(key)) == tuple(key)


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "!!!!", write_cursor(["a"]), write_cursor(["a", "b", "c"]),
     *(base64.urlsafe_b64encode(raw).decode() for raw in (b"[1,2]", b"{}", b'["a"', b"\xff", b"[" * 5_000))],
)  # fmt: skip
def test_what_was_never_given_out_is_invalid_at_after(cursor):
    with pytest.raises(Invalid) as caught:
        read_cursor(cursor, parts=2)
    assert caught.value.errors[0].pointer == "/after"


@given(st.integers(0, 12), st.integers(1, 5))
def test_pages_show_every_row_once_and_end(rows, limit):
    table = [str(number).zfill(2) for number in range(rows)]
    shown, after = [], ()
    for _ in range(rows + 1):
        fetched = [row for row in table if (row,) > after][: limit + 1]
        page = cut_page(fetched, PageRequest(limit), lambda row: [row])
        shown += page.data
        assert len(page.data) <= limit
        if page.next is None:
            break
        after = read_cursor(page.next, parts=1)
    assert page.next is None
    assert shown == table
