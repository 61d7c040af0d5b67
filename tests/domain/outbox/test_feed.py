"""The feed against writers that commit late and out of order."""

import asyncio
import contextlib
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.support.people import Client
from tests.support.world import World
from veilleur.domain.outbox.announce import Announcement, announce
from veilleur.domain.outbox.sequence import sequence_events
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import parse_id

WRITERS = 200


def ids_of(agency_id: str, client: Client) -> tuple[UUID, UUID]:
    agency, owned = parse_id("agc", agency_id), parse_id("cli", client.id)
    assert agency is not None
    assert owned is not None
    return agency, owned


async def test_a_reader_sees_every_event_of_200_writers_once(world: World) -> None:
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    agency_id, client_id = ids_of(agency.id, client)
    written: set[str] = set()
    done = asyncio.Event()

    async def write(number: int) -> None:
        await asyncio.sleep(random.random() * 0.5)
        async with world.parts.database.transaction(Scope(agency_id)) as session:
            said = Announcement(client_id, "ping", {"endpoint": f"n{number}"}, datetime.now(UTC))
            await announce(session, agency_id, [said])
            # An id is drawn now and committed later: what a reader that pages by ids would lose.
            await asyncio.sleep(random.random() * 0.05)
        written.add(f"n{number}")

    async def sequence() -> None:
        while not done.is_set():
            async with world.worker.database.transaction(Scope(agency_id)) as session:
                await sequence_events(session, agency_id, 17)
            await asyncio.sleep(0.005)

    async def read() -> list[str]:
        seen: list[str] = []
        cursor = ""
        while len(seen) < WRITERS:
            page = await client.api.call("GET", f"/ingest/v1/events?limit=13&wait=1{cursor}")
            seen += [event["data"]["endpoint"] for event in page["data"]]
            cursor = f"&after={page['next']}"
        return seen

    sequencers = [asyncio.create_task(sequence()) for _ in range(2)]
    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(number) for number in range(WRITERS)))
    seen = await asyncio.wait_for(reader, 20)
    done.set()
    await asyncio.gather(*sequencers)
    assert len(seen) == len(set(seen)) == WRITERS
    assert set(seen) == written


async def test_an_aborted_writer_leaves_no_hole_that_stops_a_reader(world: World) -> None:
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    agency_id, client_id = ids_of(agency.id, client)

    async def write(name: str, *, fail: bool) -> None:
        async with world.parts.database.transaction(Scope(agency_id)) as session:
            await announce(session, agency_id, [Announcement(client_id, "ping", {"endpoint": name}, datetime.now(UTC))])
            if fail:
                raise RuntimeError("the writer is gone")

    await write("first", fail=False)
    with contextlib.suppress(RuntimeError):
        await write("lost", fail=True)
    await write("last", fail=False)
    await world.drain()
    page = await client.api.call("GET", "/ingest/v1/events")
    assert [event["data"]["endpoint"] for event in page["data"]] == ["first", "last"]


async def test_a_client_reads_its_own_events_only(world: World) -> None:
    agency = await world.operator.found_agency()
    one, other = await agency.add_client(), await agency.add_client()
    await one.accept()
    await world.drain()
    assert len((await one.api.call("GET", "/ingest/v1/events"))["data"]) == 1
    assert (await other.api.call("GET", "/ingest/v1/events"))["data"] == []


async def test_events_are_dropped_after_thirty_days_and_not_before(world: World) -> None:
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    await client.accept()
    await world.drain()
    await world.move_clock(timedelta(days=29))
    await world.drain()
    assert len((await client.api.call("GET", "/ingest/v1/events"))["data"]) == 1
    await world.move_clock(timedelta(days=31))
    await world.drain()
    assert (await client.api.call("GET", "/ingest/v1/events"))["data"] == []
    left = await world.fetch("SELECT count(*) FROM events WHERE agency_id = $1", parse_id("agc", agency.id))
    assert left[0][0] == 0
