"""Every row of an agency, or of a client, as the database holds it."""

import re
from uuid import UUID

from tests.journeys.isolation.households import Household
from tests.journeys.isolation.tenants import Tenant
from veilleur.kernel.ids import parse_id, show_id

UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


async def dump(world, column: str, owner: UUID) -> dict[str, list[str]]:
    """Every row whose `column` names `owner`, table by table, as text."""
    tables = await world.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $1"
        " WHERE c.relkind = 'r' AND c.relrowsecurity AND c.relnamespace = 'public'::regnamespace",
        column,
    )
    rows: dict[str, list[str]] = {table["relname"]: [] for table in tables}
    parts = [f"SELECT '{name}' AS name, t::text AS row FROM {name} t WHERE {column} = $1" for name in rows]
    for found in await world.fetch(" UNION ALL ".join(parts) + " ORDER BY 1, 2", owner):
        rows[found["name"]].append(found["row"])
    return rows


async def dump_agency(world, tenant: Tenant) -> dict[str, list[str]]:
    return await dump(world, "agency_id", tenant.uuid)


async def dump_client(world, home: Household) -> dict[str, list[str]]:
    return await dump(world, "client_id", parse_id("cli", home.client.id))


def shown_ids(rows: dict[str, list[str]]) -> set[str]:
    """Every UUID of these rows as an answer would show it, without its prefix."""
    found = {uuid for table in rows.values() for row in table for uuid in UUIDS.findall(row)}
    return {show_id("itm", UUID(uuid)).partition("_")[2] for uuid in found}
