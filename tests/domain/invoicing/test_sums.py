"""Kept sums are those of the records: in every snapshot, whoever writes, rolls back or packs meanwhile."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from tests.support.billing import agency_of
from veilleur.domain.metering.pack import pack_sums
from veilleur.domain.metering.record import Usage, record_usage
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import parse_id

DIFFERENCES = """
WITH counted AS (
  SELECT local_date, meter, dims, billable, source_id, sum(quantity) AS quantity, count(*) AS records
  FROM usage_records WHERE agency_id = $1 GROUP BY 1, 2, 3, 4, 5),
kept AS (
  SELECT local_date, meter, dims, billable, source_id, sum(quantity) AS quantity, sum(records) AS records
  FROM usage_sums WHERE agency_id = $1 GROUP BY 1, 2, 3, 4, 5)
SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept) a
UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted) b
"""
START = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
async def client(world):
    return await (await world.operator.found_agency()).add_client()


def invent(chance, client_id):
    """A fact like those there are."""
    return Usage(
        client_id,
        "Europe/Paris",
        chance.choice(["decision.auto", "decision.human"]),
        START + timedelta(days=chance.randrange(3)),
        Decimal(chance.randrange(-5, 20)) / 4,
        billable=chance.random() < 0.9,
        dims={"language": chance.choice(["fr", "en"])},
    )


@pytest.mark.parametrize("seed", range(3))
async def test_sums_are_the_records_in_every_snapshot(world, client, seed):
    agency_id, client_id, chance = await agency_of(world, client), parse_id("cli", client.id), random.Random(seed)
    scope, writing = Scope(agency_id), True

    async def write():
        for _ in range(15):
            facts = [invent(chance, client_id) for _ in range(chance.randrange(1, 6))]
            try:
                async with world.parts.database.transaction(scope) as session:
                    await record_usage(session, agency_id, facts)
                    await asyncio.sleep(0)
                    if chance.random() < 0.25:
                        raise LookupError
            except LookupError:
                pass

    async def pack():
        while writing:
            async with world.worker.database.transaction(scope) as session:
                await pack_sums(session, agency_id, most=7)
            await asyncio.sleep(0.005)

    async def look():
        looks = 0
        while writing:
            assert await world.fetch(DIFFERENCES, agency_id) == []
            looks += 1
        return looks

    aside = [asyncio.create_task(work()) for work in (pack, pack, look)]
    await asyncio.gather(*(write() for _ in range(4)))
    writing = False
    *_, looks = await asyncio.gather(*aside)
    assert looks > 3
    assert await world.fetch(DIFFERENCES, agency_id) == []
    more = True
    while more:
        async with world.worker.database.transaction(scope) as session:
            more = await pack_sums(session, agency_id, most=7)
    rows = await world.fetch("SELECT packed FROM usage_sums WHERE agency_id = $1", agency_id)
    assert {row["packed"] for row in rows} == {True}
    assert len(rows) <= 3 * 2 * 2 * 2
    assert await world.fetch(DIFFERENCES, agency_id) == []


async def test_records_are_never_changed_and_are_taken_back_once(world, client):
    agency_id, client_id = await agency_of(world, client), parse_id("cli", client.id)
    fact = invent(random.Random(1), client_id)
    async with world.parts.database.transaction(Scope(agency_id)) as session:
        await record_usage(session, agency_id, [fact])
    for command in (
        "UPDATE usage_records SET quantity = 0",
        "DELETE FROM usage_records",
        "TRUNCATE usage_records CASCADE",
    ):
        with pytest.raises(Exception, match="is append-only"):
            await world.fetch(command)
    (record,) = await world.fetch("SELECT id FROM usage_records WHERE agency_id = $1", agency_id)
    taken = Usage(client_id, "Europe/Paris", fact.meter, START, -fact.quantity or Decimal(1), corrects_id=record["id"])

    async def take_back():
        async with world.parts.database.transaction(Scope(agency_id)) as session:
            await record_usage(session, agency_id, [taken])

    await take_back()
    with pytest.raises(IntegrityError, match="uq_usage_records_taken_back"):
        await take_back()
    (count,) = await world.fetch("SELECT count(*) AS n FROM usage_records WHERE agency_id = $1", agency_id)
    assert count["n"] == 2
