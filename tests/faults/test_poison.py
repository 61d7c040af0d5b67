"""What can't be screened ends before a person, visibly, and holds nobody up."""

from contextlib import asynccontextmanager

import pytest

from tests.faults.support.scene import FULL
from tests.support.desk import ASK_RULES
from veilleur.kernel.ids import read_id

pytestmark = pytest.mark.chaos

BREAK_RULES = """
UPDATE rule_sets SET document = '{"broken": true}', digest = 'broken-' || digest WHERE agency_id = $1 AND client_id = $2
"""


async def test_an_item_that_breaks_screening_goes_to_a_person_and_its_neighbours_are_decided(scene):
    with scene.frozen_worker():
        poison, *neighbours = await scene.send(20, "remove")
        async with undecidable(scene, poison):
            scene.installation.resume(scene.installation.pid("worker"))
            await scene.until_some("cases", "reason = 'screening_failed'")
            for sent in neighbours:
                await scene.until_some("items", f"external_id = '{sent.external_id}' AND state = 'decided'")
    stock = await scene.reckon("8 a poison item among its neighbours", 1)
    assert held_reasons(stock) == {poison.external_id: "screening_failed"}
    assert await count_unscreened(scene) == 1
    [waited] = await scene.fetch(
        "SELECT count(*) FROM decisions d JOIN cases c ON c.agency_id = d.agency_id"
        " WHERE d.agency_id = $1 AND d.automated AND d.made_at >= c.opened_at"
    )
    assert waited[0] == 0, "neighbours waited until the poison was given up"


async def test_a_broken_rule_set_brings_its_clients_items_to_a_person_and_no_other_clients(scene):
    broken = await scene.agency.add_client(ASK_RULES)
    await scene.fetch(BREAK_RULES, read_id("cli", broken.id))
    with scene.frozen_worker():
        poisoned = await scene.send(3, "remove", broken)
        await scene.send(17, "remove")
    stock = await scene.reckon("8 a rule set that can't be run", 1)
    assert held_reasons(stock) == {sent.external_id: "screening_failed" for sent in poisoned}
    assert await count_unscreened(scene) == 3


@pytest.mark.skipif(not FULL, reason="a worker has to die six times")
async def test_an_item_that_kills_every_worker_goes_to_a_person_in_the_end(scene):
    for attempt in range(1, 6):
        async with nobody_decides(scene):
            if attempt == 1:
                [killer] = await scene.send(1, "remove")
            await scene.until_some("items", f"attempts = {attempt}")
            await scene.installation.strike("worker")
    stock = await scene.reckon("6 an item that kills every worker", 5)
    assert held_reasons(stock) == {killer.external_id: "screening_failed"}


@asynccontextmanager
async def nobody_decides(scene):
    """Whoever screens waits in mid-batch."""
    async with scene.installation.connect() as connection, connection.transaction():
        await connection.execute("LOCK TABLE decisions IN SHARE MODE")
        yield


@asynccontextmanager
async def undecidable(scene, sent):
    """No sender can make such an item: behind the curtain, the database is told to refuse any decision on it."""
    [item] = await scene.fetch("SELECT id FROM items WHERE agency_id = $1 AND external_id = $2", sent.external_id)
    await scene.installation.fetch(f"ALTER TABLE decisions ADD CONSTRAINT poison CHECK (item_id <> '{item[0]}')")
    try:
        yield
    finally:
        await scene.installation.fetch("ALTER TABLE decisions DROP CONSTRAINT poison")


def held_reasons(stock) -> dict[str, str]:
    names = {row["id"]: row["external_id"] for row in stock.all("items")}
    return {names[row["item_id"]]: row["reason"] for row in stock.all("cases")}


async def count_unscreened(scene) -> int:
    """Cases that were opened in the queue for what could not be screened."""
    [row] = await scene.fetch(
        "SELECT count(*) FROM cases c JOIN queues q ON q.agency_id = c.agency_id AND q.id = c.queue_id"
        " WHERE c.agency_id = $1 AND q.code = 'unscreened'"
    )
    number: int = row[0]
    return number
