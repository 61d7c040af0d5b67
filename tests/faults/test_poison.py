"""What can't be screened ends before a person, visibly, and holds nobody up."""

import pytest

from tests.support.desk import ASK_RULES
from veilleur.kernel.ids import read_id

pytestmark = pytest.mark.chaos

BREAK_ITEM = (
    """UPDATE items SET body = jsonb_set(body, '{text}', '{"no": "text"}') WHERE agency_id = $1 AND external_id = $2"""
)
BREAK_RULES = """
UPDATE rule_sets SET document = '{"broken": true}', digest = 'broken-' || digest WHERE agency_id = $1 AND client_id = $2
"""


async def test_an_item_that_breaks_screening_goes_to_a_person_and_its_neighbours_are_decided(scene):
    """No sender can make such an item: it is spoilt behind the curtain, before the worker has seen it."""
    with scene.frozen_worker():
        poison, *neighbours = await scene.send(20, "remove")
        await scene.fetch(BREAK_ITEM, poison.external_id)
    stock = await scene.reckon("a poison item among its neighbours", 1)
    assert held_reasons(stock) == {poison.external_id: "screening_failed"}
    assert await scene.count("decisions", "automated AND verdict = 'remove'") == len(neighbours)
    assert await unscreened(scene) == 1


async def test_a_broken_rule_set_brings_its_clients_items_to_a_person_and_no_other_clients(scene):
    healthy = scene.client
    broken = await scene.agency.add_client(ASK_RULES)
    await scene.fetch(BREAK_RULES, read_id("cli", broken.id))
    with scene.frozen_worker():
        poisoned = await scene.send(3, "remove", broken)
        await scene.send(17, "remove", healthy)
    stock = await scene.reckon("a rule set that can't be run", 1)
    assert held_reasons(stock) == {sent.external_id: "screening_failed" for sent in poisoned}
    assert await unscreened(scene) == 3


def held_reasons(stock) -> dict[str, str]:
    names = {row["id"]: row["external_id"] for row in stock.all("items")}
    return {names[row["item_id"]]: row["reason"] for row in stock.all("cases")}


async def unscreened(scene) -> int:
    """Cases that were opened in the queue for what could not be screened."""
    [row] = await scene.fetch(
        "SELECT count(*) FROM cases c JOIN queues q ON q.agency_id = c.agency_id AND q.id = c.queue_id"
        " WHERE c.agency_id = $1 AND q.code = 'unscreened'"
    )
    number: int = row[0]
    return number
