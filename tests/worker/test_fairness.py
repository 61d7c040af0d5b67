"""Who sends a lot waits for itself: other clients of its agency and other agencies are served in between."""

import asyncio

from sqlalchemy import text

from tests.support.people import Agency, Client, unique
from veilleur.domain.screening import screen
from veilleur.domain.screening.screen import mark_attempts
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import parse_id
from veilleur_worker import screening as module
from veilleur_worker.drains import Drains
from veilleur_worker.parts import SCREEN_TURNS
from veilleur_worker.screening import SCREEN_BATCH

RULES = {"format": "veilleur.rules/v1", "schema": "item/v1", "name": "n", "fallback": {"verdict": "allow"}, "rules": []}


async def flood(client: Client, count: int) -> None:
    items = [{"external_id": unique("c"), "text": f"x {number}"} for number in range(count)]
    for start in range(0, count, 1_000):
        body = {"source": client.source["id"], "items": items[start : start + 1_000]}
        await client.api.call("POST", "/ingest/v1/items", body, 202)


async def count_waiting(world, agency: Agency) -> dict[str, int]:
    rows = await world.fetch(
        "SELECT client_id, count(*) AS n FROM items WHERE agency_id = $1 AND state = 'received' GROUP BY 1",
        parse_id("agc", agency.id),
    )
    return {row["client_id"]: row["n"] for row in rows}


async def finish(world, agency: Agency) -> None:
    """Leave nothing for the workers of other tests."""
    agency_id = parse_id("agc", agency.id)
    await world.fetch("UPDATE items SET attempts = 0 WHERE agency_id = $1 AND state = 'received'", agency_id)
    assert await Drains(world.worker).run("screening", agency_id)


async def mark(world, agency: Agency, limit: int) -> dict[str, int]:
    """How many of a batch are whose."""
    agency_id = parse_id("agc", agency.id)
    async with world.worker.database.transaction(Scope(agency_id)) as session:
        marked = await mark_attempts(session, agency_id, fresh=True, limit=limit)
    rows = await world.fetch("SELECT client_id, count(*) AS n FROM items WHERE id = ANY($1) GROUP BY 1", marked)
    return {row["client_id"]: row["n"] for row in rows}


async def test_a_batch_takes_from_every_client_in_turn(world):
    agency = await world.operator.found_agency()
    noisy, quiet = [await agency.add_client(RULES) for _ in range(2)]
    await flood(noisy, 1_000)
    await flood(quiet, 5)
    noisy_id, quiet_id = (parse_id("cli", client.id) for client in (noisy, quiet))
    assert await mark(world, agency, 20) == {quiet_id: 5, noisy_id: 15}
    assert await mark(world, agency, 20) == {noisy_id: 20}
    await finish(world, agency)


async def test_one_clients_oldest_items_come_first(world):
    agency = await world.operator.found_agency()
    client = await agency.add_client(RULES)
    await flood(client, 30)
    await mark(world, agency, 10)
    rows = await world.fetch(
        "SELECT attempts FROM items WHERE agency_id = $1 ORDER BY asked_at, id", parse_id("agc", agency.id)
    )
    first = await world.fetch(
        "SELECT max(asked_at) <= (SELECT min(asked_at) FROM items WHERE agency_id = $1 AND attempts = 0) AS so"
        " FROM items WHERE agency_id = $1 AND attempts > 0",
        parse_id("agc", agency.id),
    )
    assert sum(row["attempts"] for row in rows) == 10
    assert first[0]["so"]
    await finish(world, agency)


async def test_an_agency_is_served_while_another_one_has_a_long_backlog(world):
    noisy, quiet = [await world.operator.found_agency() for _ in range(2)]
    many, few = await noisy.add_client(RULES), await quiet.add_client(RULES)
    await flood(many, 10 * SCREEN_BATCH)
    await flood(few, 20)
    drains = Drains(world.worker)
    draining = asyncio.create_task(drains.run("screening", parse_id("agc", noisy.id)))
    await asyncio.sleep(0)
    assert await drains.run("screening", parse_id("agc", quiet.id))
    assert await count_waiting(world, quiet) == {}
    assert sum((await count_waiting(world, noisy)).values()) > 5 * SCREEN_BATCH
    assert await draining
    assert await count_waiting(world, noisy) == {}


async def test_agencies_take_turns_and_a_turn_that_failed_is_given_back(world, monkeypatch):
    agencies = [await world.operator.found_agency() for _ in range(3)]
    for agency in agencies:
        await flood(await agency.add_client(RULES), 3)
    most, running = 0, 0
    screen_batch = module._screen

    async def watched(parts, agency_id, marked):
        nonlocal most, running
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        await screen_batch(parts, agency_id, marked)

    async def fail(*_arguments, **_options):
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(module, "_mark", fail)
        for agency in agencies * 3:
            assert not await Drains(world.worker).run("screening", parse_id("agc", agency.id))
    monkeypatch.setattr(module, "_screen", watched)
    drains = Drains(world.worker)
    assert all(await asyncio.gather(*(drains.run("screening", parse_id("agc", one.id)) for one in agencies)))
    assert 1 <= most <= SCREEN_TURNS
    for agency in agencies:
        assert await count_waiting(world, agency) == {}


async def test_a_batch_is_looked_up_by_its_ids_and_not_along_the_whole_line(world):
    """With old statistics that took time by the length of the line, for every batch of it."""
    agency_id = parse_id("agc", (await world.operator.found_agency()).id)
    async with world.worker.database.transaction(Scope(agency_id)) as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        values = {"agency_id": agency_id, "wanted": SCREEN_BATCH}
        plan = "\n".join(await session.scalars(text(f"EXPLAIN {screen._MARK_FRESH.text}"), values))
    assert plan.count("ix_items_unscreened") == 2, "a look at each end"
    assert plan.count("id = ANY") == 2
    assert "Join" not in plan
