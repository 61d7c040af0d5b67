"""Data keys below master keys: rotation touches no data, destroyed keys open nothing, nothing opens elsewhere."""

import base64
import os

import pytest

from tests.support.desk import open_desk
from veilleur.commands.keys import count_masters, rewrap
from veilleur.domain.tenancy.keyring import Keyring, find_sealer, hash_subject
from veilleur.infra.security.sealing import SealBroken, Sealer, read_key_id
from veilleur.kernel.ids import read_id

MASTER = base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
async def desk(world):
    return await open_desk(world)


async def sealed_secret(desk):
    [row] = await desk.fetch("SELECT sealed FROM source_secrets WHERE agency_id = $1")
    return row["sealed"]


async def test_a_secret_is_sealed_with_its_clients_data_key_and_that_with_the_master_key(desk):
    blob = await sealed_secret(desk)
    rows = await desk.fetch("SELECT id, client_id, sealed FROM data_keys WHERE agency_id = $1")
    [mine] = [row for row in rows if row["client_id"] == read_id("cli", desk.client.id)]
    assert read_key_id(blob) == str(mine["id"])
    assert read_key_id(mine["sealed"]) == desk.world.parts.sealer.current


async def test_another_master_key_takes_over_while_everything_goes_on_and_no_data_is_rewritten(desk):
    """As `veilleur keys rewrap` does, on the keys of this agency alone: others share the database of the tests."""
    world = desk.world
    old, new = world.settings.master_key.get_secret_value(), Sealer.from_master_key(MASTER)
    both = Sealer.from_master_key(MASTER, old)
    before = await sealed_secret(desk)
    [kept] = [row["sealed"] for row in await world.fetch("SELECT sealed FROM issuer_keys ORDER BY created_at LIMIT 1")]
    assert await rewrap(world.parts.database, both) > 1
    try:
        assert set(await count_masters(world.parts.database)) == {new.current}
        assert await rewrap(world.parts.database, both) == 0
        assert await sealed_secret(desk) == before
        sealer = await Keyring(world.parts.database, new).sealer_for(desk.agency_id, [before])
        source = read_id("src", desk.client.source["id"])
        assert sealer.open(before, f"{desk.agency_id}|source_secrets|{source}") == desk.client.secret
    finally:
        assert await rewrap(world.parts.database, Sealer.from_master_key(old, MASTER)) > 1
    assert [
        row["sealed"] for row in await world.fetch("SELECT sealed FROM issuer_keys ORDER BY created_at LIMIT 1")
    ] != [kept]
    await desk.client.accept()


async def test_what_was_sealed_with_a_destroyed_key_opens_nowhere_any_more(desk):
    blob = await sealed_secret(desk)
    await desk.world.fetch("DELETE FROM data_keys WHERE agency_id = $1", desk.agency_id)
    sealer = await Keyring(desk.world.parts.database, desk.world.parts.sealer).sealer_for(desk.agency_id, [blob])
    with pytest.raises(SealBroken):
        sealer.open(blob, f"{desk.agency_id}|source_secrets|{read_id('src', desk.client.source['id'])}")


async def test_a_key_of_one_client_or_agency_opens_nothing_of_another(world):
    desks = [await open_desk(world) for _ in range(2)]
    blob = await sealed_secret(desks[0])
    sealer = await world.parts.keyring.sealer_for(desks[1].agency_id, [blob])
    with pytest.raises(SealBroken, match="not known here"):
        sealer.open(blob, f"{desks[0].agency_id}|source_secrets|{read_id('src', desks[0].client.source['id'])}")


async def test_a_key_moved_to_another_agency_stays_shut(world):
    desks = [await open_desk(world) for _ in range(2)]
    await world.fetch(
        "UPDATE data_keys SET sealed = (SELECT sealed FROM data_keys WHERE agency_id = $1 AND client_id IS NOT NULL)"
        " WHERE agency_id = $2",
        desks[0].agency_id,
        desks[1].agency_id,
    )
    with pytest.raises(SealBroken):
        await Keyring(world.parts.database, world.parts.sealer).sealer_for(desks[1].agency_id, [])


async def test_a_key_made_a_moment_ago_by_another_process_is_found_though_the_rest_is_remembered(desk):
    keyring = Keyring(desk.world.parts.database, desk.world.parts.sealer)
    await keyring.sealer_for(desk.agency_id, [])
    client = await desk.agency.add_client()
    query = "SELECT sealed FROM source_secrets WHERE agency_id = $1 AND client_id = $2"
    [row] = await desk.world.fetch(query, desk.agency_id, read_id("cli", client.id))
    sealer = await keyring.sealer_for(desk.agency_id, [row["sealed"]])
    place = f"{desk.agency_id}|source_secrets|{read_id('src', client.source['id'])}"
    assert sealer.open(row["sealed"], place) == client.secret


async def test_a_keyed_hash_is_the_same_for_the_same_and_another_in_another_agency(world):
    hashes = []
    for desk in [await open_desk(world) for _ in range(2)]:
        async with world.parts.database.transaction(desk.scope) as session:
            hashes += [await hash_subject(session, world.parts.sealer, desk.agency_id, "u_1") for _ in range(2)]
            await find_sealer(session, world.parts.sealer, desk.agency_id, read_id("cli", desk.client.id))
    assert hashes[0] == hashes[1] != hashes[2] == hashes[3]
