"""An installation broken on purpose, one row each: the doctor names the part, and says how to mend it."""

import asyncio
import base64
import json
import os
import secrets
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import asyncpg
import pytest

from tests.operations.conftest import complaints
from tests.support.desk import ASK_RULES, open_desk
from tests.support.receiver import open_mute_server
from veilleur.domain.oversight.load import Load
from veilleur.infra.heartbeat import WorkerSeen
from veilleur.kernel.french import FRENCH
from veilleur.kernel.messages import msg
from veilleur.operations import doctor
from veilleur.operations.checks.backups import judge_backup, judge_disk
from veilleur.operations.checks.server import judge_clock
from veilleur.operations.checks.work import judge_load, judge_workers
from veilleur.operations.examine import examine
from veilleur.operations.finding import Finding, Level, exit_code

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
NEXT = "UPDATE alembic_version SET version_num = '{}'"

IN_THE_DATABASE = [
    ("ALTER TABLE items NO FORCE ROW LEVEL SECURITY", "ALTER TABLE items FORCE ROW LEVEL SECURITY", {"walls: fault"}),
    ("ALTER TABLE items DISABLE ROW LEVEL SECURITY", "ALTER TABLE items ENABLE ROW LEVEL SECURITY", {"walls: fault"}),
    ("ALTER POLICY agency ON notes RENAME TO agent", "ALTER POLICY agent ON notes RENAME TO agency", {"walls: fault"}),
    ("CREATE VIEW peep AS SELECT 1", "DROP VIEW peep", {"walls: warning"}),
    ("CREATE MATERIALIZED VIEW peep AS SELECT 1", "DROP MATERIALIZED VIEW peep", {"walls: warning"}),
    (
        "ALTER DATABASE {name} SET synchronous_commit = off",
        "ALTER DATABASE {name} RESET synchronous_commit",
        {"database: fault"},
    ),
    (
        "ALTER ROLE veilleur_app IN DATABASE {name} SET lock_timeout = 0",
        "ALTER ROLE veilleur_app IN DATABASE {name} RESET lock_timeout",
        {"roles: warning"},
    ),
    (
        "CREATE OR REPLACE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now() + interval ''1 h'''",
        "CREATE OR REPLACE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()'",
        {"clock: fault"},
    ),
    (
        "UPDATE worker_heartbeats SET seen_at = now() - interval '5 minutes'",
        "UPDATE worker_heartbeats SET seen_at = now() + interval '1 day'",
        {"workers: fault"},
    ),
    ("UPDATE worker_heartbeats SET revision = '0001'", "UPDATE worker_heartbeats SET revision = (TABLE alembic_version)", {"workers: warning"}),
    (
        "INSERT INTO work_hints VALUES (gen_random_uuid(), 'feed', now() - interval '3 minutes')",
        "DELETE FROM work_hints",
        {"work: warning"},
    ),
    (
        "INSERT INTO work_hints VALUES (gen_random_uuid(), 'feed', now() - interval '3 hours')",
        "DELETE FROM work_hints",
        {"work: fault"},
    ),
]  # fmt: skip


async def test_an_installation_in_order_has_nothing_to_complain_of(patient):
    assert await complaints(patient.settings) == set()


@pytest.mark.parametrize(
    ("breakage", "mending", "found"), IN_THE_DATABASE, ids=[row[0][:60] for row in IN_THE_DATABASE]
)
async def test_what_is_broken_in_the_database_is_named(patient, breakage, mending, found):
    await patient.execute(breakage.format(name=patient.name))
    try:
        assert await complaints(patient.settings) == found
    finally:
        await patient.execute(mending.format(name=patient.name))


@pytest.mark.parametrize(("revision", "found"), [("0001", {"schema: fault"}), ("9998", set())])
async def test_a_schema_that_does_not_fit_is_named(patient, revision, found):
    [(known,)] = await _fetch(patient, "TABLE alembic_version")
    await patient.execute(NEXT.format(revision))
    try:
        assert {one for one in await complaints(patient.settings) if one.startswith("schema")} == found
    finally:
        await patient.execute(NEXT.format(known))


UNSAFE_TEST_SERVER = {"database: fault"}

IN_THE_SETTINGS = [
    ({"database_url": "{admin}"}, {"roles: fault", "roles: warning"}),
    ({"redis_url": "redis://127.0.0.1:9/0"}, {"redis: warning"}),
    ({"redis_url": "{redis_without_password}"}, {"redis: warning"}),
    ({"smtp_url": "smtp://127.0.0.1:9"}, {"mail: warning"}),
    ({"environment": "production"}, {"address: fault"}),
    ({"environment": "production", "base_url": "https://localhost"}, {"address: fault"}),
    ({"environment": "production", "base_url": "https://nowhere.invalid"}, {"address: warning"}),
    ({"environment": "production", "base_url": "https://nowhere.invalid", "egress_allow": (ip_network("0.0.0.0/0"),)}, {"address: warning", "egress: fault"}),
    ({"environment": "production", "base_url": "https://nowhere.invalid", "egress_allow": (ip_network("127.0.0.0/8"),)}, {"address: warning", "egress: fault"}),
    ({"environment": "production", "base_url": "https://nowhere.invalid", "egress_allow": (ip_network("10.4.0.0/16"),)}, {"address: warning"}),
    ({"backup_dir": "/nowhere/at/all"}, {"backup: fault"}),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "found"), IN_THE_SETTINGS, ids=[str(row[0])[:70] for row in IN_THE_SETTINGS])
async def test_what_is_wrong_in_the_settings_is_named(patient, changes, found):
    redis = os.environ["VEILLEUR_TEST_REDIS_URL"]
    places = {
        "{admin}": patient.admin_url,
        "{redis_without_password}": "redis://" + redis.rpartition("@")[2],
    }
    told = {name: places.get(value, value) if isinstance(value, str) else value for name, value in changes.items()}
    assert await complaints(patient.told(**told)) - UNSAFE_TEST_SERVER == found


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("{wrong_password}", "refuses the role or its password"),
        ("{no_such_database}", "has no such database"),
        ("postgresql://veilleur_app:x@127.0.0.1:9/veilleur", "No database answers at 127.0.0.1:9"),
        ("postgresql://veilleur_app:x@nowhere.invalid/veilleur", "nowhere.invalid:5432, leads nowhere"),
    ],
)
async def test_a_database_out_of_reach_is_told_apart_and_the_rest_is_looked_at(patient, url, said):
    places = {
        "{wrong_password}": patient.url_as("veilleur_app", "wrong"),
        "{no_such_database}": patient.url_as("veilleur_app") + "_that_is_not",
    }
    settings = patient.told(database_url=places.get(url, url))
    assert await complaints(settings) == {"database: fault"}
    assert any(said in one.told.render("en") for one in await examine(settings))


async def test_a_server_that_may_lose_its_data_is_for_development_only(patient):
    """The embedded server of the tests saves itself the disk."""
    [(fsync,)] = await _fetch(patient, "SHOW fsync")
    found = await complaints(patient.told(environment="production", base_url="https://nowhere.invalid"))
    assert found >= UNSAFE_TEST_SERVER or fsync == "on"


async def test_another_master_key_opens_nothing(world):
    other = base64.b64encode(secrets.token_bytes(32)).decode()
    settings = world.settings.model_copy(update={"master_key": type(world.settings.master_key)(other)})
    assert "keys: fault" in await complaints(settings)
    assert "keys: fault" not in await complaints(world.settings)


async def test_a_redis_that_hangs_holds_up_nobody(patient):
    async with open_mute_server() as port:
        assert await complaints(patient.told(redis_url=f"redis://127.0.0.1:{port}")) == {"redis: warning"}


async def test_what_was_given_up_is_counted_over_agencies(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.client.add_endpoint("http://127.0.0.1:9/nobody")
    await desk.receive()
    await world.fetch("UPDATE deliveries SET state = 'dead', due_at = NULL WHERE agency_id = $1", desk.agency_id)
    lines = [one.told.render("en") for one in await examine(world.settings)]
    assert any("callbacks of" in line and "were given up" in line for line in lines)


def test_a_worker_that_ended_without_a_word_is_missed():
    alive, gone = (WorkerSeen("host", pid, "0042", AT, age) for pid, age in ((1, 1.0), (2, 300.0)))
    levels = [one.level for one in judge_workers([alive, gone], "0042")]
    assert levels == [Level.WELL, Level.WARNING]


@pytest.mark.parametrize(
    ("skew", "level"),
    [(0.5, Level.WELL), (-3, Level.WARNING), (3, Level.WARNING), (600, Level.FAULT), (-600, Level.FAULT)],
)
def test_clocks_that_disagree(skew, level):
    before, after = AT, AT + timedelta(milliseconds=10)
    assert judge_clock(AT + timedelta(seconds=skew), before, after).level is level


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (judge_disk("/", 50, 100), Level.WELL),
        (judge_disk("/", 14, 100), Level.WARNING),
        (judge_disk("/", 4, 100), Level.FAULT),
        (judge_backup(AT - timedelta(hours=25), AT), Level.WELL),
        (judge_backup(AT - timedelta(hours=27), AT), Level.WARNING),
        (judge_backup(None, AT), Level.FAULT),
        (judge_load(Load(received=3, received_age_s=59.0), 0, 0)[0], Level.WELL),
        (judge_load(Load(received=3, received_age_s=61.0), 0, 0)[0], Level.WARNING),
        (judge_load(Load(received=3, received_age_s=601.0), 0, 0)[0], Level.FAULT),
        (judge_load(Load(deliveries_due=3, delivery_age_s=901.0), 0, 0)[1], Level.WARNING),
        (judge_load(Load(), 4, 2)[1], Level.WARNING),
    ],
)
def test_disks_backups_and_backlogs(finding, level):
    assert finding.level is level


def test_what_it_ends_with():
    findings = [Finding(level, "x", msg("No work is late")) for level in Level]
    assert [exit_code(findings[:count]) for count in range(5)] == [0, 0, 0, 1, 2]


@pytest.fixture
def environment(patient, monkeypatch):
    for name in [name for name in os.environ if name.startswith("VEILLEUR_") and "TEST" not in name]:
        monkeypatch.delenv(name)
    told = patient.settings
    for name in ("database_url", "redis_url", "master_key", "operator_key"):
        monkeypatch.setenv(f"VEILLEUR_{name.upper()}", getattr(told, name).get_secret_value())
    monkeypatch.setenv("VEILLEUR_ENVIRONMENT", "dev")
    return monkeypatch


async def test_the_command_speaks_french_and_ends_with_its_verdict(environment, capsys):
    assert await asyncio.to_thread(doctor.run, ["--lang", "fr"]) == 0
    assert "PostgreSQL 18 répond" in capsys.readouterr().out
    environment.setenv("VEILLEUR_REDIS_URL", "redis://127.0.0.1:9/0")
    assert await asyncio.to_thread(doctor.run, ["--brief", "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert {row["part"] for row in rows if row["level"] == "warning"} == {"redis"}
    assert not [row for row in rows if row["level"] == "ok"]


def test_settings_that_are_missing_or_wrong_are_all_named_and_their_values_are_not(environment, capsys):
    environment.delenv("VEILLEUR_REDIS_URL")
    environment.setenv("VEILLEUR_MASTER_KEY", "c2VjcmV0")
    environment.setenv("VEILLEUR_POOL_SIZE", "many")
    assert doctor.run([]) == 2
    said = capsys.readouterr().out
    assert "The setting VEILLEUR_REDIS_URL is missing" in said
    assert "VEILLEUR_MASTER_KEY can't be used" in said
    assert "VEILLEUR_POOL_SIZE can't be used" in said
    assert "c2VjcmV0" not in said


async def test_no_finding_tells_a_secret(patient):
    text = "".join(one.render("en") + one.render("fr") for one in await examine(patient.settings))
    for secret in (patient.settings.master_key, patient.settings.operator_key):
        assert secret.get_secret_value() not in text
    assert "only-for-tests" not in text
    assert all(one.told.template in FRENCH for one in await examine(patient.settings))


async def _fetch(patient, query):
    connection = await asyncpg.connect(patient.admin_url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()
