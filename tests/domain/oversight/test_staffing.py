from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.oversight.staffing import Load, Practice, heads_for_backlog, staff_for_patience, waiting_share


def test_the_textbook_hour_of_calls_needs_fourteen_people():
    """100 arrivals in 30 minutes of 180 s each, 80 % within 20 s: the golden values pyworkforce gives."""
    found = staff_for_patience(Load(100, 1_800, 180), patience_s=20, on_time=0.8, practice=Practice(0.85, 0.3))
    assert (found.present, found.scheduled) == (14, 20)
    assert isclose(found.waiting_share, 0.174132, abs_tol=1e-6)
    assert isclose(found.on_time_share, 0.888350, abs_tol=1e-6)
    assert isclose(found.wait_s, 7.836, abs_tol=1e-3)
    assert isclose(found.occupancy, 0.714286, abs_tol=1e-6)


def test_a_longer_patience_needs_fewer():
    found = staff_for_patience(Load(200, 3_600, 90), patience_s=300, on_time=0.95, practice=Practice(0.8, 0.35))
    assert (found.present, found.scheduled) == (7, 11)
    assert isclose(found.waiting_share, 0.324150, abs_tol=1e-6)


@pytest.mark.parametrize(("erlangs", "people", "share"), [(10, 11, 0.682118), (0, 3, 0.0), (5, 5, 1.0), (7, 2, 1.0)])
def test_the_share_that_waits(erlangs, people, share):
    assert isclose(waiting_share(erlangs, people), share, abs_tol=1e-6)


@given(st.floats(0.1, 50), st.integers(1, 100))
def test_one_more_person_never_makes_more_wait(erlangs, people):
    assert 0 <= waiting_share(erlangs, people + 1) <= waiting_share(erlangs, people) <= 1


def test_a_backlog_asks_for_more_than_the_pace():
    load = Load(120, 3_600, 60)
    assert heads_for_backlog(load, backlog=0, recover_s=3_600, practice=Practice(0.8, 0.0)) == 3
    assert heads_for_backlog(load, backlog=240, recover_s=7_200, practice=Practice(0.8, 0.0)) == 5
    assert heads_for_backlog(load, backlog=0, recover_s=3_600, practice=Practice(0.8, 0.5)) == 5
