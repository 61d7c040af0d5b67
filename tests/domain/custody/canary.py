"""Looking through every table: for a string in every column that could hold it, and for rows of an agency."""

from uuid import UUID

from tests.support.world import World

COLUMNS = """
SELECT c.relname AS of, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
  AND format_type(a.atttypid, a.atttypmod) IN ('text', 'jsonb', 'json', 'bytea', 'text[]')
"""


async def find_canary(world: World, canary: str) -> dict[str, int]:
    """`{table.column: rows}` wherever it stands, in clear or in the bytes of a blob."""
    columns = await world.fetch(COLUMNS)
    assert len(columns) > 150
    parts = [
        f"SELECT '{one['of']}.{one['name']}' AS place, count(*) AS rows FROM {one['of']} WHERE "
        + (f"position(convert_to($1, 'UTF8') IN {one['name']}) > 0" if one["type"] == "bytea"
           else f"position($1 IN {one['name']}::text) > 0")
        for one in columns
    ]  # fmt: skip
    found = await world.fetch(" UNION ALL ".join(parts), canary)
    return {row["place"]: row["rows"] for row in found if row["rows"]}


async def count_rows(world: World, agency_id: UUID) -> dict[str, int]:
    """`{table: rows}` of an agency, but for what outlives it on purpose."""
    tables = await world.fetch(
        "SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'agency_id'"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname NOT IN ('work_hints', 'departures')"
    )
    assert len(tables) > 50
    counts = [
        f"SELECT '{one['name']}' AS name, count(*) AS rows FROM {one['name']} WHERE agency_id = $1" for one in tables
    ]
    found = await world.fetch(" UNION ALL ".join(counts), agency_id)
    return {row["name"]: row["rows"] for row in found if row["rows"]}
