"""Compiled rule sets: made once, beside the loop, and one that can't be made stops nobody else."""

import asyncio
import threading

import pytest

from tests.domain.screening.test_counting import FAST
from tests.support.desk import ASK_RULES, open_desk
from veilleur.domain.screening import rule_sets as module
from veilleur.domain.screening.rule_sets import RuleSetCache
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import read_id


async def break_rules(world, client):
    await world.fetch(
        "UPDATE rule_sets SET document = '{}', digest = 'x' WHERE client_id = $1", read_id("cli", client.id)
    )


async def load(desk, cache):
    async with desk.world.worker.database.transaction(Scope(desk.agency_id)) as session:
        return await cache.load(session, desk.agency_id, [read_id("cli", desk.client.id)])


async def test_a_rule_set_is_compiled_once_for_all_who_wait_and_the_loop_goes_on_meanwhile(world, monkeypatch):
    desk, cache, go_on, threads = await open_desk(world, ASK_RULES), RuleSetCache(), threading.Event(), []

    def compile_slowly(rule_set):
        threads.append(threading.get_ident())
        assert go_on.wait(5)
        return real(rule_set)

    real = module.compile_rule_set
    monkeypatch.setattr(module, "compile_rule_set", compile_slowly)
    loads = [asyncio.create_task(load(desk, cache)) for _ in range(3)]
    done, _ = await asyncio.wait(loads, timeout=0.1)
    assert not done
    go_on.set()
    found = [one.published[read_id("cli", desk.client.id)].compiled for one in await asyncio.gather(*loads)]
    assert found[0] is found[1] is found[2]
    assert len(threads) == 1
    assert threads != [threading.get_ident()]


async def test_who_waited_for_one_that_failed_tries_itself(world, monkeypatch):
    desk, cache = await open_desk(world, ASK_RULES), RuleSetCache()
    real, failures = module.compile_rule_set, [MemoryError()]

    def compile_at_last(rule_set):
        if failures:
            raise failures.pop()
        return real(rule_set)

    monkeypatch.setattr(module, "compile_rule_set", compile_at_last)
    loads = await asyncio.gather(load(desk, cache), load(desk, cache), return_exceptions=True)
    [failed] = [one for one in loads if isinstance(one, MemoryError)]
    [found] = [one for one in loads if one is not failed]
    assert read_id("cli", desk.client.id) in found.published


async def test_a_rule_set_that_no_longer_compiles_leaves_the_others_their_counters(world, worker):
    desk = await open_desk(world, FAST)
    broken = await desk.agency.add_client(FAST)
    await break_rules(world, broken)
    await worker.recount(desk)
    for _ in range(3):
        await broken.accept(author={"external_id": "u1"})
        await worker.see(desk, author={"external_id": "u1"})
    verdicts = await desk.fetch("SELECT verdict FROM decisions WHERE agency_id = $1 ORDER BY made_at")
    assert [row["verdict"] for row in verdicts] == ["allow", "allow", "remove"]


@pytest.mark.parametrize("event_type", ["item.created", "item.deleted"])
async def test_it_fails_no_neighbour_and_nothing_that_needs_no_rules(world, worker, event_type):
    desk = await open_desk(world, ASK_RULES)
    broken = await desk.agency.add_client(ASK_RULES)
    await break_rules(world, broken)
    stuck, sound = await broken.accept(external_id="c_1"), await desk.client.accept()
    if event_type == "item.deleted":
        assert (await broken.send({"external_id": "c_1"}, event_type)).status_code == 202
    await worker.screen(desk)
    rows = await desk.fetch("SELECT id, state, attempts FROM items WHERE agency_id = $1")
    found = {row["id"]: (row["state"], row["attempts"]) for row in rows}
    assert found[read_id("itm", sound["id"])] == ("decided", 1)
    expected = "deleted" if event_type == "item.deleted" else "received"
    assert found[read_id("itm", stuck["id"])] == (expected, 1)
