"""What takes many steps is killed between any two of them: month ends, invoices, erasures, those who leave."""

import asyncio
from collections import Counter

import pytest

from tests.domain.custody.canary import count_rows, find_canary
from tests.faults.support.estate import WRITTEN, Size, found_estate
from tests.faults.support.scene import few_or_many
from veilleur.kernel.ids import read_id, show_id

pytestmark = pytest.mark.chaos

MONTHS = tuple(f"2026-{month:02}" for month in range(1, 11))
SIZE = few_or_many(Size(MONTHS[-3:], clients=3, authors=2), Size(MONTHS, clients=8, authors=30))
STRIKES = few_or_many(6, 90)

INVOICES = """
SELECT i.id, i.number, i.state, i.total, i.client_id, p.state AS period, to_char(p.starts_on, 'YYYY-MM') AS month,
  (SELECT array_agg(f.name ORDER BY f.name) FROM invoice_files f
   WHERE f.agency_id = i.agency_id AND f.invoice_id = i.id) AS files
FROM invoices i LEFT JOIN billing_periods p ON p.agency_id = i.agency_id AND p.id = i.period_id
WHERE i.agency_id = $1 ORDER BY i.finalised_at, i.number
"""
CLOSED = """
SELECT p.id, count(i.id) AS invoices FROM billing_periods p
LEFT JOIN invoices i ON i.agency_id = p.agency_id AND i.period_id = p.id
WHERE p.agency_id = $1 AND p.state = 'closed' GROUP BY 1
"""
ERASED = """
SELECT kind, count(*), min(items), max(items) FROM (
  SELECT kind, subject_hash, sum((counts ->> 'items')::int)::int AS items FROM erasures
  WHERE agency_id = $1 AND state = 'finished' GROUP BY 1, 2) AS subjects
GROUP BY 1
"""
LEFT = "SELECT client_id, count(*) AS items FROM items WHERE agency_id = $1 AND erased_at IS NULL GROUP BY 1"


async def test_month_ends_erasures_and_departures_are_done_whole_and_once_whoever_is_killed(scene):
    """Its own agency's load goes on beside them. Valkey is wiped as well, which nobody notices."""
    installation = scene.installation
    async with installation.operator() as operator:
        estate = await found_estate(installation, operator, scene.ledger, SIZE)

        receipts = []

        async def strike() -> int:
            work = asyncio.create_task(estate.work())
            times = 0
            while not work.done() and times < STRIKES:
                await asyncio.sleep(scene.rng.uniform(0.05, 0.5))
                await hit(installation, ("api", "worker", "valkey")[times % 3])
                times += 1
            receipts.extend(await work)
            return times

        await scene.survive("51 kill -9 during month ends, erasures, departures", strike, rate=5)
        assert Counter(receipt["state"] for receipt in receipts) == {"finished": SIZE.authors + 2}
        assert receipts[-1]["erased"]["items"] == WRITTEN
        await judge_invoices(estate)
        await judge_periods(estate)
        await judge_what_is_left(estate)


async def hit(installation, name):
    if name == "valkey":
        async with installation.redis() as redis:
            await redis.flushall()
    else:
        await installation.strike(name)
        await installation.healthy()


async def judge_invoices(estate):
    """One for every month of every client, of its own work, under numbers without a gap in the order of time."""
    rows = await estate.fetch(INVOICES)
    issued = [row for row in rows if row["number"]]
    assert [int(row["number"].rpartition("-")[2]) for row in issued] == list(range(1, len(issued) + 1))
    [series] = await estate.fetch("SELECT next FROM number_series WHERE agency_id = $1 AND name = 'invoice'")
    assert series["next"] == len(issued) + 1
    assert {(row["period"], *row["files"]) for row in issued} == {("closed", "pdf-en", "pdf-fr")}
    assert await count_deeds(estate, "invoice.finalised") == {show_id("inv", row["id"]): 1 for row in issued}
    billed = {(row["client_id"], row["month"]): row["total"] for row in issued if row["month"] in MONTHS}
    assert billed == {(read_id("cli", client.id), month): total for client, month, total in estate.bills()}
    assert len(billed) == sum(row["month"] in MONTHS for row in rows)


async def judge_periods(estate):
    """None is closed without its invoice, and none was closed twice."""
    rows = await estate.fetch(CLOSED)
    assert len(rows) >= len(list(estate.bills()))
    assert {row["invoices"] for row in rows} == {1}
    assert await count_deeds(estate, "period.closed") == {show_id("prd", row["id"]): 1 for row in rows}


async def judge_what_is_left(estate):
    """Nothing of who was forgotten and of who left, everything of their neighbours. Each item was erased and counted
    once, even where somebody who was not heard asked again when all was done.
    """
    erased = {tuple(row) for row in await estate.fetch(ERASED)}
    assert erased == {("author", SIZE.authors, WRITTEN, WRITTEN), ("client", 1, WRITTEN, WRITTEN)}
    assert await find_canary(estate.installation, estate.canary) == {}
    assert await count_rows(estate.installation, read_id("agc", estate.leaving.id)) == {}
    left = {row["client_id"]: row["items"] for row in await estate.fetch(LEFT)}
    assert left == {read_id("cli", estate.clients[0].id): WRITTEN}


async def count_deeds(estate, action):
    query = "SELECT subject FROM audit_entries WHERE agency_id = $1 AND action = $2"
    return Counter(row["subject"] for row in await estate.fetch(query, action))
