"""Drains: each safe beside itself; and the hints that lead to them, never forgotten too early."""

import asyncio
import traceback
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.desk import ASK_RULES, open_desk
from tests.support.people import unique
from veilleur.domain.screening.judge import MAX_ATTEMPTS
from veilleur.domain.screening.screen import MAX_FORGIVEN, screen_marked
from veilleur.infra.db.session import NOBODY
from veilleur.infra.worklist import GRACE_S, hint_work
from veilleur.kernel.ids import read_id
from veilleur_worker import drains as module
from veilleur_worker import screening
from veilleur_worker.drains import Drains
from veilleur_worker.schedule import sweep

GRACE = timedelta(seconds=GRACE_S)


class Counted:
    """A drain that says when it runs and ends when told."""

    def __init__(self):
        self.seen = []
        self.side_by_side = 0
        self.most = 0
        self.gate = asyncio.Event()

    async def wait_for(self, count):
        async with asyncio.timeout(5):
            while len(self.seen) < count:  # noqa: ASYNC110 - a turn of the loop or two
                await asyncio.sleep(0)

    async def __call__(self, _parts, agency_id):
        self.seen.append(agency_id)
        self.side_by_side += 1
        self.most = max(self.most, self.side_by_side)
        await self.gate.wait()
        self.side_by_side -= 1


@pytest.fixture
def counted(monkeypatch):
    drain = Counted()
    monkeypatch.setattr(module, "DRAINS", {**module.DRAINS, "sla": drain, "delivery": drain})
    return drain


async def count_hints(desk, kind):
    return await desk.count("work_hints", f"kind = '{kind}'")


# --- One process's drains


async def test_calls_while_a_drain_runs_become_one_more_look(world, counted):
    desk = await open_desk(world)
    drains = Drains(world.worker)
    first = asyncio.create_task(drains.run("sla", desk.agency_id))
    await asyncio.sleep(0)
    assert await asyncio.gather(*(drains.run("sla", desk.agency_id) for _ in range(5))) == [False] * 5
    counted.gate.set()
    assert await first is True
    assert (len(counted.seen), counted.most) == (2, 1)


async def test_other_kinds_and_agencies_run_side_by_side(world, counted):
    desk, other = await open_desk(world), await open_desk(world)
    drains = Drains(world.worker)
    pairs = [("sla", desk.agency_id), ("sla", other.agency_id), ("delivery", desk.agency_id)]
    running = [asyncio.create_task(drains.run(kind, agency_id)) for kind, agency_id in pairs]
    await counted.wait_for(3)
    counted.gate.set()
    assert await asyncio.gather(*running) == [True] * 3
    assert counted.most == 3


async def test_a_drain_that_fails_says_so_and_may_run_again(world, monkeypatch):
    desk = await open_desk(world)
    failures = [ConnectionError("the database is away")]

    async def fail_once(parts, agency_id):
        if failures:
            raise failures.pop()

    monkeypatch.setattr(module, "DRAINS", {**module.DRAINS, "sla": fail_once})
    drains = Drains(world.worker)
    assert await drains.run("sla", desk.agency_id) is False
    assert await drains.run("sla", desk.agency_id) is True


# --- Hints


async def test_a_sweep_finds_what_nobody_rang_for(world):
    desk = await open_desk(world, ASK_RULES)
    item = (await desk.client.accept())["id"]
    await sweep(world.worker, Drains(world.worker))
    assert (await desk.client.look(item))["state"] == "decided"


async def test_a_hint_outlives_its_grace_and_is_then_forgotten(world):
    desk = await open_desk(world)
    async with world.worker.database.transaction(desk.scope) as session:
        await hint_work(session, desk.agency_id, "sla")
    await world.move_clock(GRACE - timedelta(seconds=15))
    await world.drain()
    assert await count_hints(desk, "sla") == 1
    await world.move_clock(GRACE + timedelta(seconds=2))
    await world.drain()
    assert await count_hints(desk, "sla") == 0


async def test_a_hint_for_later_is_neither_followed_nor_forgotten_before_its_time(world, counted):
    desk = await open_desk(world)
    counted.gate.set()
    async with world.worker.database.transaction(desk.scope) as session:
        await hint_work(session, desk.agency_id, "sla", in_s=3_600)
    await world.move_clock(timedelta(seconds=3_590))
    await world.drain()
    assert (counted.seen.count(desk.agency_id), await count_hints(desk, "sla")) == (0, 1)
    await world.move_clock(timedelta(seconds=3_601))
    await sweep(world.worker, Drains(world.worker))
    assert (counted.seen.count(desk.agency_id), await count_hints(desk, "sla")) == (1, 1)


async def test_a_hint_is_kept_when_its_drain_failed(world, monkeypatch):
    desk = await open_desk(world)

    async def fail(parts, agency_id):
        raise ConnectionError

    async with world.worker.database.transaction(desk.scope) as session:
        await hint_work(session, desk.agency_id, "sla")
    await world.move_clock(GRACE * 2)
    with monkeypatch.context() as patched:
        patched.setattr(module, "DRAINS", {**module.DRAINS, "sla": fail})
        await world.drain()
    assert await count_hints(desk, "sla") == 1
    await world.drain()
    assert await count_hints(desk, "sla") == 0


async def test_a_hint_is_kept_while_its_drain_still_runs(world, counted):
    desk = await open_desk(world)
    async with world.worker.database.transaction(desk.scope) as session:
        await hint_work(session, desk.agency_id, "sla")
    await world.move_clock(GRACE * 2)
    drains = Drains(world.worker)
    running = asyncio.create_task(drains.run("sla", desk.agency_id))
    await asyncio.sleep(0)
    await sweep(world.worker, drains)
    assert await count_hints(desk, "sla") == 1
    counted.gate.set()
    await running


async def test_work_that_was_rolled_back_leaves_no_hint(world):
    desk = await open_desk(world)
    with pytest.raises(ConnectionError):  # noqa: PT012
        async with world.worker.database.transaction(desk.scope) as session:
            await hint_work(session, desk.agency_id, "sla")
            raise ConnectionError
    assert await count_hints(desk, "sla") == 0


async def test_transactions_that_leave_the_same_hints_never_wait_in_a_circle(world):
    desk = await open_desk(world)
    noted = [asyncio.Event(), asyncio.Event()]

    async def leave(mine, kinds):
        async with world.worker.database.transaction(desk.scope) as session:
            await hint_work(session, desk.agency_id, kinds[0], in_s=3_600)
            noted[mine].set()
            await noted[1 - mine].wait()
            await hint_work(session, desk.agency_id, kinds[1], in_s=3_600)

    await asyncio.gather(leave(0, ("sla", "delivery")), leave(1, ("delivery", "sla")))
    assert await count_hints(desk, "sla") == await count_hints(desk, "delivery") == 1


# --- What a failure says


async def test_a_database_error_repeats_no_values(world):
    with pytest.raises(DBAPIError) as raised:
        async with world.worker.database.transaction(NOBODY) as session:
            await session.execute(text("SELECT 1 / length(left(:words, 0))"), {"words": "SECRET"})
    assert "SECRET" not in str(raised.value)


INSERT_QUEUE = "INSERT INTO queues (agency_id, id, code, name{}) VALUES (:agency_id, gen_random_uuid(), :words, 'x'{})"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (INSERT_QUEUE.format(", lease_s", ", 600"), "23505 uq_queues_agency_id"),
        (INSERT_QUEUE.format("", ""), "23502"),
        (INSERT_QUEUE.format(", lease_s", ", -1"), "23514 ck_queues_lease_s"),
        ("SELECT CAST(CAST(:words AS text) AS integer), CAST(:agency_id AS uuid)", "22P02"),
        ("SELECT CAST(:words AS uuid), CAST(:agency_id AS uuid)", "DataError"),
    ],
)
async def test_a_failure_is_told_by_its_state_and_constraint_alone(world, statement, told):
    desk = await open_desk(world)
    words = unique("private")
    with pytest.raises(DBAPIError) as raised:  # noqa: PT012
        async with world.worker.database.transaction(desk.scope) as session:
            for _ in range(2):
                await session.execute(text(statement), {"agency_id": desk.agency_id, "words": words})
    assert words not in "".join(traceback.format_exception(raised.value))
    assert told in str(raised.value)


# --- Whose fault it was


async def attempts_of(desk, item):
    [row] = await desk.world.fetch("SELECT attempts FROM items WHERE id = $1", read_id("itm", item))
    return row["attempts"]


async def test_a_lost_connection_costs_an_item_no_attempt(world, monkeypatch):
    desk = await open_desk(world, ASK_RULES)
    item = (await desk.client.accept())["id"]
    lost = []

    async def lose_connection(session, *arguments):
        if not lost:
            lost.append((await session.execute(text("SELECT pg_backend_pid()"))).scalar_one())
            await desk.world.fetch("SELECT pg_terminate_backend($1)", lost[0])
        return await screen_marked(session, *arguments)

    monkeypatch.setattr(screening, "screen_marked", lose_connection)
    await Drains(world.worker).run("screening", desk.agency_id)
    assert lost
    assert (await desk.client.look(item))["state"] == "decided"
    assert await attempts_of(desk, item) == 1


async def test_an_item_whose_own_statement_ends_the_connection_reaches_a_person_and_its_neighbours_a_decision(
    world, monkeypatch
):
    desk = await open_desk(world, ASK_RULES)
    killer, *neighbours = [(await desk.client.accept())["id"] for _ in range(3)]
    tries = []

    async def die_of_the_killer(session, agency_id, item_ids, *others):
        if read_id("itm", killer) in item_ids and (await attempts_of(desk, killer)) <= MAX_ATTEMPTS:
            tries.append(len(item_ids))
            own = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            await desk.world.fetch("SELECT pg_terminate_backend($1)", own)
        return await screen_marked(session, agency_id, item_ids, *others)

    monkeypatch.setattr(screening, "screen_marked", die_of_the_killer)
    monkeypatch.setattr(screening, "FORGIVE_AFTER_S", (0.0, 0.01, 0.1, 1.0))
    for turn in range(1, 2 * (MAX_ATTEMPTS + MAX_FORGIVEN)):
        await Drains(world.worker).run("screening", desk.agency_id)
        await world.move_clock(timedelta(seconds=turn))
    assert [(await desk.client.look(item))["state"] for item in (killer, *neighbours)] == ["in_review"] + [
        "decided"
    ] * 2
    assert tries == [3, 3, 3] + [1] * (MAX_ATTEMPTS + MAX_FORGIVEN - 4), "alone it keeps one attempt"


async def test_a_worker_that_stops_finishes_its_batch_and_takes_no_other(world, monkeypatch):
    desk = await open_desk(world, ASK_RULES)
    first = (await desk.client.accept())["id"]
    began, gate = asyncio.Event(), asyncio.Event()

    async def wait(*arguments):
        began.set()
        await gate.wait()
        return await screen_marked(*arguments)

    monkeypatch.setattr(screening, "screen_marked", wait)
    drains = Drains(replace(world.worker, stopping=asyncio.Event()))
    caller = asyncio.create_task(drains.run("screening", desk.agency_id))
    await began.wait()
    second = (await desk.client.accept())["id"]
    caller.cancel()
    stopping = asyncio.create_task(drains.stop(within_s=5))
    await asyncio.sleep(0)
    gate.set()
    await stopping
    assert [(await desk.client.look(item))["state"] for item in (first, second)] == ["decided", "received"]
    assert [await attempts_of(desk, item) for item in (first, second)] == [1, 0]
    assert await drains.run("screening", desk.agency_id) is False, "its hints are left to others"
