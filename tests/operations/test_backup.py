"""A backup is made while everything goes on; what is restored from it is the same, and goes on from there."""

import os
import stat
from datetime import timedelta

import pytest

from tests.conftest import PASSWORD
from tests.operations.conftest import backup_url, restore
from tests.support.desk import ASK_RULES, open_desk
from tests.support.people import Agency, Caller, Client
from tests.support.world import open_world
from veilleur.dev.roles import role_url
from veilleur.kernel.clock import now
from veilleur.operations.backup import BackupError, drop_old, find_newest, list_backups, make_backup
from veilleur_worker.drains import Drains

TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"


async def count_rows(world):
    tables = [row["relname"] for row in await world.fetch(TABLES)]
    return {table: (await world.fetch(f"SELECT count(*) FROM {table}"))[0][0] for table in tables}


def in_the(world, desk):
    """The same people, at the doors of another installation."""
    owner = Caller(world.http, desk.agency.owner.token)
    agency = Agency(world.http, desk.agency.id, owner)
    api = Caller(world.http, desk.client.api.token)
    return agency, Client(world.http, owner, desk.client.id, desk.client.source, api)


async def test_after_a_restore_nothing_is_missing_and_decisions_go_on(world, database_name, restored, tmp_path):
    desk = await open_desk(world, ASK_RULES)
    [decided] = await desk.receive()
    waiting = (await desk.client.accept())["id"]
    before = await count_rows(world)
    file = make_backup(backup_url(database_name), tmp_path)
    after = await count_rows(world)  # what is written behind an answer's back may come in between
    lost = (await desk.client.accept())["id"]
    restore(file, restored)

    admin_url, redis_url = os.environ["VEILLEUR_TEST_DATABASE_URL"], os.environ["VEILLEUR_TEST_REDIS_URL"]
    async with open_world(admin_url, redis_url, restored, PASSWORD) as second:
        kept = await count_rows(second)
        assert kept.keys() == before.keys()
        assert [table for table in kept if not before[table] <= kept[table] <= after[table]] == []
        _, client = in_the(second, desk)
        assert (await client.look(decided))["state"] == "decided"
        assert (await client.look(waiting))["state"] == "received"
        decisions = await second.fetch("SELECT count(*) FROM decisions")
        # Rings from before the restore, for items that are decided, or gone with the time since.
        await Drains(second.worker).run("screening", desk.agency_id)
        await Drains(second.worker).run("delivery", desk.agency_id)
        assert (await client.look(waiting))["state"] == "decided"
        await Drains(second.worker).run("screening", desk.agency_id)
        assert (await second.fetch("SELECT count(*) FROM decisions"))[0][0] == decisions[0][0] + 1
        answer = await second.http.get(f"/ingest/v1/items/{lost}", headers=client.api.headers)
        assert answer.status_code == 404
        fresh = (await client.accept())["id"]
        await Drains(second.worker).run("screening", desk.agency_id)
        assert (await client.look(fresh))["state"] == "decided"


def test_a_backup_is_whole_or_not_there_and_nobody_else_reads_it(database_name, tmp_path):
    folder = tmp_path / "backups"
    file = make_backup(backup_url(database_name), folder)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert abs(find_newest(folder) - now()) < timedelta(minutes=1)
    with pytest.raises(BackupError):
        make_backup(backup_url("veilleur_that_is_not"), folder)
    assert list(folder.iterdir()) == [file]


def test_a_role_that_the_walls_bind_makes_no_empty_backup(database_name, tmp_path):
    url = role_url(os.environ["VEILLEUR_TEST_DATABASE_URL"], "veilleur_app", PASSWORD, database_name)
    with pytest.raises(BackupError, match=r"permission denied|row-level security"):
        make_backup(url, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_old_backups_go_and_other_files_stay(tmp_path):
    for day in range(1, 6):
        (tmp_path / f"veilleur-202611{day:02}T030000Z.dump").touch()
    (tmp_path / "veilleur-by-hand.dump.gz").touch()
    assert drop_old(tmp_path, 2) == 3
    assert [file.name[9:17] for file in list_backups(tmp_path)] == ["20261104", "20261105"]
    assert drop_old(tmp_path, 0) == 0
    assert len(list(tmp_path.iterdir())) == 3
    assert find_newest(tmp_path / "nowhere") is None
