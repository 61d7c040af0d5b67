"""A closed period counts what it counted: however many were writing, and whatever comes later."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.support.billing import (
    agency_of,
    close_month,
    count_on,
    owner_of,
    plan_by_item,
    read_statement,
    sign,
    take_work_back,
    write_work,
)
from veilleur.domain.billing.models import Contract
from veilleur.domain.billing.open_period import open_period_at
from veilleur.domain.invoicing.close import close_period
from veilleur.infra.db.session import Scope
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import parse_id

DAY = date(2026, 5, 4)
WRITERS, CLOSES = 6, 12


@pytest.fixture
async def client(world):
    return await (await world.operator.found_agency()).add_client()


@asynccontextmanager
async def unlocked(world):
    """The mutant: writers and closers do not wait for each other."""
    (row,) = await world.fetch("SELECT pg_get_functiondef('count_usage'::regproc) AS source")
    broken = row["source"].replace("pg_advisory_xact_lock_shared(key)", "key")
    assert broken != row["source"]
    await world.fetch(broken)
    try:
        yield
    finally:
        await world.fetch(row["source"])


async def race(world, client):
    """Days are closed while they are written to: how many closes counted something else than what stayed in them."""
    contract = await sign(client)
    agency_id, client_id, member = (
        await agency_of(world, client),
        parse_id("cli", client.id),
        await owner_of(world, client),
    )
    scope, contract_id = Scope(agency_id), parse_id("ctr", contract["id"])
    days = [DAY + timedelta(days=31 * number) for number in range(CLOSES)]
    written, current = 0, days[0]
    closing = True

    async def write():
        nonlocal written
        while closing:
            async with world.parts.database.transaction(scope) as session:
                await write_work(session, client, current)
                await asyncio.sleep(0.002)  # a decision has more to write before it commits
            written += 1

    writers = [asyncio.create_task(write()) for _ in range(WRITERS)]
    closed = []
    await world.move_clock(timedelta(days=31 * (CLOSES + 2)))
    try:
        for day in days:
            current = day
            await asyncio.sleep(0.02)
            async with world.worker.database.transaction(scope) as session:
                row = await session.get_one(Contract, (agency_id, contract_id))
                period = await open_period_at(session, row, day)
                await close_period(session, period, member)
            closed.append(period)
            await asyncio.sleep(0.01)
    finally:
        closing = False
        await asyncio.gather(*writers)
    wrong = 0
    for period in closed:
        (kept,) = await world.fetch(
            "SELECT count(*) AS n FROM usage_records u WHERE client_id = $1 AND local_date >= $2 AND local_date < $3"
            " AND NOT EXISTS (SELECT 1 FROM late_usage l WHERE l.agency_id = u.agency_id AND l.id = u.id)",
            client_id, period.starts_on, period.ends_on,
        )  # fmt: skip
        wrong += kept["n"] != period.records
    return wrong, written


def current_instant(day):
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


async def test_a_close_while_many_write_counts_exactly_what_stays_in_the_period(world, client):
    wrong, written = await race(world, client)
    assert wrong == 0
    assert written > CLOSES * 3


async def test_without_the_lock_closes_are_wrong(world, client):
    """So that the test above is known to look at something."""
    async with unlocked(world):
        wrong, _ = await race(world, client)
    assert wrong > 0


async def test_what_comes_late_is_billed_in_the_open_period_under_its_own_days(world, client):
    await sign(client)
    await count_on(world, client, date(2026, 5, 31), 10)
    before = await read_statement(client, "2026-05")
    closed = await close_month(world, client, "2026-05")
    assert (closed.state, closed.records, len(closed.digest)) == ("closed", 1, 64)
    assert await read_statement(client, "2026-05") == before | {"closed": True}

    late = await count_on(world, client, date(2026, 5, 31), 5)
    await count_on(world, client, date(2026, 6, 1), 2)
    assert await read_statement(client, "2026-05") == before | {"closed": True}
    june = await read_statement(client, "2026-06")
    assert [(line["component"], line["quantity"], line["net"], line["late"]) for line in june["lines"]] == [
        ("base", "1", "100.00", False), ("human", "2", "0.20", False), ("human", "5", "0.50", True),
    ]  # fmt: skip
    assert june["lines"][2]["period"] == {"from": "2026-05-01", "to": "2026-06-01"}
    assert june["lines"][2]["description"] == "Decisions: late"
    assert (june["subtotal"], june["total"]) == ("100.70", "120.84")

    # Billed once: what comes even later is added to what was billed already, and taken back it is negative.
    await close_month(world, client, "2026-06")
    assert await read_statement(client, "2026-06") == june | {"closed": True}
    await take_work_back(world, client, late)
    july = await read_statement(client, "2026-07")
    assert [(line["quantity"], line["net"]) for line in july["lines"] if line["late"]] == [("-5", "-0.50")]
    assert july["subtotal"] == "99.50"
    assert await read_statement(client, "2026-06") == june | {"closed": True}


async def test_late_usage_is_priced_in_the_tier_it_would_have_reached(world, client):
    tiers = [{"up_to": "10", "unit": "1"}, {"up_to": None, "unit": "0.5"}]
    part = {"code": "human", "model": "graduated", "meter": "decision.human", "label": {"en": "D"}, "tiers": tiers}
    await sign(client, plan_by_item(components=[part]))
    await count_on(world, client, DAY, 8)
    await close_month(world, client, "2026-05")
    await count_on(world, client, DAY, 6)
    late = [line for line in (await read_statement(client, "2026-06"))["lines"] if line["late"]]
    assert [(line["tier"], line["quantity"], line["net"]) for line in late] == [(1, "2", "2.00"), (2, "4", "2.00")]


async def test_a_period_is_closed_once_and_only_when_it_is_over(world, client):
    await sign(client)
    await close_month(world, client, "2026-05")
    with pytest.raises(Conflict, match="is closed"):
        await close_month(world, client, "2026-05")
    with pytest.raises(Conflict, match="is not over"):
        await close_month(world, client, "2199-01")
