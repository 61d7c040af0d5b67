import pytest

from veilleur.domain.sla.calendar import parse_calendar
from veilleur.domain.sla.calendar_document import MAX_DATES, MAX_HOURS_OF_A_DAY
from veilleur.kernel.errors import Invalid
from veilleur.kernel.french import FRENCH

FULL = {
    "time_zone": "Europe/Paris",
    "weekly": {
        "mon": [["09:00", "12:30"], ["14:00", "18:00"]],
        "fri": [["22:00", "06:00"]],
        "sun": [["00:00", "24:00"]],
    },
    "overrides": {"2026-12-24": [["09:00", "12:00"]], "2026-12-31": []},
    "breaks": {"2026-12-23": [["12:00", "13:00"]]},
    "holidays": ["2026-12-25"],
    "holiday_country": "FR",
    "holiday_subdivision": "57",
}
PLAIN = {"time_zone": "UTC", "weekly": {"mon": [["09:00", "17:00"]]}}


def refusal(document, pointer=""):
    with pytest.raises(Invalid) as refused:
        parse_calendar(document, pointer)
    return refused.value


def pointers(document, pointer=""):
    return [error.pointer for error in refusal(document, pointer).errors]


def test_a_document_comes_back_as_it_was():
    assert parse_calendar(FULL).to_document() == FULL
    assert parse_calendar(PLAIN).to_document() == PLAIN


def test_spellings_of_one_calendar_are_equal_and_share_their_hash():
    shuffled = {
        "weekly": {"tue": [], "mon": [["14:00", "18:00"], ["09:00", "12:00"], ["09:00", "12:00"]]},
        "holidays": ["2026-12-25", "2026-01-01", "2026-12-25"],
        "breaks": {"2026-12-23": []},
        "overrides": {},
        "holiday_country": None,
        "time_zone": "UTC",
    }
    tidy = {
        "time_zone": "UTC",
        "weekly": {"mon": [["09:00", "12:00"], ["14:00", "18:00"]]},
        "holidays": ["2026-01-01", "2026-12-25"],
    }
    assert parse_calendar(shuffled) == parse_calendar(tidy)
    assert hash(parse_calendar(shuffled)) == hash(parse_calendar(tidy))
    assert parse_calendar(shuffled).to_document() == tidy
    assert parse_calendar(tidy) != parse_calendar(PLAIN)


def test_a_document_may_change_afterwards_and_the_calendar_does_not():
    document = {**PLAIN, "overrides": {"2026-12-24": [["09:00", "12:00"]]}}
    calendar = parse_calendar(document)
    document["overrides"].clear()
    calendar.to_document()["overrides"].clear()
    assert calendar.to_document()["overrides"] == {"2026-12-24": [["09:00", "12:00"]]}


def test_every_mistake_is_told_at_once_with_its_place_and_in_both_languages():
    wrong = {
        "time_zone": "Europe/Atlantis",
        "weekly": {"mon": [["9:00", "25:00"], ["09:00"], "all day"], "monday": [], "tue": "closed"},
        "overrides": {"2026-02-30": [["09:00", "12:00"]], "20261224": [], "a/b~c": 1},
        "breaks": [],
        "holidays": ["2026-12-25", 20261225, "2026-W52-5"],
        "holiday_country": "ZZ",
        "colour": "red",
    }
    errors = refusal(wrong, "/calendar").errors
    assert {error.pointer.removeprefix("/calendar") for error in errors} == {
        "/time_zone",
        "/weekly/mon/0/0",
        "/weekly/mon/0/1",
        "/weekly/mon/1",
        "/weekly/mon/2",
        "/weekly/monday",
        "/weekly/tue",
        "/overrides/2026-02-30",
        "/overrides/20261224",
        "/overrides/a~1b~0c",
        "/breaks",
        "/holidays/1",
        "/holidays/2",
        "/holiday_country",
        "/colour",
    }
    assert all(error.pointer.startswith("/calendar/") and error.hint for error in errors)
    assert all(message.template in FRENCH for error in errors for message in (error.detail, error.hint))


@pytest.mark.parametrize("document", [None, True, 1, 1.5, "UTC", [], [PLAIN]])
def test_what_is_no_object_is_no_calendar(document):
    assert pointers(document, "/calendar") == ["/calendar"]


def test_the_zone_and_the_week_are_required():
    assert pointers({}) == ["/time_zone", "/weekly"]


@pytest.mark.parametrize(
    "zone",
    [
        "",
        "Paris",
        "europe/paris",
        "Europe",
        "../UTC",
        "/usr/share/zoneinfo/UTC",
        "localtime",
        "UTC\0",
        "\ud800",
        None,
        1,
        [],
    ],
)
def test_only_names_of_zones_are_zones(zone):
    assert pointers({**PLAIN, "time_zone": zone}) == ["/time_zone"]


@pytest.mark.parametrize(
    "time", ["9:00", "09:60", "24:01", "25:00", "-1:00", "09:00:00", "09h00", " 09:00", "٠٩:٠٠", "", None, 9, ["09:00"]]
)
def test_only_hours_and_minutes_are_times(time):
    assert pointers({**PLAIN, "weekly": {"mon": [["08:00", time]]}}) == ["/weekly/mon/0/1"]
    assert pointers({**PLAIN, "breaks": {"2026-12-23": [[time, "10:00"]]}}) == ["/breaks/2026-12-23/0/0"]


def test_the_end_of_a_day_is_no_start():
    assert pointers({**PLAIN, "weekly": {"mon": [["24:00", "02:00"]]}}) == ["/weekly/mon/0/0"]


@pytest.mark.parametrize(
    "day", ["2026-02-29", "2026-13-01", "1899-12-31", "2201-01-01", "0000-01-01", "2026-1-1", "26-01-01", "today", ""]
)
def test_only_dates_of_the_counted_years_are_dates(day):
    assert pointers({**PLAIN, "holidays": [day]}) == ["/holidays/0"]
    assert pointers({**PLAIN, "overrides": {day: []}}) == [f"/overrides/{day}"]


@pytest.mark.parametrize("country", ["fr", "FRA", "France", "EU", "", "HolidayBase", 33, ["FR"], {"code": "FR"}])
def test_only_known_countries_have_holidays(country):
    assert pointers({**PLAIN, "holiday_country": country, "holiday_subdivision": "57"}) == ["/holiday_country"]


@pytest.mark.parametrize(
    "fields", [{"holiday_subdivision": "57"}, {"holiday_country": "FR", "holiday_subdivision": "Bavaria"}]
)
def test_a_subdivision_is_one_of_its_country(fields):
    assert pointers({**PLAIN, **fields}) == ["/holiday_subdivision"]


def test_the_size_of_a_calendar_is_bounded():
    days = [
        f"{1900 + number // 336}-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}" for number in range(MAX_DATES + 1)
    ]
    parse_calendar({**PLAIN, "holidays": days[:MAX_DATES], "overrides": {day: [] for day in days[:MAX_DATES]}})
    assert pointers({**PLAIN, "holidays": days}) == ["/holidays"]
    assert pointers({**PLAIN, "breaks": {day: [] for day in days}}) == ["/breaks"]
    assert pointers({**PLAIN, "weekly": {"mon": [["09:00", "10:00"]] * (MAX_HOURS_OF_A_DAY + 1)}}) == ["/weekly/mon"]


@pytest.mark.parametrize(
    "fields",
    [
        {"weekly": {}},
        {"weekly": {"mon": [], "sun": []}},
        {"weekly": {}, "overrides": {"2026-12-24": []}},
        {"weekly": {}, "overrides": {"2026-12-25": [["09:00", "12:00"]]}, "holidays": ["2026-12-25"]},
        {"weekly": {}, "overrides": {"2026-12-25": [["09:00", "12:00"]]}, "holiday_country": "FR"},
        {
            "weekly": {},
            "overrides": {"2026-12-24": [["09:00", "12:00"]]},
            "breaks": {"2026-12-24": [["08:00", "13:00"]]},
        },
    ],
)
def test_a_calendar_that_is_never_open_is_refused(fields):
    problem = refusal({**PLAIN, **fields}, "/calendar")
    assert problem.status == 422
    assert problem.slug == "no-open-time"
    assert [error.pointer for error in problem.errors] == ["/calendar/weekly"]
    assert problem.detail.template in FRENCH


def test_a_calendar_open_on_one_date_only_is_a_calendar():
    parse_calendar({"time_zone": "Pacific/Kiritimati", "weekly": {}, "overrides": {"1900-01-02": [["00:00", "00:01"]]}})
    parse_calendar({"time_zone": "Pacific/Pago_Pago", "weekly": {}, "overrides": {"2200-12-30": [["23:00", "04:00"]]}})
