"""The arithmetic of trials: shares and their intervals, flips, blast radius, workload, tuning."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.rules.outcome import Decide, Escalate
from veilleur.domain.trials.blast import ENOUGH, Blast, measure_blast
from veilleur.domain.trials.intervals import Confusion, Share
from veilleur.domain.trials.standpoint import KINDS, Standpoint, read_standpoint, take_standpoint
from veilleur.domain.trials.tally import MAX_SAMPLES, Compared, Tally, read_tally
from veilleur.domain.trials.tuning import Point, Target, pick_thresholds, suggest_threshold
from veilleur.domain.trials.workload import Load, Span, weigh_load

START = datetime(2026, 11, 22, 10, tzinfo=UTC)
KIND = st.sampled_from(KINDS)


def stand(kind, rule=None):
    return Standpoint(kind, rule, *(("default", "normal") if kind == "escalate" else (None, None)))


# Newcombe 1998, table I, method 3: Wilson's interval without continuity correction.
@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_the_literature(hits, of, low, high):
    found = Share(hits, of).interval
    assert found == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(0, 10_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_an_interval_holds_its_share_and_stays_a_share(sample):
    low, high = Share(*sample).interval
    assert 0 <= low <= high <= 1
    value = Share(*sample).value
    assert value is None or low - 1e-9 <= value <= high + 1e-9


def test_nothing_known_is_said_to_be_unknown():
    assert Share(0, 0).show() == {"value": None, "interval": [0.0, 1.0], "hits": 0, "of": 0}


def test_precision_and_recall_are_of_acting_against_people():
    confusion = Confusion()
    for rules, people in [(True, True)] * 3 + [(True, False)] + [(False, True)] * 2 + [(False, False)] * 4:
        confusion = confusion.add(rules=rules, people=people)
    assert (confusion.precision, confusion.recall, confusion.judged) == (Share(3, 4), Share(3, 5), 10)


def test_outcomes_stand_between_allowing_and_removing():
    assert take_standpoint(Escalate("doubt", "high"), "r") == Standpoint("escalate", "r", "doubt", "high")
    assert take_standpoint(Decide("remove"), None) == Standpoint("remove", None)
    assert read_standpoint({"verdict": "remove"}, "r") == Standpoint("remove", "r")
    stored = {"escalate": {"queue": "doubt", "priority": "high"}}
    assert read_standpoint(stored, None) == Standpoint("escalate", None, "doubt", "high")


@pytest.mark.parametrize(
    ("before", "after", "harsher", "milder"),
    [
        ("allow", "remove", 1, 0),
        ("escalate", "restrict", 1, 0),
        ("restrict", "remove", 1, 0),
        ("remove", "allow", 0, 1),
        ("remove", "escalate", 0, 1),
        ("allow", "escalate", 0, 0),
        ("escalate", "allow", 0, 0),
        ("remove", "remove", 0, 0),
    ],
)
def test_the_blast_counts_what_becomes_an_act_and_what_ceases_to_be_one(before, after, harsher, milder):
    assert measure_blast([(stand(before), stand(after))]) == Blast(1, harsher, milder)


def test_the_limit_is_exceeded_only_beyond_it_and_never_without_traffic():
    assert not Blast(1_000, 50, 0).exceeds(5.0)
    assert Blast(1_000, 51, 0).exceeds(5.0)
    assert Blast(1_000, 0, 51).exceeds(5.0)
    assert not Blast(ENOUGH - 1, ENOUGH - 1, 0).exceeds(5.0)
    assert not Blast(0, 0, 0).exceeds(0.0)


@given(st.lists(st.tuples(KIND, KIND, st.sampled_from([None, "allow", "remove"])), max_size=80), st.data())
def test_a_tally_is_the_same_in_one_go_or_in_pieces_that_were_stored_in_between(cases, data):
    compared = [
        Compared(f"e{number}", stand(old, "a"), stand(new, "b"), START + timedelta(minutes=number), people)
        for number, (old, new, people) in enumerate(cases)
    ]
    cut = data.draw(st.integers(0, len(compared)))
    whole, pieces = Tally(), Tally()
    for one in compared:
        if whole.add(one):
            whole.keep_sample(one.name, {"id": one.name})
    for part in (data.draw(st.permutations(compared))[:], []):
        for position, one in enumerate(part):
            if position == cut:
                pieces = read_tally(json.loads(json.dumps(pieces.to_json())))
            if pieces.add(one):
                pieces.keep_sample(one.name, {"id": one.name})
    assert read_tally(json.loads(json.dumps(pieces.to_json()))) == whole
    flips = sum(one.is_flip for one in compared)
    assert sum(flip["count"] for flip in whole.show_flips()) == flips
    assert len(whole.samples) == min(flips, MAX_SAMPLES)


def test_flips_name_the_rules_that_decided_and_come_by_frequency():
    tally = Tally()
    for number in range(3):
        tally.add(Compared(f"a{number}", stand("allow"), stand("remove", "new")))
    tally.add(Compared("b", stand("remove", "old"), stand("allow")))
    assert tally.show_flips() == [
        {"from": "allow", "to": "remove", "rule_before": None, "rule_after": "new", "count": 3},
        {"from": "remove", "to": "allow", "rule_before": "old", "rule_after": None, "count": 1},
    ]


def test_added_cases_become_hours_in_all_and_a_day():
    load = Load({("default", "normal"): 10}, {("default", "normal"): 34, ("doubt", "high"): 1})
    shown = weigh_load(load, 90.0, Span(1_000, START, START + timedelta(hours=12)))
    assert (shown["cases_added"], shown["review_hours_added"]) == (25, 0.62)
    assert (shown["cases_added_a_day"], shown["review_hours_added_a_day"]) == (50.0, 1.25)
    assert shown["added_by"][0] == {"queue": "default", "priority": "normal", "before": 10, "after": 34}


def test_hours_are_unknown_before_anybody_reviewed_and_days_without_a_stretch_of_time():
    shown = weigh_load(Load({}, {("q", "low"): 3}), None, Span(3, START, START))
    assert (shown["cases_added"], shown["review_hours_added"], shown["cases_added_a_day"]) == (3, None, None)


def test_thresholds_are_spread_over_what_was_seen_and_hold_the_present_one():
    assert pick_thresholds([1, 5, 3, 3], 4) == [1, 3, 4, 5]
    spread = pick_thresholds([number / 1000 for number in range(1000)], 0.5, points=5)
    assert spread == [0.0, 0.333, 0.5, 0.666, 0.999]
    assert pick_thresholds([], 2) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert pick_thresholds([], 0.6)[-1] == pytest.approx(2.4)
    assert all(isinstance(value, int) for value in pick_thresholds([0.4, 2.0], 3))


def test_the_suggestion_reaches_the_target_with_most_of_the_other():
    points = [Point(1, Confusion(9, 9, 1, 0)), Point(2, Confusion(8, 0, 2, 9)), Point(3, Confusion(2, 0, 8, 9))]
    assert suggest_threshold(points, Target(precision=0.95)) == points[1]
    assert suggest_threshold(points, Target(recall=0.9)) == points[0]
    assert suggest_threshold(points, Target(precision=0.95, recall=0.9)) is None
    assert suggest_threshold([Point(1, Confusion(0, 0, 5, 5))], Target(precision=0.5)) is None
