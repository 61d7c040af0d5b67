"""A parameter's values tried on what people judged."""

import pytest

from tests.domain.trials.rule_sets import ask, save
from tests.support.desk import open_desk, slug

LONG = {
    "format": "veilleur.rules/v1",
    "name": "long",
    "fallback": {"verdict": "allow"},
    "params": {"limit": 3, "name": "x"},
    "rules": [
        {
            "id": "long",
            "title": "Too long",
            "mode": "live",
            "severity": 10,
            "when": {"all": ["item.words > params.limit", "params.name == 'x'"]},
            "then": {"verdict": "remove", "actions": [{"code": "remove", "target": "item"}], "policies": ["spam"]},
        }
    ],
}
"""Removes what is longer than a number of words."""


def labelled(*lengths_and_labels):
    return [
        {"item": {"external_id": f"i{number}", "text": "word " * length}, "label": label}
        for number, (length, label) in enumerate(lengths_and_labels)
    ]


SAMPLES = labelled((2, "allow"), (5, "allow"), (6, "allow"), (8, "remove"), (9, "restrict"), (12, "remove"))


async def tune(desk, body):
    answer = await ask(desk, await save(desk, LONG), "tune", body=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_curve_leads_to_the_value_that_reaches_the_target(world):
    desk = await open_desk(world)
    found = await tune(desk, {"param": "limit", "labelled": SAMPLES, "target": {"precision": 0.95}})
    assert (found["current"], found["rules"], found["judged"]) == (3, ["long"], 6)
    curve = {point["threshold"]: (point["precision"]["value"], point["recall"]["value"]) for point in found["curve"]}
    assert curve[3] == (0.6, 1.0)
    assert curve[6] == (1.0, 1.0)
    assert curve[8] == (1.0, pytest.approx(2 / 3, abs=1e-6))
    assert found["suggested"]["threshold"] == 6


async def test_without_labels_what_people_decided_counts(world):
    desk = await open_desk(world, capacity=10)
    for length in (2, 6, 8):
        await desk.receive(text="word " * length)
    for held in await desk.moderator.take(3):
        bad = len(held["item"]["text"].split()) > 7
        await desk.moderator.decide(held, "remove" if bad else "allow")
    found = await tune(desk, {"param": "limit"})
    assert (found["judged"], found["suggested"]["threshold"]) == (3, 6)


async def test_a_target_that_nothing_reaches_suggests_nothing(world):
    desk = await open_desk(world)
    found = await tune(
        desk, {"param": "limit", "labelled": labelled((9, "allow"), (3, "remove")), "target": {"precision": 1}}
    )
    assert found["suggested"] is None


@pytest.mark.parametrize("param", ["name", "nothing"])
async def test_only_a_number_of_the_rule_set_can_be_tuned(world, param):
    desk = await open_desk(world)
    answer = await ask(desk, await save(desk, LONG), "tune", body={"param": param, "labelled": SAMPLES})
    assert (answer.status_code, slug(answer)) == (422, "invalid")
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["hint"]) == ("/param", "allowed: limit")
