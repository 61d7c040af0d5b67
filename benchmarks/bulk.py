"""Rows per second through `POST /ingest/v1/items` ÷ PostgreSQL COPY of the same rows into the same shape and indexes.

Ours checks every item, refuses duplicates, obeys row-level security and foreign keys and counts usage; COPY stores.
"""

import asyncio
import time
from io import BytesIO

import asyncpg
from _bench import Client, Machine, make_items, median, open_machine, rates, show_result
from _load import send_all

ROUNDS = 4
CALLS = 6
ITEMS = 1_000
CONNECTIONS = 3
GIVEN_COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = 'items'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""


def main() -> None:
    with open_machine() as machine, machine.run_api():
        client = machine.start_client()
        asyncio.run(_execute(machine, "CREATE TABLE items_copy (LIKE items INCLUDING ALL)"))
        _round(machine, client, "warm")
        rounds = [_round(machine, client, f"round{number}") for number in range(ROUNDS)]
    ours, copies = zip(*rounds, strict=True)
    show_result(
        "bulk rows ÷ COPY",
        median([one / other for one, other in rounds]),
        "≥ 0.35",
        [
            ("POST /ingest/v1/items", rates(ours)),
            ("COPY, same indexes", rates(copies)),
            ("load", f"{ROUNDS} rounds of {CALLS} calls of {ITEMS:,} items, {CONNECTIONS} at a time"),
        ],
    )


def _round(machine: Machine, client: Client, prefix: str) -> tuple[float, float]:
    items = make_items(CALLS * ITEMS, prefix)
    calls = [client.bundle(items[start : start + ITEMS]) for start in range(0, len(items), ITEMS)]
    ours = send_all(machine.ports["api"], calls, CONNECTIONS).require(202)
    return len(items) / ours.seconds, len(items) / asyncio.run(_copy(machine, prefix))


async def _copy(machine: Machine, prefix: str) -> float:
    """Seconds to COPY the rows of this round into the other table."""
    connection = await asyncpg.connect(machine.admin_url)
    try:
        rows = BytesIO()
        columns = [row["attname"] for row in await connection.fetch(GIVEN_COLUMNS)]
        query = f"SELECT {', '.join(columns)} FROM items WHERE external_id LIKE $1"
        await connection.copy_from_query(query, f"{prefix}-%", output=rows)
        rows.seek(0)
        began = time.perf_counter()
        await connection.copy_to_table("items_copy", source=rows, columns=columns)
        return time.perf_counter() - began
    finally:
        await connection.close()


async def _execute(machine: Machine, statement: str) -> None:
    connection = await asyncpg.connect(machine.admin_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


if __name__ == "__main__":
    main()
