from itertools import count, islice

from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.sla.spans import cut_spans, merge_spans, subtract_spans

spans = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def points(some):
    return {point for start, stop in some for point in range(start, stop)}


@given(spans)
def test_a_union_keeps_every_point_in_the_fewest_spans(some):
    merged = merge_spans(some)
    assert points(merged) == points(some)
    edges = [edge for span in merged for edge in span]
    assert edges == sorted(set(edges))


@given(spans, spans)
def test_a_difference_keeps_what_no_hole_covers(some, holes):
    rest = list(subtract_spans(merge_spans(some), merge_spans(holes)))
    assert points(rest) == points(some) - points(holes)
    assert rest == merge_spans(rest)


@given(spans, st.integers(0, 40), st.integers(0, 40))
def test_a_cut_keeps_what_lies_within(some, start, stop):
    assert points(cut_spans(merge_spans(some), start, stop)) == points(some) & set(range(start, stop))


def test_holes_are_taken_out_of_spans_without_end():
    endless = ((10 * number, 10 * number + 5) for number in count())
    assert list(islice(subtract_spans(endless, [(2, 3), (12, 31)]), 4)) == [(0, 2), (3, 5), (10, 12), (31, 35)]
