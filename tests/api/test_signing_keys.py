"""Changing the key that tokens are signed with: nobody is refused, and a leaked one is dead at once."""

from datetime import timedelta

import pytest
from joserfc import jws

from tests.support.people import Agency, Caller
from tests.support.world import World
from veilleur.domain.tenancy.issuer import Issuer
from veilleur.domain.tenancy.rotate_signing_key import AHEAD, AT_ONCE, OVERLAP, Rotation, rotate_signing_key
from veilleur.infra.db.session import NOBODY
from veilleur_api.keys import list_signing_keys

CLIENTS = "/owner/v1/clients"


@pytest.fixture(autouse=True)
async def _restore(world: World):
    """Other tests' tokens are signed with the keys as they are."""
    before = await world.fetch("SELECT kid, retired_at FROM issuer_keys")
    yield
    await world.reset_clock()
    for row in before:
        await world.fetch("UPDATE issuer_keys SET retired_at = $2 WHERE kid = $1", row["kid"], row["retired_at"])
    await world.fetch("DELETE FROM issuer_keys WHERE kid <> ALL($1::text[])", [row["kid"] for row in before])
    await look_again(world)


async def look_again(world: World) -> None:
    """What happens by itself within five seconds."""
    world.parts.issuer._looked_at = float("-inf")
    await world.parts.issuer.refresh()


async def rotate(world: World, rotation: Rotation = Rotation()) -> str:  # noqa: B008 - frozen
    async with world.parts.database.transaction(NOBODY) as session:
        kid = await rotate_signing_key(session, world.parts.sealer, rotation)
    await look_again(world)
    return kid


async def sign(world: World, agency: Agency) -> Caller:
    """A token as the installation would sign it now."""
    return await agency.add_moderator(roles=["owner"])


def kid_of(caller: Caller) -> str:
    kid: str = jws.extract_compact(caller.token.encode()).headers()["kid"]
    return kid


async def publish(world: World) -> set[str]:
    return {key["kid"] for key in (await world.http.get("/.well-known/jwks.json")).json()["keys"]}


async def test_a_new_key_is_published_before_it_signs_and_the_old_one_stays_good(world: World, agency: Agency):
    old = await sign(world, agency)
    kid = await rotate(world)
    assert {kid, kid_of(old)} <= await publish(world)
    assert kid_of(await sign(world, agency)) == kid_of(old)
    await world.move_clock(AHEAD + timedelta(seconds=1))
    await look_again(world)
    new = await sign(world, agency)
    assert kid_of(new) == kid
    for caller in (old, new):
        await caller.call("GET", CLIENTS, status=200)
    await world.move_clock(AHEAD + OVERLAP + timedelta(seconds=1))
    await look_again(world)
    assert await publish(world) == {kid}
    assert (await old.ask("GET", CLIENTS)).status_code == 401


async def test_a_leaked_key_is_refused_at_once_everywhere(world: World, agency: Agency):
    old = await sign(world, agency)
    elsewhere = Issuer(world.parts.database, world.parts.sealer, world.settings.issuer)
    await elsewhere.load_keys()
    kid = await rotate(world, AT_ONCE)
    assert await publish(world) == {kid}
    assert (await old.ask("GET", CLIENTS)).status_code == 401
    elsewhere._looked_at = float("-inf")
    await elsewhere.refresh()
    assert [key.kid for key in elsewhere._public] == [kid]


async def test_two_rotations_in_a_row_refuse_nobody(world: World, agency: Agency):
    callers = [await sign(world, agency)]
    for _ in range(2):
        await rotate(world, Rotation(ahead=timedelta(0)))
        callers.append(await sign(world, agency))
    assert len({kid_of(caller) for caller in callers}) == 3
    for caller in callers:
        await caller.call("GET", CLIENTS, status=200)


async def test_while_the_database_is_away_the_keys_at_hand_are_good(world: World, agency: Agency, monkeypatch):
    caller = await sign(world, agency)

    async def fail() -> None:
        raise ConnectionError

    monkeypatch.setattr(world.parts.issuer, "_read_keys", fail)
    world.parts.issuer._looked_at = float("-inf")
    assert (await world.parts.issuer.read(caller.token)).member_id is not None


async def test_the_keys_are_listed_with_their_times(world: World):
    kid = await rotate(world)
    lines = await list_signing_keys(world.parts.database)
    assert lines[-1].startswith(f"{kid}  signs from ")
    assert "good until" in lines[-2]
    assert "good until" not in lines[-1]
