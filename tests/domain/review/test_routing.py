"""Where a case goes: what a content rule names, then the first routing rule that fits, then the client's own queue."""

import pytest

from veilleur.domain.review.needs import Needs, QueueTerms
from veilleur.domain.review.routing import Facts, Plan, Route, choose_destination, choose_higher
from veilleur.kernel.ids import new_id

CLIENT, OTHER = new_id(), new_id()
QUEUES = {
    code: QueueTerms(new_id(), code, tier=tier)
    for code, tier in (("default", 1), ("spam", 1), ("legal", 2), ("board", 3))
}
HOME = QUEUES["default"].id


def facts(**changes):
    known = {
        "client_id": CLIENT, "kind": "comment", "language": "fr-CA", "policies": frozenset(["spam", "insult"]),
        "priority": "high",
    }  # fmt: skip
    return Facts(**(known | changes))


def route(queue, skills=(), **conditions):
    wanted = {name: frozenset(values) for name, values in conditions.items()}
    return Route(new_id(), queue, QUEUES[queue].id, wanted, frozenset(skills))


def go(*routes, named=None, skills=(), **changes):
    destination = choose_destination(facts(**changes), Plan(QUEUES, routes), HOME, named=named, skills=skills)
    return destination.queue.code, destination.needs


@pytest.mark.parametrize(
    ("conditions", "fits"),
    [
        ({}, True),
        ({"client": [CLIENT]}, True),
        ({"client": [OTHER]}, False),
        ({"kind": ["comment", "post"]}, True),
        ({"kind": ["post"]}, False),
        ({"language": ["fr"]}, True),
        ({"language": ["de"]}, False),
        ({"policy": ["insult", "threat"]}, True),
        ({"policy": ["threat"]}, False),
        ({"priority": ["high"]}, True),
        ({"priority": ["low"]}, False),
        ({"tier": [1]}, True),
        ({"tier": [2]}, False),
        ({"kind": ["comment"], "priority": ["low"]}, False),
    ],
)
def test_a_rule_fits_when_all_its_conditions_hold(conditions, fits):
    assert go(route("spam", **conditions))[0] == ("spam" if fits else "default")


def test_the_first_rule_that_fits_wins():
    assert go(route("legal", kind=["post"]), route("spam"), route("board"))[0] == "spam"


def test_a_queue_that_a_content_rule_names_is_where_its_cases_go():
    assert go(route("spam", skills=["s"]), named="legal", skills=["law"]) == ("legal", Needs("fr", frozenset(["law"])))


@pytest.mark.parametrize("named", ["default", "gone", None])
def test_default_and_a_queue_that_is_gone_name_nothing(named):
    assert go(route("spam", skills=["s"]), named=named, skills=["law"]) == (
        "spam",
        Needs("fr", frozenset(["law", "s"])),
    )
    assert go(named=named)[0] == "default"


def test_an_item_of_unknown_language_asks_for_none():
    assert go(language="und")[1] == Needs()


def test_too_hard_goes_to_the_lowest_queue_that_is_high_enough_or_where_a_rule_for_the_tier_says():
    plan = Plan(QUEUES, [route("spam")])
    assert choose_higher(facts(tier=2), plan).queue.code == "legal"
    assert choose_higher(facts(tier=3), plan).queue.code == "board"
    assert choose_higher(facts(tier=4), plan) is None
    assert choose_higher(facts(tier=2), Plan(QUEUES, [route("board", tier=[2])])).queue.code == "board"
