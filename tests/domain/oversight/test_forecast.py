from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.oversight.forecast import Late, Waiting, forecast_late

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ANN = frozenset({"ann"})
BOTH = frozenset({"ann", "bob"})


def at(minutes):
    return NOW + minutes * MINUTE


def case(name, due, *, handling=10, eligible=ANN, paused=None):
    return Waiting(name, at(due), handling * MINUTE, eligible, paused)


def hours(*spans):
    return [(at(start), at(stop)) for start, stop in spans]


def test_what_fits_before_its_deadline_is_no_news():
    assert forecast_late([case("a", 10), case("b", 20)], {"ann": hours((0, 60))}, NOW) == []


def test_the_case_that_does_not_fit_is_named_with_when_it_will_be_done():
    late = forecast_late([case("a", 10), case("b", 15)], {"ann": hours((0, 60))}, NOW)
    assert late == [Late("b", at(15), at(20), "backlog")]


def test_a_second_person_saves_the_deadline_and_one_who_may_not_does_not():
    shifts = {"ann": hours((0, 60)), "bob": hours((0, 60))}
    cases = [case("a", 10), case("b", 15)]
    assert forecast_late([case("a", 10), case("b", 15, eligible=BOTH)], shifts, NOW) == []
    assert [row.case for row in forecast_late(cases, shifts, NOW)] == ["b"]


def test_a_case_nobody_may_take_says_so():
    late = forecast_late([case("a", 10, eligible=frozenset({"eve"}))], {"ann": hours((0, 60))}, NOW)
    assert late == [Late("a", at(10), None, "no_eligible_member")]


def test_a_shift_that_ends_too_early_leaves_the_rest_to_the_next():
    late = forecast_late([case("a", 30, handling=20)], {"ann": hours((0, 5), (60, 120))}, NOW)
    assert late == [Late("a", at(30), at(75), "backlog")]


def test_work_beyond_the_known_hours_has_no_hour():
    assert forecast_late([case("a", 30, handling=20)], {"ann": hours((0, 5))}, NOW) == [
        Late("a", at(30), None, "backlog")
    ]


def test_a_shift_under_way_counts_from_now_and_one_that_is_over_not_at_all():
    assert forecast_late([case("a", 10)], {"ann": hours((-600, 10))}, NOW) == []
    assert forecast_late([case("a", 10)], {"ann": hours((-600, -1))}, NOW)[0].cause == "backlog"


def test_what_is_late_already_and_what_waits_for_the_client_say_why():
    cases = [case("a", -5), case("b", -1, paused="awaiting_client"), case("c", 60, paused="awaiting_client")]
    late = forecast_late(cases, {"ann": hours((0, 60))}, NOW)
    assert [(row.case, row.cause) for row in late] == [("a", "already_late"), ("b", "awaiting_client")]


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(1, 30)), max_size=12))
def test_alone_the_forecast_is_late_exactly_when_some_prefix_of_deadlines_holds_too_much_work(drawn):
    """With one person and no gaps, earliest deadline first is optimal: late means infeasible."""
    cases = [case(f"c{index:02}", due, handling=work) for index, (due, work) in enumerate(drawn)]
    late = forecast_late(cases, {"ann": hours((0, 10_000))}, NOW)
    ordered = sorted(drawn)
    feasible = all(sum(work for _, work in ordered[: end + 1]) <= ordered[end][0] for end in range(len(ordered)))
    assert (late == []) is feasible
