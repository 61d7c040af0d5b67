"""The tenant is a property of the transaction: nothing is seen without one, and nothing of it outlives it."""

import asyncio
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from veilleur.infra.db.session import NOBODY, Database, Scope
from veilleur.infra.doorbell import SilentBell
from veilleur.kernel.ids import parse_id

LOOKED_UP = {"agencies", "clients", "sources", "source_secrets", "credentials", "login_codes", "refresh_tokens",
             "identity_providers"}  # fmt: skip
WHERE_AM_I = text(
    "SELECT pg_backend_pid() AS pid, current_user AS role, coalesce(current_setting('app.agency_id', true), '') AS agency,"
    " coalesce(current_setting('app.client_id', true), '') AS client"
)


@pytest.fixture(scope="session")
async def peopled(world):
    """An agency with a client, an item, a case and what follows from them: the scope of the client."""
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    await client.add_endpoint("http://127.0.0.1:9/hook")
    await agency.add_moderator([client.id])
    await client.accept()
    await world.drain()
    return Scope(parse_id("agc", agency.id), parse_id("cli", client.id))


@pytest.fixture
async def one_connection(world):
    """A database whose pool has one connection, so that every transaction follows the other on it."""
    database = Database(world.settings.database_url.get_secret_value(), bell=SilentBell(), pool_size=1)
    yield database
    await database.close()


async def list_tables(world, role):
    """The tenanted tables that `role` may read."""
    rows = await world.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relrowsecurity AND relnamespace = 'public'::regnamespace"
        " AND has_table_privilege($1, oid, 'SELECT')",
        role,
    )
    return sorted(row["relname"] for row in rows)


async def count_rows(connection, tables):
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}


def role_addresses(world):
    return {
        "veilleur_app": world.settings.database_url.get_secret_value(),
        "veilleur_worker": world.worker_settings.database_url.get_secret_value(),
        "veilleur_owner": world.owner_url,
    }


async def where_am_i(database, scope=NOBODY):
    async with database.transaction(scope) as session:
        return (await session.execute(WHERE_AM_I)).one()


@pytest.mark.parametrize("role", ["veilleur_app", "veilleur_worker", "veilleur_owner"])
async def test_without_a_scope_no_row_is_seen(world, peopled, role):
    tables = await list_tables(world, role)
    assert len(tables) > 20
    connection = await asyncpg.connect(role_addresses(world)[role])
    try:
        seen = {table for table, count in (await count_rows(connection, tables)).items() if count}
        assert seen == (LOOKED_UP if role == "veilleur_owner" else set())
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "settings", ["", "SET LOCAL app.agency_id = '{agency}';", "SET LOCAL app.client_id = '{client}';"]
)
async def test_a_client_sees_nothing_unless_both_agency_and_client_are_set(world, peopled, settings):
    tables = await list_tables(world, "veilleur_client")
    assert "items" in tables
    connection = await asyncpg.connect(role_addresses(world)["veilleur_app"])
    try:
        scope = settings.format(agency=peopled.agency_id, client=peopled.client_id)
        await connection.execute(f"BEGIN;{scope}SET LOCAL ROLE veilleur_client")
        assert set((await count_rows(connection, tables)).values()) == {0}
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ["veilleur_app", "veilleur_worker", "veilleur_owner"])
@pytest.mark.parametrize("scope", ["", "SET LOCAL app.agency_id = '00000000-0000-7000-8000-000000000000';"])
async def test_a_row_of_an_agency_can_only_be_written_in_its_own_scope(world, peopled, role, scope):
    connection = await asyncpg.connect(role_addresses(world)[role])
    try:
        await connection.execute(f"BEGIN;{scope}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await connection.execute(
                "INSERT INTO queues (agency_id, id, code, name, lease_s) VALUES ($1, gen_random_uuid(), 'x', 'x', 1)",
                peopled.agency_id,
            )
    finally:
        await connection.close()


async def test_a_row_can_not_be_moved_into_another_agency(world, peopled, one_connection):
    with pytest.raises(DBAPIError, match="row-level security"):
        async with one_connection.transaction(Scope(peopled.agency_id)) as session:
            await session.execute(text("UPDATE queues SET agency_id = gen_random_uuid()"))


async def test_a_transaction_has_the_scope_it_was_given_from_its_first_statement(peopled, one_connection):
    here = await where_am_i(one_connection, peopled)
    assert (here.role, here.agency, here.client) == (
        "veilleur_client", str(peopled.agency_id), str(peopled.client_id),
    )  # fmt: skip
    here = await where_am_i(one_connection, Scope(peopled.agency_id))
    assert (here.role, here.agency, here.client) == ("veilleur_app", str(peopled.agency_id), "")


async def end_well(session):
    await session.execute(text("SELECT 1"))


async def end_in_an_error_of_ours(session):
    await session.execute(text("SELECT 1"))
    raise LookupError


async def end_in_an_error_of_the_database(session):
    await session.execute(text("SELECT 1/0"))


async def end_cancelled(session):
    async with asyncio.timeout(0.05):
        await session.execute(text("SELECT pg_sleep(5)"))


async def end_before_the_first_statement(_session):
    raise LookupError


@pytest.mark.parametrize(
    "ending",
    [end_well, end_in_an_error_of_ours, end_in_an_error_of_the_database, end_cancelled, end_before_the_first_statement],
)
async def test_neither_scope_nor_role_leaks_to_the_next_user_of_the_connection(peopled, one_connection, ending):
    with suppress(LookupError, DBAPIError, TimeoutError):
        async with one_connection.transaction(peopled) as session:
            await ending(session)
    async with one_connection.engine.begin() as connection:  # beside the house's own door
        here = (await connection.execute(WHERE_AM_I)).one()
        items = (await connection.execute(text("SELECT count(*) FROM items"))).scalar_one()
    assert (here.role, here.agency, here.client, items) == ("veilleur_app", "", "", 0)


async def test_the_pool_really_lends_the_same_connection_again(peopled, one_connection):
    assert (await where_am_i(one_connection, peopled)).pid == (await where_am_i(one_connection)).pid


async def test_a_savepoint_that_fails_does_not_lose_the_scope(peopled, one_connection):
    async with one_connection.transaction(Scope(peopled.agency_id)) as session:
        with pytest.raises(DBAPIError):
            async with session.begin_nested():
                await session.execute(text("SELECT 1/0"))
        here = (await session.execute(WHERE_AM_I)).one()
    assert here.agency == str(peopled.agency_id)


async def test_many_scopes_at_once_do_not_mix(world, peopled):
    other = parse_id("agc", (await world.operator.found_agency()).id)
    scopes = [peopled, Scope(other), NOBODY] * 20
    seen = await asyncio.gather(*(where_am_i(world.parts.database, scope) for scope in scopes))
    expected = [(str(scope.agency_id or ""), str(scope.client_id or "")) for scope in scopes]
    assert [(here.agency, here.client) for here in seen] == expected
