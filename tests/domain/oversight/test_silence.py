from datetime import UTC, datetime, timedelta
from math import isclose
from zoneinfo import ZoneInfo

from veilleur.domain.oversight.silence import expected_items, is_silent, usual_traffic

PARIS = ZoneInfo("Europe/Paris")
MONDAY_9 = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)  # 09:00 in Paris
BUSY = {(0, 9): 20.0, (0, 10): 20.0}


def test_usual_is_the_median_so_that_one_flood_or_outage_does_not_count():
    weeks = [{(0, 9): 10}, {(0, 9): 12}, {(0, 9): 900}, {}]
    assert usual_traffic(weeks) == {(0, 9): 11.0}


def test_one_week_is_no_habit():
    assert usual_traffic([{(0, 9): 10}]) == {}


def test_what_is_expected_follows_the_hours_of_the_clients_zone():
    assert isclose(expected_items(BUSY, MONDAY_9, MONDAY_9 + timedelta(minutes=90), PARIS), 30.0)
    assert expected_items(BUSY, MONDAY_9 - timedelta(hours=2), MONDAY_9, PARIS) == 0.0
    assert isclose(
        expected_items({(0, 9): 6.0}, MONDAY_9 + timedelta(minutes=50), MONDAY_9 + timedelta(hours=5), PARIS), 1.0
    )


def test_a_busy_hour_without_an_item_is_an_alarm_and_a_quiet_night_is_none():
    assert is_silent(BUSY, MONDAY_9, MONDAY_9 + timedelta(minutes=30), PARIS)
    assert not is_silent(BUSY, MONDAY_9, MONDAY_9 + timedelta(minutes=15), PARIS)
    assert not is_silent(BUSY, MONDAY_9 - timedelta(hours=8), MONDAY_9, PARIS)
    assert not is_silent({}, MONDAY_9 - timedelta(days=300), MONDAY_9, PARIS)
