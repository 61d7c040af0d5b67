"""Who fits a case: walls that hold, wishes that give way, languages nobody guesses."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.review.needs import (
    Abilities,
    Needs,
    QueueTerms,
    find_fit,
    primary_language,
    read_needs,
    runs_short,
    write_needs,
)
from veilleur.kernel.ids import new_id

CLIENT, QUEUE = new_id(), new_id()
CODES = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,10}\Z")


def able(skills=(), languages=(), tier=1, clients=None, supervises=False):
    return Abilities(frozenset(skills), frozenset(languages), tier, clients, supervises)


def queue(skills=(), languages=(), tier=1, relax_percent=50):
    return QueueTerms(QUEUE, "q", frozenset(skills), frozenset(languages), tier, relax_percent)


@given(st.builds(Needs, st.none() | st.sampled_from(["fr", "deu"]), st.frozensets(CODES, max_size=4)))
def test_needs_are_read_as_they_were_written(needs):
    assert read_needs(write_needs(needs)) == needs


def test_equal_needs_are_written_alike_and_no_needs_as_nothing():
    assert write_needs(Needs("fr", frozenset(["b", "a"]))) == "fr|a,b"
    assert write_needs(Needs()) == ""


@pytest.mark.parametrize(
    ("person", "place", "needs", "fit"),
    [
        (able(), queue(), Needs(), "primary"),
        (able(clients=frozenset()), queue(), Needs(), None),
        (able(clients=frozenset([CLIENT])), queue(), Needs(), "primary"),
        (able(), queue(skills=["legal"]), Needs(), None),
        (able(["legal", "csam"]), queue(skills=["legal"]), Needs(), "primary"),
        (able(), queue(), Needs(skills=frozenset(["legal"])), "secondary"),
        (able(), queue(relax_percent=0), Needs(skills=frozenset(["legal"])), None),
        (able(["legal"]), queue(), Needs(skills=frozenset(["legal"])), "primary"),
        (able(languages=["fr"]), queue(), Needs("de"), None),
        (able(languages=["fr"]), queue(), Needs("fr"), "primary"),
        (able(languages=["fr"]), queue(), Needs(), "primary"),
        (able(), queue(languages=["nl"]), Needs("de"), "primary"),
        (able(languages=["fr"]), queue(languages=["nl", "fr"]), Needs(), "primary"),
        (able(languages=["fr"]), queue(languages=["nl"]), Needs("fr"), None),
        (able(), queue(tier=2), Needs(), None),
        (able(tier=2), queue(tier=2), Needs(), "primary"),
        (able(supervises=True), queue(tier=5), Needs(), "primary"),
        (able(supervises=True), queue(skills=["legal"]), Needs(), None),
    ],
)
def test_who_fits(person, place, needs, fit):
    assert find_fit(person, CLIENT, place, needs) == fit


@pytest.mark.parametrize(
    ("percent", "minutes_gone", "short"),
    [(50, 29, False), (50, 31, True), (0, 59, False), (0, 61, True), (100, 1, True)],
)
def test_time_runs_short_below_the_queues_share_of_it(percent, minutes_gone, short):
    opened = datetime(2026, 11, 23, 9, tzinfo=UTC)
    present = opened + timedelta(minutes=minutes_gone)
    assert runs_short(queue(relax_percent=percent), opened, opened + timedelta(hours=1), present) is short


@pytest.mark.parametrize(
    ("tag", "language"), [("fr", "fr"), ("fr-CA", "fr"), ("EN-us", "en"), ("und", None), (None, None), ("", None)]
)
def test_the_language_of_a_tag(tag, language):
    assert primary_language(tag) == language
