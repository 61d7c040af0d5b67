import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veilleur.domain.sla.calendar_preview import MAX_PAUSES, MAX_PERIODS, MAX_SECONDS, preview_calendar
from veilleur.kernel.errors import Invalid, Problem
from veilleur.kernel.french import FRENCH

CALENDAR = {
    "time_zone": "Europe/Paris",
    "weekly": {day: [["09:00", "12:30"], ["14:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    "overrides": {"2026-12-24": [["09:00", "12:00"]]},
    "breaks": {"2026-12-23": [["12:00", "13:00"]]},
    "holidays": ["2026-12-25"],
}
# 2026-11-23 is a Monday; Paris is at +01:00.
MONDAY = "2026-11-23T08:00:00Z"
LUNCH = ["2026-11-23T11:00:00Z", "2026-11-23T14:00:00+01:00"]


def preview(op, **arguments):
    return preview_calendar({"calendar": CALENDAR, "op": op, **arguments})


def refusal(body):
    with pytest.raises(Invalid) as refused:
        preview_calendar(body)
    return refused.value


def pointers(op, **arguments):
    return [error.pointer for error in refusal({"calendar": CALENDAR, "op": op, **arguments}).errors]


@pytest.mark.parametrize(
    ("op", "arguments", "result"),
    [
        ("add", {"start": MONDAY, "seconds": 4 * 3_600}, "2026-11-23T13:30:00Z"),
        ("add", {"start": MONDAY, "seconds": -3_600}, "2026-11-20T16:00:00Z"),
        ("add", {"start": "2026-11-22T10:00:00Z", "seconds": 0}, MONDAY),
        ("add", {"start": "2026-11-23T09:00:00.25+01:00", "seconds": 60.0}, "2026-11-23T08:01:00.250000Z"),
        ("elapsed", {"from": MONDAY, "to": "2026-11-24T08:00:00Z"}, 27_000),
        ("elapsed", {"from": MONDAY, "to": "2026-11-23T08:00:00.5Z"}, 0.5),
        ("elapsed", {"from": "2026-11-24T08:00:00Z", "to": MONDAY}, 0),
        ("is_open", {"at": MONDAY}, True),
        ("is_open", {"at": "2026-11-23T12:00:00Z"}, False),
        ("is_open", {"at": "2026-12-23t11:30:00z"}, False),
        (
            "next_periods",
            {"from": "2026-12-24T00:00:00Z", "count": 2},
            [["2026-12-24T08:00:00Z", "2026-12-24T11:00:00Z"], ["2026-12-28T08:00:00Z", "2026-12-28T11:30:00Z"]],
        ),
        ("clock_due", {"start": MONDAY, "seconds": 4 * 3_600, "pauses": [LUNCH]}, "2026-11-23T14:00:00Z"),
        ("clock_due", {"start": MONDAY, "seconds": 4 * 3_600}, "2026-11-23T13:30:00Z"),
        ("clock_elapsed", {"start": MONDAY, "stop": "2026-11-24T08:00:00Z", "pauses": [LUNCH]}, 25_200),
    ],
)
def test_an_operation_answers_in_json(op, arguments, result):
    answer = preview(op, **arguments)
    assert answer == result
    assert json.dumps(answer) == json.dumps(result)


def test_mistakes_in_the_calendar_and_in_the_arguments_are_told_at_once():
    body = {
        "calendar": {**CALENDAR, "time_zone": "Mars"},
        "op": "clock_due",
        "start": "today",
        "pauses": [[MONDAY, 1]],
        "to": 1,
    }
    problem = refusal(body)
    assert {error.pointer for error in problem.errors} == {
        "/calendar/time_zone",
        "/start",
        "/seconds",
        "/pauses/0/1",
        "/to",
    }
    assert problem.slug == "invalid"


def test_an_unknown_operation_is_named_and_its_arguments_are_left_alone():
    assert pointers("subtract", start=MONDAY, seconds=1, pauses="?") == ["/op"]
    assert pointers(["add"]) == ["/op"]
    assert pointers("subtract", colour="red") == ["/colour", "/op"]
    assert [error.pointer for error in refusal({}).errors] == ["/calendar", "/op"]
    assert [error.pointer for error in refusal([]).errors] == [""]


@pytest.mark.parametrize(
    "instant",
    [
        "2026-11-23T08:00:00",  # no offset: nobody knows which instant this is
        "2026-11-23",
        "2026-11-23 08:00:00Z",
        "20261123T080000Z",
        "2026-11-23T08:00Z",
        "2026-02-30T08:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T08:00:60Z",
        "2026-11-23T08:00:00+24:00",
        "1899-12-31T23:59:59Z",
        "1900-01-01T00:30:00+01:00",
        "2201-01-01T00:00:00Z",
        "2200-12-31T23:30:00-01:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "٢٠٢٦-11-23T08:00:00Z",
        1_795_420_800,
        None,
        [MONDAY],
    ],
)
def test_only_rfc_3339_instants_of_the_counted_years_are_instants(instant):
    assert pointers("is_open", at=instant) == ["/at"]
    assert pointers("clock_elapsed", start=MONDAY, stop=MONDAY, pauses=[[MONDAY, instant]]) == ["/pauses/0/1"]


@pytest.mark.parametrize(
    "number",
    [0.5, "60", None, True, [60], MAX_SECONDS + 1, -MAX_SECONDS - 1, 10**400, 1e300, float("inf"), float("nan")],
)
def test_seconds_are_a_whole_number_within_ten_years(number):
    assert pointers("add", start=MONDAY, seconds=number) == ["/seconds"]
    assert pointers("clock_due", start=MONDAY, seconds=number) == ["/seconds"]


@pytest.mark.parametrize("count", [0, -1, MAX_PERIODS + 1, 1.5, "1", False])
def test_a_count_is_from_one_to_a_thousand(count):
    assert pointers("next_periods", **{"from": MONDAY, "count": count}) == ["/count"]


@pytest.mark.parametrize(
    ("pauses", "expected"),
    [
        (None, ["/pauses"]),
        ({}, ["/pauses"]),
        ([LUNCH] * (MAX_PAUSES + 1), ["/pauses"]),
        ([LUNCH, MONDAY], ["/pauses/1"]),
        ([[MONDAY]], ["/pauses/0"]),
        ([LUNCH, LUNCH[::-1]], ["/pauses/1/1"]),
    ],
)
def test_pauses_are_pairs_in_order(pauses, expected):
    assert pointers("clock_due", start=MONDAY, seconds=60, pauses=pauses) == expected


def test_the_bounds_themselves_are_answered():
    always = {
        "time_zone": "UTC",
        "weekly": {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")},
    }
    ask = {"calendar": always, "op": "add", "start": MONDAY, "seconds": MAX_SECONDS}
    assert preview_calendar(ask) == "2036-11-30T08:00:00Z"
    assert len(preview("next_periods", **{"from": MONDAY, "count": MAX_PERIODS})) == MAX_PERIODS
    assert preview("clock_due", start=MONDAY, seconds=4 * 3_600, pauses=[LUNCH] * MAX_PAUSES) == "2026-11-23T14:00:00Z"


def test_no_open_time_has_a_name_whether_it_shows_at_once_or_while_counting():
    never = {"calendar": {"time_zone": "UTC", "weekly": {}}, "op": "is_open", "at": MONDAY}
    assert refusal(never).slug == "no-open-time"
    once = {"time_zone": "UTC", "weekly": {}, "overrides": {"2026-01-01": [["09:00", "10:00"]]}}
    problem = refusal({"calendar": once, "op": "add", "start": "2026-02-01T00:00:00Z", "seconds": 1})
    assert problem.slug == "no-open-time"
    assert problem.status == 422


# Whatever JSON it is given, it answers or says what is wrong.

VALID = [
    {"calendar": CALENDAR, "op": "add", "start": MONDAY, "seconds": 60},
    {"calendar": CALENDAR, "op": "elapsed", "from": MONDAY, "to": LUNCH[0]},
    {"calendar": CALENDAR, "op": "is_open", "at": MONDAY},
    {"calendar": CALENDAR, "op": "next_periods", "from": MONDAY, "count": 3},
    {"calendar": CALENDAR, "op": "clock_due", "start": MONDAY, "seconds": 60, "pauses": [LUNCH]},
    {"calendar": CALENDAR, "op": "clock_elapsed", "start": MONDAY, "stop": LUNCH[0], "pauses": [LUNCH]},
]
WORDS = st.sampled_from(
    [
        *("calendar", "op", "start", "stop", "from", "to", "at", "seconds", "count", "pauses", "add", "is_open", "mon"),
        *(
            "time_zone",
            "weekly",
            "overrides",
            "breaks",
            "holidays",
            "holiday_country",
            "holiday_subdivision",
            "FR",
            "57",
        ),
        *("09:00", "24:00", "00:00", "2026-12-25", "1900-01-01", "2200-12-31", "UTC", "Pacific/Apia", "IN", "NP"),
        *(
            "1900-01-01T00:00:00Z",
            "2200-12-31T23:59:59.999999999Z",
            "0001-01-01T00:00:00+23:59",
            MONDAY,
            "~/",
            "{x}",
            "{}",
        ),
    ]
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def places(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


@st.composite
def nearly_valid(draw):
    """A good body with up to three places replaced by anything at all."""
    body = copy.deepcopy(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([place for place in places(body) if place]))
        holder = body
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = draw(ANYTHING)
    return body


def answers_or_explains(body):
    try:
        json.dumps(preview_calendar(body), allow_nan=False)
    except Problem as problem:
        messages = [problem.detail]
        for error in problem.errors:
            assert error.pointer == "" or error.pointer.startswith("/")
            messages += [message for message in (error.detail, error.hint) if message]
        for message in messages:
            assert message.template in FRENCH
            assert message.render("en")
            assert message.render("fr")


@settings(deadline=None, max_examples=300)
@given(ANYTHING)
def test_any_json_is_answered_or_explained(body):
    answers_or_explains(body)


@settings(deadline=None, max_examples=300)
@given(nearly_valid())
def test_any_damage_to_a_good_body_is_answered_or_explained(body):
    answers_or_explains(body)
