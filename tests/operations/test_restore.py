"""After a restore: what is lost is told, from when to when, and what had been erased is erased again."""

import asyncio
import dataclasses
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import PASSWORD
from tests.domain.custody.canary import find_canary
from tests.operations.conftest import backup_url, complaints, restore
from tests.operations.test_backup import in_the
from tests.support.desk import ASK_RULES, open_desk
from tests.support.people import Caller, unique
from tests.support.world import open_world
from veilleur.commands import erasures
from veilleur.domain.custody.journal import Entry, read_entries
from veilleur.domain.custody.request_erasure import erase_client
from veilleur.infra.db.session import NOBODY
from veilleur.infra.heartbeat import Pulse
from veilleur.infra.journal import Journal, read_lines
from veilleur.infra.watermark import LOST_FROM, Mark, Witness, list_lost_windows
from veilleur.kernel.ids import new_id, read_id
from veilleur.operations.backup import drop_old_entries, make_backup
from veilleur.operations.checks.restores import judge_journal, judge_mark
from veilleur.operations.finding import Level
from veilleur_worker.drains import Drains
from veilleur_worker.schedule import sweep

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
NO_REDIS = "redis://127.0.0.1:9/0"


@pytest.fixture
async def witness_at():
    """Witnesses that are closed when the test is over."""
    made = []

    def make(redis_url, folder):
        made.append(Witness(redis_url, folder))
        return made[-1]

    yield make
    for witness in made:
        await witness.close()


@pytest.fixture
def start_worker(witness_at):
    """Another worker on the same database, with a journal."""

    def start(world, folder):
        settings = world.worker_settings.model_copy(update={"journal_dir": folder})
        witness = witness_at(settings.redis_url.get_secret_value(), folder)
        return dataclasses.replace(
            world.worker, settings=settings, journal=Journal(folder), witness=witness, pulse=Pulse()
        )

    return start


async def erase(worker, agency_id):
    for kind in ("screening", "erasure", "screening", "erasure"):
        assert await Drains(worker).run(kind, agency_id)


def open_restored(name):
    admin_url, redis_url = os.environ["VEILLEUR_TEST_DATABASE_URL"], os.environ["VEILLEUR_TEST_REDIS_URL"]
    return open_world(admin_url, redis_url, name, PASSWORD)


# --- Erasures


async def leave_traces(desk, canary):
    """An author, a client and an agency that are here when the backup is made, and erased after it."""
    await desk.client.accept(f"bad {canary}", author={"external_id": f"a/{canary}"})
    leaving = await desk.agency.add_client(ASK_RULES)
    await leaving.accept(f"bad {canary}")
    gone = await open_desk(desk.world, ASK_RULES)
    await gone.client.accept(f"bad {canary}")
    await desk.world.drain()
    return leaving, gone


async def erase_all(desk, worker, canary, leaving, gone):
    """The id of the author's receipt."""
    path = f"/ingest/v1/authors/a%2F{canary}"
    erasure_id = (await desk.client.api.call("DELETE", path, status=202))["erasure_id"]
    async with worker.database.transaction(desk.scope) as session:
        await erase_client(session, worker.sealer, desk.agency_id, read_id("cli", leaving.id), "system")
    operator = Caller(desk.world.admin, desk.world.operator.key)
    await operator.call("DELETE", f"/admin/v1/agencies/{gone.agency.id}?reason=ends", status=202)
    for agency_id in (desk.agency_id, gone.agency_id):
        await erase(worker, agency_id)
    return erasure_id


async def test_what_was_erased_after_the_backup_is_erased_again(
    world,
    start_worker,
    database_name,
    restored,
    tmp_path,
    monkeypatch,
    capsys,
):
    desk, canary, folder = await open_desk(world, ASK_RULES), unique("canary"), tmp_path / "journal"
    worker = start_worker(world, folder)
    await desk.client.accept("bad", author={"external_id": "u_before"})
    await desk.client.api.call("DELETE", "/ingest/v1/authors/u_before", status=202)
    await erase(worker, desk.agency_id)
    leaving, gone = await leave_traces(desk, canary)
    file = make_backup(backup_url(database_name), tmp_path)
    erasure_id = await erase_all(desk, worker, canary, leaving, gone)
    assert await find_canary(world, canary) == {}
    assert canary not in "".join(one.read_text() for one in folder.glob("erasures-*"))
    restore(file, restored)

    async with open_restored(restored) as second:
        assert await find_canary(second, canary) != {}
        told = second.settings.model_copy(update={"journal_dir": folder})
        assert "erasures: fault" in await complaints(told)
        monkeypatch.setenv("VEILLEUR_DATABASE_URL", told.database_url.get_secret_value())
        monkeypatch.setenv("VEILLEUR_MASTER_KEY", told.master_key.get_secret_value())
        for said in ("asked for again: 3, known here: 1\n", "asked for again: 0, known here: 4\n"):
            assert await asyncio.to_thread(erasures.run, ["repeat", "--from", str(folder)]) == 0
            assert capsys.readouterr().out == said
        again = start_worker(second, tmp_path / "another")
        for agency_id in (desk.agency_id, gone.agency_id):
            await erase(again, agency_id)
        assert await find_canary(second, canary) == {}
        _, client = in_the(second, desk)
        receipt = await client.api.call("GET", f"/ingest/v1/erasures/{erasure_id}", status=200)
        assert (receipt["state"], receipt["erased"]["items"]) == ("finished", 1)
        assert "erasures: fault" not in await complaints(told)


async def test_nothing_is_erased_before_the_journal_has_it(world, start_worker, tmp_path):
    desk = await open_desk(world, ASK_RULES)
    await desk.client.accept(author={"external_id": "u_1"})
    await world.drain()
    await desk.client.api.call("DELETE", "/ingest/v1/authors/u_1", status=202)
    (tmp_path / "file").touch()
    assert not await Drains(start_worker(world, tmp_path / "file")).run("erasure", desk.agency_id)
    assert await desk.count("items", "author_external_id = 'u_1' AND deleted_at IS NULL") == 1
    worker = start_worker(world, tmp_path)
    await erase(worker, desk.agency_id)
    assert await desk.count("items", "author_external_id = 'u_1'") == 0
    assert len(list(read_lines(tmp_path))) == 1


ENTRIES = st.builds(
    Entry,
    agency_id=st.uuids(), erasure_id=st.uuids(), kind=st.sampled_from(["author", "client", "agency"]),
    client_id=st.none() | st.uuids(), requested_at=st.datetimes(timezones=st.just(UTC)), sealed=st.binary(max_size=99),
)  # fmt: skip


@given(ENTRIES)
def test_a_line_says_what_the_entry_said(entry):
    assert Entry.read(entry.write()) == entry


@given(ENTRIES, st.text(max_size=50) | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_of_an_erasure_the_last_line_counts_and_torn_ones_are_counted(entry, torn):
    later = dataclasses.replace(entry, requested_at=entry.requested_at + timedelta(0), sealed=b"later")
    read = read_entries([entry.write(), torn, later.write(), entry.write()[:-1]])
    assert (read.entries, read.torn) == ((later,), 2)


async def test_a_torn_line_spoils_only_itself(tmp_path):
    first, second = Journal(tmp_path), Journal(tmp_path)
    await first.append(1, "one")
    [file] = tmp_path.glob("erasures-*")
    with file.open("a") as torn:
        torn.write('\n{"agency": "0')
    await second.append(2, "two")
    assert list(read_lines(tmp_path)) == ["one", '{"agency": "0', "two"]
    assert (first.wants(1), second.wants(1), Journal(None).wants(1)) == (False, True, False)


def test_the_journal_reaches_back_to_the_oldest_backup(tmp_path):
    for day in (1, 18, 19, 20, 21):
        (tmp_path / f"erasures-202611{day:02}.jsonl").touch()
    (tmp_path / "erasures-by-hand.jsonl").touch()
    assert drop_old_entries(tmp_path, tmp_path, 2) == 0
    for day in (20, 21):
        (tmp_path / f"veilleur-202611{day}T030000Z.dump").touch()
    assert drop_old_entries(tmp_path, tmp_path, 0) == 0
    assert drop_old_entries(tmp_path, tmp_path, 2) == 2
    assert len(list(tmp_path.glob("erasures-*"))) == 4


# --- What is lost


async def test_the_doctor_tells_from_when_to_when_before_workers_start_and_after(
    world,
    start_worker,
    database_name,
    restored,
    tmp_path,
):
    folder = tmp_path / "journal"
    folder.mkdir()
    await world.fetch("DELETE FROM installation")  # an earlier test may have been in the year 2099
    worker = start_worker(world, folder)
    await sweep(worker, Drains(worker))
    file = make_backup(backup_url(database_name), tmp_path)
    await world.move_clock(timedelta(minutes=10))
    later = start_worker(world, folder)
    await sweep(later, Drains(later))
    assert "restore: fault" not in await complaints(world.settings)
    restore(file, restored)
    async with open_restored(restored) as second:
        for told in ({}, {"redis_url": world.settings.redis_url.__class__(NO_REDIS), "journal_dir": folder}):
            assert "restore: fault" in await complaints(second.settings.model_copy(update=told))
        workers = [start_worker(second, folder) for _ in range(2)]
        for one in workers:
            await sweep(one, Drains(one))
        async with second.worker.database.transaction(NOBODY) as session:
            [window] = await list_lost_windows(session)
        assert timedelta(minutes=9) < window.until_at - window.from_at < timedelta(minutes=11)
        found = await complaints(second.settings)
        assert "restore: warning" in found
        assert "restore: fault" not in found


async def test_a_worker_that_outlived_a_restore_in_place_notices_by_itself(world, start_worker, tmp_path):
    worker = start_worker(world, tmp_path)
    await sweep(worker, Drains(worker))
    await world.fetch("UPDATE installation SET reached_at = reached_at - interval '5 minutes'")
    worker.pulse._beat_at = float("-inf")
    try:
        await sweep(worker, Drains(worker))
        async with world.worker.database.transaction(NOBODY) as session:
            [window] = await list_lost_windows(session)
        assert window.until_at - window.from_at == timedelta(minutes=5)
    finally:
        await world.fetch("DELETE FROM lost_windows")


async def test_a_witness_remembers_as_long_as_one_of_its_two_places_does(world, witness_at, tmp_path):
    redis_url = world.settings.redis_url.get_secret_value()
    mark, later = Mark(new_id(), AT), AT + timedelta(hours=1)
    await witness_at(redis_url, tmp_path).tell(mark)
    await witness_at(NO_REDIS, tmp_path).tell(Mark(mark.name, later))
    assert await witness_at(redis_url, None).ask(mark.name) == AT
    assert await witness_at(redis_url, tmp_path).ask(mark.name) == later
    assert await witness_at(NO_REDIS, None).ask(mark.name) is None
    assert await witness_at(redis_url, tmp_path).ask(new_id()) is None
    await witness_at(NO_REDIS, Path("/nowhere")).tell(mark)


@pytest.mark.parametrize(
    ("witnessed", "windows", "levels"),
    [
        (None, [], [Level.NOTE]),
        (AT, [], [Level.WELL]),
        (AT - timedelta(days=1), [], [Level.WELL]),
        (AT + LOST_FROM, [], [Level.WELL]),
        (AT + LOST_FROM + timedelta(seconds=1), [], [Level.FAULT]),
        (AT, [(AT, AT)], [Level.WARNING]),
        (AT + timedelta(hours=1), [(AT, AT)], [Level.WARNING, Level.FAULT]),
    ],
)
def test_what_others_remember(witnessed, windows, levels):
    assert [one.level for one in judge_mark(AT, witnessed, windows)] == levels


def test_what_the_journal_knows():
    for torn, missing, levels in ((0, 0, [Level.WELL]), (1, 0, [Level.WARNING]), (1, 2, [Level.FAULT, Level.WARNING])):
        journal = dataclasses.replace(read_entries([]), torn=torn)
        assert [one.level for one in judge_journal(journal, missing)] == levels
