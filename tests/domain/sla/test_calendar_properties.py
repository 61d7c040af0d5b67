"""Business time against laws that hold for every calendar, and against an oracle too slow and too plain to be wrong.

The oracle never converts a local time to UTC: it steps through UTC minute by minute, reads the wall clock of the zone,
and notes at which minute each wall time is first seen.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from veilleur.domain.sla.calendar import (
    add_open_seconds,
    clock_due,
    clock_elapsed,
    is_open,
    next_periods,
    open_seconds_between,
    parse_calendar,
)

STEP = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Zones, each with a date on which something happens to its clocks.
TURNS = [
    ("UTC", date(2026, 11, 22)),
    ("Europe/Paris", date(2026, 3, 29)),
    ("Europe/Paris", date(2026, 10, 25)),
    ("America/New_York", date(2026, 11, 1)),
    ("America/St_Johns", date(2006, 10, 29)),  # went back at 00:01
    ("America/Havana", date(2026, 11, 1)),  # goes back to midnight
    ("America/Sao_Paulo", date(2018, 11, 4)),  # had no midnight
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Asia/Kathmandu", date(2026, 1, 1)),
    ("Africa/Casablanca", date(2026, 2, 15)),  # changes for Ramadan
    ("Pacific/Apia", date(2011, 12, 30)),  # a date left out
    ("Pacific/Kwajalein", date(1993, 8, 21)),  # another
    ("America/Caracas", date(2007, 12, 9)),
]
# Days the oracle looks at on either side: all it is asked about lies within five, and hours reach into two more.
MARGIN = 8

times = st.one_of(
    st.sampled_from(
        ["00:00", "00:30", "01:00", "01:59", "02:00", "02:15", "02:30", "03:00", "09:00", "17:30", "23:59"]
    ),
    st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59)),
)
openings = st.tuples(times, times | st.just("24:00")).map(list)
hours = st.lists(openings, max_size=3)


@st.composite
def situations(draw):
    """A calendar's JSON form, and the date around which to look at it."""
    zone, turn = draw(st.sampled_from(TURNS))
    near = st.integers(-3, 3).map(lambda days: (turn + timedelta(days=days)).isoformat())
    document = {
        "time_zone": zone,
        "weekly": draw(st.dictionaries(st.sampled_from(DAYS), hours, max_size=7)),
        "overrides": draw(st.dictionaries(near, hours, max_size=2)),
        "breaks": draw(st.dictionaries(near, hours, max_size=2)),
        "holidays": draw(st.lists(near, max_size=2)),
    }
    document["weekly"][draw(st.sampled_from(DAYS))] = [draw(openings)]
    return document, turn


def instants(turn, days=2):
    noon = datetime(turn.year, turn.month, turn.day, 12, tzinfo=UTC)
    steps = days * 86_400 // 30
    return st.integers(-steps, steps).map(lambda count: noon + count * STEP)


def draw_pauses(data, turn):
    pairs = st.tuples(instants(turn), instants(turn)).map(lambda pair: tuple(sorted(pair)))
    return data.draw(st.lists(pairs, max_size=4))


# The oracle


@lru_cache(maxsize=32)
def first_seen(zone, turn):
    """Wall time → the first UTC minute it is seen at, and whether it was jumped over.

    A minute that was jumped over is as far behind the jump as it would have been without one.
    """
    seen = {}
    expected = None
    for number in range(-MARGIN * 1_440, MARGIN * 1_440):
        minute = datetime(turn.year, turn.month, turn.day, tzinfo=UTC) + number * MINUTE
        wall = minute.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if expected is not None and expected < wall:
            for late in range((wall - expected) // MINUTE):
                seen.setdefault(expected + late * MINUTE, (minute + late * MINUTE, True))
        seen.setdefault(wall, (minute, False))
        expected = wall + MINUTE
    return seen


@lru_cache(maxsize=8)
def days_seen(zone, turn):
    return {wall.date() for wall, (_, skipped) in first_seen(zone, turn).items() if not skipped}


def stretch(zone, turn, day, opening):
    """The UTC minutes of one opening, as its own two wall clock edges bound them."""

    def edge(text, later=0):
        wall = datetime.combine(day, time()) + timedelta(days=later, hours=int(text[:2]), minutes=int(text[3:]))
        return first_seen(zone, turn)[wall][0]

    start, stop = opening
    minute, end = edge(start), edge(stop, later=int(stop <= start))
    while minute < end:
        yield minute
        minute += MINUTE


def open_minutes(document, turn):
    zone, opened, broken = document["time_zone"], set(), set()
    for number in range(-5, 6):
        day = turn + timedelta(days=number)
        if day not in days_seen(zone, turn):
            continue
        name = day.isoformat()
        if name not in document["holidays"]:
            for opening in document["overrides"].get(name, document["weekly"].get(DAYS[day.weekday()], [])):
                opened.update(stretch(zone, turn, day, opening))
        for opening in document["breaks"].get(name, []):
            broken.update(stretch(zone, turn, day, opening))
    return opened - broken


def counts(opened, pauses, at):
    return at.replace(second=0) in opened and not any(start <= at < stop for start, stop in pauses)


def step_elapsed(opened, pauses, start, stop):
    steps = 0
    while start < stop:
        steps += counts(opened, pauses, start)
        start += STEP
    return steps * STEP.seconds


def step_due(opened, pauses, start, seconds, last):
    """None when `last` is reached before."""
    left = abs(seconds)
    if not left:
        while not counts(opened, pauses, start):
            start += STEP
            if start >= last:
                return None
        return start
    while left:
        if abs(start - last) < STEP:
            return None
        if seconds > 0:
            left -= STEP.seconds * counts(opened, pauses, start)
            start += STEP
        else:
            start -= STEP
            left -= STEP.seconds * counts(opened, pauses, start)
    return start


@settings(deadline=None, max_examples=80)
@given(situations(), st.data())
def test_elapsed_is_what_stepping_through_time_counts(situation, data):
    document, turn = situation
    start, stop = data.draw(instants(turn)), data.draw(instants(turn))
    pauses = draw_pauses(data, turn)
    calendar = parse_calendar(document)
    opened = open_minutes(document, turn)
    assert clock_elapsed(calendar, start, stop, pauses) == step_elapsed(opened, pauses, start, stop)
    assert open_seconds_between(calendar, start, stop) == step_elapsed(opened, [], start, stop)
    assert is_open(calendar, start) == counts(opened, [], start)


@settings(deadline=None, max_examples=80)
@given(situations(), st.integers(-2_000, 2_000), st.data())
def test_due_is_where_stepping_through_time_ends(situation, steps, data):
    document, turn = situation
    start, pauses = data.draw(instants(turn)), draw_pauses(data, turn)
    last = start + timedelta(days=2 if steps >= 0 else -2)
    expected = step_due(open_minutes(document, turn), pauses, start, steps * STEP.seconds, last)
    assume(expected is not None)
    assert clock_due(parse_calendar(document), start, steps * STEP.seconds, pauses) == expected


@settings(deadline=None, max_examples=60)
@given(situations(), st.data())
def test_periods_are_the_runs_of_open_minutes(situation, data):
    document, turn = situation
    start = data.draw(instants(turn)).replace(second=0)
    opened = open_minutes(document, turn)
    assume(any(start <= minute < start + timedelta(days=1) for minute in opened))
    opens, closes = next_periods(parse_calendar(document), start, 1)[0]
    first = min(minute for minute in opened if minute >= start)
    end = first
    while end in opened:
        end += MINUTE
    assume(end < start + timedelta(days=2))
    assert opens == first
    assert closes == end


# Laws


# Few enough for the sparsest calendar drawn here, a minute a week, to hold them before 2200.
seconds_exact = st.integers(1, 2 * 10**11).map(lambda microseconds: microseconds / 1_000_000)


@settings(deadline=None)
@given(situations(), seconds_exact, st.data())
def test_as_much_time_has_passed_at_the_deadline_as_was_added(situation, seconds, data):
    document, turn = situation
    calendar, start = parse_calendar(document), data.draw(instants(turn))
    assert open_seconds_between(calendar, start, add_open_seconds(calendar, start, seconds)) == seconds
    assert open_seconds_between(calendar, add_open_seconds(calendar, start, -seconds), start) == seconds
    pauses = draw_pauses(data, turn)
    assert clock_elapsed(calendar, start, clock_due(calendar, start, seconds, pauses), pauses) == seconds


@settings(deadline=None)
@given(situations(), seconds_exact, seconds_exact, st.data())
def test_a_later_start_or_a_larger_budget_is_never_due_earlier(situation, seconds, more, data):
    document, turn = situation
    calendar, pauses = parse_calendar(document), draw_pauses(data, turn)
    early, late = sorted(data.draw(st.tuples(instants(turn), instants(turn))))
    least, less, greater = 0, *sorted((seconds, more))
    for sign in (1, -1):
        dues = [clock_due(calendar, early, sign * budget, pauses) for budget in (least, less, greater)]
        assert sorted(dues, reverse=sign < 0) == dues
    assert clock_due(calendar, early, less, pauses) <= clock_due(calendar, late, less, pauses)
    assert clock_due(calendar, early, -less, pauses) <= clock_due(calendar, late, -less, pauses)


@settings(deadline=None)
@given(situations(), st.integers(1, 200_000), st.data())
def test_pausing_and_resuming_step_by_step_ends_where_the_replay_does(situation, seconds, data):
    document, turn = situation
    calendar, start = parse_calendar(document), data.draw(instants(turn))
    edges = sorted(data.draw(st.lists(instants(turn).filter(lambda at: at > start), max_size=6, unique=True)))
    pauses = list(zip(edges[::2], edges[1::2], strict=False))

    due, counted_from, remaining = add_open_seconds(calendar, start, seconds), start, float(seconds)
    for paused_at, resumed_at in pauses:
        if due <= paused_at:
            break
        remaining -= open_seconds_between(calendar, counted_from, paused_at)
        due, counted_from = add_open_seconds(calendar, resumed_at, remaining), resumed_at

    assert clock_due(calendar, start, seconds, pauses) == due


@settings(deadline=None)
@given(situations(), seconds_exact, st.data())
def test_splitting_a_pause_changes_nothing(situation, seconds, data):
    document, turn = situation
    calendar, start = parse_calendar(document), data.draw(instants(turn))
    first, cut, last = sorted(data.draw(st.tuples(instants(turn), instants(turn), instants(turn))))
    whole, split = [(first, last)], [(cut, last), (first, cut)]
    assert clock_due(calendar, start, seconds, whole) == clock_due(calendar, start, seconds, split)
    assert clock_elapsed(calendar, start, last, whole) == clock_elapsed(calendar, start, last, split)


@settings(deadline=None)
@given(situations(), seconds_exact, st.data())
def test_a_pause_outside_hours_changes_nothing_wherever_it_lies(situation, seconds, data):
    document, turn = situation
    calendar, start = parse_calendar(document), data.draw(instants(turn))
    periods = next_periods(calendar, start - timedelta(days=3), 2)
    assume(len(periods) == 2)
    (_, closed_from), (closed_to, _) = periods
    share = st.integers(0, 1_000).map(lambda thousandths: closed_from + (closed_to - closed_from) * thousandths / 1_000)
    pause = tuple(sorted(data.draw(st.tuples(share, share))))
    assert clock_due(calendar, start, seconds, [pause]) == add_open_seconds(calendar, start, seconds)
    stop = start + timedelta(days=9)
    assert clock_elapsed(calendar, start, stop, [pause]) == open_seconds_between(calendar, start, stop)


@settings(deadline=None)
@given(situations(), st.data())
def test_elapsed_time_adds_up_wherever_it_is_cut(situation, data):
    document, turn = situation
    calendar = parse_calendar(document)
    first, cut, last = sorted(data.draw(st.tuples(*[instants(turn, days=60)] * 3)))
    parts = open_seconds_between(calendar, first, cut) + open_seconds_between(calendar, cut, last)
    assert parts == open_seconds_between(calendar, first, last)
