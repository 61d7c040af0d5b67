"""What the database itself guarantees, whoever asks."""

import pytest
from sqlalchemy import text

from tests.journeys.isolation.rows import dump_agency
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import parse_id
from veilleur_worker.drains import DRAINS, Drains


async def test_a_client_scoped_transaction_sees_exactly_the_clients_rows_in_every_table(world, thief, seized):
    rows = await world.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND has_table_privilege('veilleur_client', oid, 'SELECT')"
    )
    tables = {row["relname"] for row in rows}
    assert {"clients", "sources", "items", "decisions", "cases", "usage_records", "events"} <= tables
    for home in (*thief.homes, *seized.homes):
        tenant = thief if home in thief.homes else seized
        scope = Scope(tenant.uuid, parse_id("cli", home.client.id))
        for table in tables:
            column = "id" if table == "clients" else "client_id"
            async with world.parts.database.transaction(scope) as session:
                seen = set(await session.scalars(text(f"SELECT t::text FROM {table} t")))
            own = await world.fetch(f"SELECT t::text AS row FROM {table} t WHERE {column} = $1", scope.client_id)
            assert seen == {row["row"] for row in own}, table


async def test_a_client_scoped_transaction_can_write_nowhere(world, thief):
    rows = await world.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    scope = Scope(thief.uuid, parse_id("cli", thief.homes[0].client.id))
    for row in rows:
        for command in (f"DELETE FROM {row['relname']}", f"INSERT INTO {row['relname']} DEFAULT VALUES"):
            with pytest.raises(Exception, match="permission denied"):
                async with world.parts.database.transaction(scope) as session:
                    await session.execute(text(command))


async def test_draining_one_agency_does_not_touch_the_other(world, thief, seized):
    before = await dump_agency(world, seized)
    sent = await thief.homes[0].client.accept("fine")
    for kind in DRAINS:
        assert await Drains(world.worker).run(kind, thief.uuid)
    assert (await thief.homes[0].client.look(sent["id"]))["state"] == "decided"
    assert await dump_agency(world, seized) == before
