"""What PostgreSQL itself says about the walls between agencies and between clients."""

import re

import asyncpg
import pytest

from tests.support.billing import sign
from tests.support.invoicing import issue, set_up_seller
from veilleur.infra.db.rls import OUTSIDE_THE_WALLS
from veilleur.kernel.ids import parse_id
from veilleur_worker.drains import Drains

AGENCY = "(agency_id = (NULLIF(current_setting('app.agency_id'::text, true), ''::text))::uuid)"
CLIENT = "= (NULLIF(current_setting('app.client_id'::text, true), ''::text))::uuid)"
AGENCY_ROLES = {"veilleur_app", "veilleur_worker", "veilleur_owner"}
ROLES = {"veilleur_owner", "veilleur_app", "veilleur_worker", "veilleur_client"}
BACKUP = "veilleur_backup"

UNTENANTED = {
    "alembic_version": "the revision of the schema",
    "issuer_keys": "the installation's token keys, private halves sealed",
    "work_hints": "which agencies may have work: an agency's id, a kind and a time, no content",
    "departures": "the receipt of an agency's erasure outlives the agency: an id, a time and counts",
    "worker_heartbeats": "which workers live: a host, a process and times",
    "installation": "how far the database has come: one row, an instant",
    "lost_windows": "from when to when a restore lost what was committed",
}
LOOKED_UP = {"agencies", "clients", "sources", "source_secrets", "credentials", "login_codes"}
OTHER_DOORS = {"erase_rows": "veilleur_worker"}
"""Of the owner's rights, and no look-up: rows leave through it while an erasure is written down for them."""
LOOKUPS = {"find_source", "find_credential", "find_login_code", "list_agencies"}
APPEND_ONLY = {
    "audit_entries",
    "audit_places",
    "audit_seals",
    "usage_records",
    "invoice_files",
    "payments",
    "sla_events",
    "calendars",
    "sla_policies",
    "rate_plan_versions",
}

DELETABLE = {
    ("member_identities", "veilleur_app"): "who was linked stands in the trail",
    ("member_sessions", "veilleur_worker"): "log-ins are kept for thirty days",
    ("refresh_tokens", "veilleur_worker"): "and go with their log-in",
    ("grants", "veilleur_app"): "a member stops serving a client",
    ("routing_rules", "veilleur_app"): "the list is replaced whole",
    ("shifts", "veilleur_app"): "a shift is over; who worked stands in the assignments",
    ("absences", "veilleur_app"): "somebody comes back early, or doesn't go",
    ("policies", "veilleur_app"): "a client's configuration names what there is; decisions keep the codes",
    ("actions", "veilleur_app"): "a client's configuration names what there is; decisions keep theirs",
    ("invoices", "veilleur_app"): "a draft has no number yet; the database refuses the others",
    ("usage_sums", "veilleur_worker"): "many parts are replaced by one",
    ("lists", "veilleur_app"): "a list nobody uses may go; what it held stays in its versions",
    ("macros", "veilleur_app"): "a saved reply goes; what it said stands in the decisions",
    ("work_hints", "veilleur_worker"): "forgotten when their grace is over",
    ("worker_heartbeats", "veilleur_worker"): "who ended in order, or is gone for an hour",
    ("events", "veilleur_worker"): "the feed is kept for 30 days",
    ("deliveries", "veilleur_worker"): "go with their event",
    ("webhook_receipts", "veilleur_worker"): "told apart for 30 days",
    ("source_polls", "veilleur_app"): "a source that is no longer asked keeps no key",
    ("unstored_deliveries", "veilleur_worker"): "notes of deliveries are kept for a week",
    ("media_snapshots", "veilleur_worker"): "copies of images go some days after their case",
    ("backtest_items", "veilleur_app"): "labelled items go when their backtest is cancelled",
    ("backtest_items", "veilleur_worker"): "and when it is done",
    ("item_revisions", "veilleur_worker"): "erased for an author, or past keeping",
    ("reports", "veilleur_worker"): "erased with the item they are about",
    ("evaluations", "veilleur_worker"): "erased for an author, or past keeping",
    ("near_dup_keys", "veilleur_worker"): "erased for an author, or past keeping",
    ("billing_periods", "veilleur_worker"): "open ones go with a contract that ends because the client leaves",
    ("notes", "veilleur_worker"): "erased for an author",
    ("questions", "veilleur_worker"): "erased with the item they are about",
    ("rule_rates", "veilleur_worker"): "what is usual is taken from two days",
    ("source_hours", "veilleur_worker"): "what is usual is taken from four weeks",
    ("provider_cache", "veilleur_worker"): "what providers said is remembered for thirty days",
    ("provider_questions", "veilleur_worker"): "as long; what rules were told stands in the evaluation",
}

LOOKED_UP |= {"identity_providers", "refresh_tokens"}
LOOKUPS |= {"find_identity_providers", "find_login_provider", "find_refresh_token"}

NOT_AGENCY_FIRST = {
    "uq_agencies_slug": "the operator names agencies by slug, before any agency is known",
    "pk_issuer_keys": "untenanted",
    "pk_worker_heartbeats": "untenanted",
    "pk_installation": "untenanted",
    "pk_lost_windows": "untenanted",
    "alembic_version_pkc": "untenanted",
}
"""Primary and unique keys that do not start with the agency, each with its reason."""

INDEXES_NOT_AGENCY_FIRST = {
    "ex_contracts_no_overlap": "begins with the agency as a range, which a GiST index can compare",
    "ex_billing_periods_no_overlap": "begins with the agency as a range, which a GiST index can compare",
    "ix_credentials_lookup": "a key is found by its hash before its agency is known; not unique",
    "ix_identity_providers_lookup": "a token names its issuer before its agency is known; not unique",
    "ix_refresh_tokens_lookup": "a token is found by its hash before its agency is known; not unique",
    "ix_login_codes_lookup": "a code is found by its hash before its agency is known; not unique",
}


async def list_tables(world):
    rows = await world.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    return {row["relname"] for row in rows}


async def list_tenanted(world):
    return await list_tables(world) - UNTENANTED.keys()


async def list_policies(world):
    rows = await world.fetch(
        "SELECT tablename, policyname, permissive, roles::text[], cmd, qual, with_check FROM pg_policies"
        " WHERE schemaname = 'public' ORDER BY tablename, policyname"
    )
    return [dict(row) for row in rows]


async def test_every_table_has_an_agency_unless_it_is_named_here_with_a_reason(world):
    rows = await world.fetch(
        "SELECT relname, (SELECT attnotnull FROM pg_attribute a WHERE a.attrelid = c.oid AND attname = 'agency_id') AS tenanted"
        " FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    assert len(rows) > 20
    without = {row["relname"] for row in rows if not row["tenanted"]}
    assert without | set(OUTSIDE_THE_WALLS) == set(UNTENANTED)


async def test_every_tenanted_table_has_row_level_security_enabled_and_forced(world):
    rows = await world.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        " AND relrowsecurity AND relforcerowsecurity"
    )
    assert {row["relname"] for row in rows} == await list_tenanted(world)


async def test_every_tenanted_table_has_one_policy_of_the_agency_for_all_commands(world):
    mine = [policy for policy in await list_policies(world) if policy["policyname"] == "agency"]
    assert {policy["tablename"] for policy in mine} == await list_tenanted(world)
    for policy in mine:
        assert (policy["cmd"], policy["permissive"], set(policy["roles"])) == ("ALL", "PERMISSIVE", AGENCY_ROLES)
        assert policy["qual"] == policy["with_check"] == AGENCY, policy["tablename"]


async def test_a_clients_policy_demands_the_agency_and_the_client(world):
    mine = [policy for policy in await list_policies(world) if policy["policyname"] == "client"]
    assert {"items", "decisions", "usage_records", "clients"} <= {policy["tablename"] for policy in mine}
    for policy in mine:
        column = "id" if policy["tablename"] == "clients" else "client_id"
        assert (policy["cmd"], policy["roles"]) == ("ALL", ["veilleur_client"])
        assert policy["qual"] == policy["with_check"] == f"({AGENCY} AND ({column} {CLIENT})", policy["tablename"]


async def test_only_what_is_looked_up_before_the_tenant_is_known_is_open_to_the_owner_for_reading(world):
    mine = [policy for policy in await list_policies(world) if policy["policyname"] == "lookup"]
    assert {policy["tablename"] for policy in mine} == LOOKED_UP
    for policy in mine:
        assert (policy["cmd"], policy["roles"], policy["qual"]) == ("SELECT", ["veilleur_owner"], "true")


async def test_there_are_no_other_policies(world):
    assert {policy["policyname"] for policy in await list_policies(world)} == {"agency", "client", "lookup"}


async def test_a_client_may_only_read_and_only_what_a_client_policy_confines(world):
    rows = await world.fetch(
        "SELECT c.relname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a"
        " WHERE c.relnamespace = 'public'::regnamespace AND a.grantee IN ('veilleur_client'::regrole, 0)"
    )
    columns = await world.fetch("SELECT attname FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid >= 16384")
    assert {row["privilege_type"] for row in rows} == {"SELECT"}
    confined = {policy["tablename"] for policy in await list_policies(world) if policy["policyname"] == "client"}
    assert {row["relname"] for row in rows} <= confined
    assert columns == []


async def test_every_primary_and_unique_key_starts_with_the_agency(world):
    rows = await world.fetch(
        "SELECT i.relname AS name, t.relname AS of, a.attname AS leading FROM pg_index x"
        " JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid"
        " LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]"
        " WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace"
    )
    assert len(rows) > 30
    assert {row["name"] for row in rows if row["leading"] != "agency_id"} == set(NOT_AGENCY_FIRST)


async def test_every_other_index_of_a_tenanted_table_starts_with_the_agency(world):
    rows = await world.fetch(
        "SELECT i.relname AS name, a.attname AS leading FROM pg_index x"
        " JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid"
        " LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]"
        " WHERE NOT x.indisunique AND t.relnamespace = 'public'::regnamespace"
    )
    assert {row["name"] for row in rows if row["leading"] != "agency_id"} == set(INDEXES_NOT_AGENCY_FIRST)


async def test_every_foreign_key_goes_from_agency_to_the_same_agency(world):
    rows = await world.fetch(
        "SELECT conname, pg_get_constraintdef(oid) AS text FROM pg_constraint"
        " WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
    )
    assert len(rows) > 30
    for row in rows:
        assert re.fullmatch(r"FOREIGN KEY \(agency_id(, \w+)?\) REFERENCES \w+\(agency_id(, id)?\)", row["text"]), row[
            "conname"
        ]


async def test_every_id_of_a_client_is_a_foreign_key_unless_it_may_be_empty(world):
    """A row can't name a client of another agency. The audit trail alone keeps a name without a key."""
    rows = await world.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'client_id'"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint f"
        "   WHERE f.contype = 'f' AND f.conrelid = c.oid AND f.confrelid = 'clients'::regclass AND a.attnum = ANY(f.conkey))"
    )
    assert {row["relname"] for row in rows} == {"audit_entries"}


async def test_no_role_may_pass_the_walls_or_make_others_that_could(world):
    rows = await world.fetch("SELECT * FROM pg_roles WHERE rolname LIKE 'veilleur%'")
    assert {row["rolname"] for row in rows} == ROLES | {BACKUP}
    for row in rows:
        powers = [
            name for name in ("rolsuper", "rolbypassrls", "rolcreatedb", "rolcreaterole", "rolreplication") if row[name]
        ]
        assert powers == (["rolbypassrls"] if row["rolname"] == BACKUP else []), row["rolname"]
        assert row["rolcanlogin"] == (row["rolname"] != "veilleur_client")


async def test_the_api_becomes_the_clients_role_and_inherits_nothing_from_it(world):
    rows = await world.fetch(
        "SELECT r.rolname AS role, m.rolname AS member, x.inherit_option, x.set_option, x.admin_option FROM pg_auth_members x"
        " JOIN pg_roles r ON r.oid = x.roleid JOIN pg_roles m ON m.oid = x.member WHERE r.rolname LIKE 'veilleur%'"
        " OR m.rolname LIKE 'veilleur%'"
    )
    assert {tuple(row) for row in rows} == {
        ("veilleur_client", "veilleur_app", False, True, False),
        ("pg_read_all_data", BACKUP, True, True, False),
    }


async def test_who_passes_the_walls_to_make_backups_may_write_nothing(world):
    rows = await world.fetch(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
        " AND has_table_privilege($1, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')",
        BACKUP,
    )
    assert rows == []
    connection = await asyncpg.connect(world.owner_url.replace("veilleur_owner", BACKUP))
    try:
        assert await connection.fetchval("SHOW default_transaction_read_only") == "on"
        assert await connection.fetchval("SELECT count(*) FROM agencies") >= 0
    finally:
        await connection.close()


async def test_everything_belongs_to_the_owner_and_no_view_hides_whose_rights_it_uses(world):
    rows = await world.fetch(
        "SELECT relname, relkind, pg_get_userbyid(relowner) AS owner, coalesce(reloptions::text, '') AS options"
        " FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    assert {row["owner"] for row in rows} == {"veilleur_owner"}
    assert [row["relname"] for row in rows if row["relkind"] == "m"] == []
    for row in rows:
        assert row["relkind"] != "v" or "security_invoker=true" in row["options"], row["relname"]


async def test_only_named_functions_run_with_the_owners_rights_and_with_a_fixed_search_path(world):
    rows = await world.fetch(
        "SELECT p.proname, pg_get_userbyid(p.proowner) AS owner, p.proconfig,"
        "   ARRAY(SELECT a.grantee::regrole::text FROM aclexplode(p.proacl) a WHERE a.grantee <> p.proowner) AS callers"
        " FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef"
    )
    assert {row["proname"] for row in rows} == {*LOOKUPS, *OTHER_DOORS}
    for row in rows:
        assert (row["owner"], row["proconfig"]) == ("veilleur_owner", ["search_path=public"])
        assert row["callers"] == [OTHER_DOORS.get(row["proname"], "veilleur_app")], row["proname"]


async def test_nobody_but_the_owner_may_put_a_function_in_the_way_of_a_look_up(world):
    for role in ROLES - {"veilleur_owner"}:
        (row,) = await world.fetch("SELECT has_schema_privilege($1, 'public', 'CREATE') AS may", role)
        assert not row["may"], role


@pytest.fixture(scope="session")
async def recorded(world):
    """An agency with at least one row in every append-only table."""
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    await client.accept()
    await world.drain()
    assert await Drains(world.worker).run("audit", parse_id("agc", agency.id))
    await sign(client)
    await set_up_seller(agency)
    invoice = await issue(client)
    paid = {"amount": "1.00", "paid_on": "2026-11-01"}
    await agency.owner.call("POST", f"{client.base}/invoices/{invoice['id']}/payments", paid, 201)
    return parse_id("agc", agency.id)


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
@pytest.mark.parametrize("command", ["UPDATE {} SET agency_id = agency_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_what_is_append_only_refuses_change_even_to_its_owner(world, recorded, table, command):
    connection = await asyncpg.connect(world.owner_url)
    try:
        await connection.execute(f"BEGIN; SET LOCAL app.agency_id = '{recorded}'")
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") > 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await connection.execute(command.format(table))
    finally:
        await connection.close()


async def test_the_processes_are_not_even_granted_what_is_append_only_to_change(world):
    rows = await world.fetch(
        "SELECT c.relname FROM pg_class c, unnest($1::text[]) AS role(name), unnest($2::text[]) AS power(name)"
        " WHERE c.relname = ANY($3) AND has_table_privilege(role.name, c.oid, power.name)",
        sorted(ROLES - {"veilleur_owner"}),
        ["UPDATE", "DELETE", "TRUNCATE"],
        sorted(APPEND_ONLY),
    )
    assert rows == []


async def test_nobody_may_delete_or_truncate_a_tenants_rows_unless_it_is_named_here_with_a_reason(world):
    rows = await world.fetch(
        "SELECT c.relname, role.name AS role, power.name AS power"
        " FROM pg_class c, unnest($1::text[]) AS role(name), unnest($2::text[]) AS power(name)"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
        " AND has_table_privilege(role.name, c.oid, power.name)",
        sorted(ROLES - {"veilleur_owner"}),
        ["DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"],
    )
    assert {tuple(row) for row in rows} == {(*place, "DELETE") for place in DELETABLE}
