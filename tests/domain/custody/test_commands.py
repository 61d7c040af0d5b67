"""What an operator types: `veilleur audit verify`, `veilleur keys status`."""

import asyncio

import pytest

from tests.support.desk import open_desk
from veilleur.commands import audit, keys
from veilleur_worker.drains import Drains


@pytest.fixture
async def desk(world, monkeypatch):
    monkeypatch.setenv("VEILLEUR_DATABASE_URL", world.settings.database_url.get_secret_value())
    monkeypatch.setenv("VEILLEUR_MASTER_KEY", world.settings.master_key.get_secret_value())
    desk = await open_desk(world)
    assert await Drains(world.worker).run("audit", desk.agency_id)
    return desk


async def test_verify_says_that_a_trail_holds_and_ends_with_1_at_the_first_bad_row(desk, capsys):
    head = (await desk.agency.owner.call("GET", "/owner/v1/audit/heads"))["data"][0]
    given = ["verify", "--agency", desk.agency.id, "--head", f"{head['number']}:{head['root']}"]
    assert await asyncio.to_thread(audit.run, given) == 0
    assert f"{desk.agency.id} holds: " in capsys.readouterr().out
    await desk.world.fetch(
        "DO $$ BEGIN SET session_replication_role = replica;"
        f" UPDATE audit_entries SET actor = 'x' WHERE agency_id = '{desk.agency_id}'; END $$"
    )
    assert await asyncio.to_thread(audit.run, given) == 1
    assert f"{desk.agency.id} BROKEN: edited at seal 1, place 1" in capsys.readouterr().out


async def test_a_head_is_of_one_agency_and_must_read_as_one(desk, capsys):
    for given in (["--head", f"1:{'0' * 64}"], ["--agency", desk.agency.id, "--head", "1:short"]):
        with pytest.raises(SystemExit):
            await asyncio.to_thread(audit.run, ["verify", *given])
    assert capsys.readouterr().err


async def test_status_names_the_master_keys_in_use(desk, capsys):
    assert await asyncio.to_thread(keys.run, ["status"]) == 0
    assert f"{desk.world.parts.sealer.current} current: seals " in capsys.readouterr().out
