"""Which case comes next: kept ones, shares that are due, what can be in time, deadlines; and nobody idles."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.review.fairness import HANDLING, Candidate, Load, rank_candidates

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
A, B, C = (UUID(int=number) for number in (1, 2, 3))
FREE = Load({}, {}, 1)


def case(number, client=A, opened=-10, due=60, kept=False):
    """Opened and due so many minutes from now."""
    return Candidate(
        UUID(int=100 + number), client, NOW + timedelta(minutes=opened), NOW + timedelta(minutes=due), kept
    )


def order(candidates, load=FREE, wanted=10, **more):
    return [one.id.int - 100 for one in rank_candidates(candidates, load, NOW, wanted=wanted, **more)]


def test_the_earliest_deadline_comes_first_and_no_more_than_wanted():
    assert order([case(1, due=60), case(2, due=30), case(3, due=90)], wanted=2) == [2, 1]


def test_what_is_kept_for_me_comes_before_everything():
    assert order([case(1, due=5), case(2, due=600, kept=True)]) == [2, 1]


def test_what_can_still_be_in_time_comes_before_what_is_late_already():
    late, soon = case(1, opened=-90, due=-5), case(2, opened=-90, due=5)
    hopeless = Candidate(UUID(int=103), A, NOW - timedelta(hours=1), NOW + HANDLING / 2)
    assert order([late, soon, hopeless]) == [2, 1, 3]
    assert order([late, soon, hopeless], late_first=True) == [1, 3, 2]


def test_a_client_below_its_share_goes_first_once_half_of_its_time_is_gone():
    flood = [case(number, B, opened=-50, due=5) for number in range(5)]
    load = Load({B: 4}, {}, 2)
    assert order([*flood, case(9, A, opened=-40, due=30)], load)[0] == 9
    assert order([*flood, case(9, A, opened=-10, due=30)], load)[0] != 9


def test_a_share_counts_what_is_chosen_on_the_way():
    mine = [case(number, A, opened=-50, due=30) for number in range(3)]
    theirs = [case(number, B, opened=-50, due=20) for number in range(3, 6)]
    assert order([*mine, *theirs], Load({}, {}, 2)) == [3, 0, 4, 1, 5, 2]


def test_an_agreed_share_is_what_was_agreed():
    busy = [case(number, B, opened=-50, due=20) for number in range(3)]
    bought = [case(number, A, opened=-50, due=30) for number in range(3, 6)]
    assert order([*busy, *bought], Load({A: 2, B: 1}, {A: 4, B: 0}, 2)) == [3, 4, 0, 1, 2, 5]


candidates = st.lists(
    st.tuples(st.sampled_from([A, B, C]), st.integers(-120, -1), st.integers(-60, 120), st.booleans()), max_size=25
).map(lambda rows: [case(number, *row) for number, row in enumerate(rows)])
loads = st.builds(
    Load,
    st.dictionaries(st.sampled_from([A, B, C]), st.integers(0, 9)),
    st.dictionaries(st.sampled_from([A, B, C]), st.integers(0, 9)),
    st.integers(0, 3),
)


@given(candidates, loads, st.booleans(), st.integers(1, 30))
def test_no_hand_stays_empty_and_no_case_is_given_twice(found, load, late_first, wanted):
    ranked = rank_candidates(found, load, NOW, wanted=wanted, late_first=late_first)
    assert len(ranked) == min(wanted, len(found))
    assert len({one.id for one in ranked}) == len(ranked)
    assert {one.id for one in ranked} <= {one.id for one in found}


@given(candidates, loads, st.booleans())
def test_asking_for_more_does_not_change_what_comes_first(found, load, late_first):
    few = rank_candidates(found, load, NOW, wanted=3, late_first=late_first)
    assert rank_candidates(found, load, NOW, wanted=30, late_first=late_first)[:3] == few


@given(candidates)
def test_ranking_leaves_the_count_of_what_is_in_hand_alone(found):
    in_hand = Counter({A: 1})
    rank_candidates(found, Load(in_hand, {}, 2), NOW, wanted=5)
    assert in_hand == Counter({A: 1})
