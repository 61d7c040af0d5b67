"""Keys of providers are asked for seldom, by one caller for all, and outlive the provider by a day."""

import asyncio
import json

import pytest

from tests.support.idp import open_idp
from veilleur.infra.outbound.egress import EgressPolicy
from veilleur.infra.outbound.http import BODY_CAP, build_client
from veilleur.infra.security.jwks import AGAIN_S, FRESH_S, STALE_S, KeyShelf
from veilleur.kernel.errors import Unavailable


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def idp():
    async with open_idp("EC") as idp:
        yield idp


@pytest.fixture
async def shelf(world, clock):
    return KeyShelf(world.parts.http, clock)


def count(idp):
    return idp.asked.count("/jwks")


async def kids(shelf, idp, kid=None):
    return [key.kid for key in await shelf.find_keys(f"{idp.issuer}/jwks", kid)]


async def settle(idp, calls):
    async with asyncio.timeout(5):
        while count(idp) < calls:  # noqa: ASYNC110 - short, and in tests only
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)


async def test_many_callers_share_one_call(shelf, idp):
    idp.gate = asyncio.Event()
    asking = [asyncio.create_task(kids(shelf, idp, "k0")) for _ in range(50)]
    await settle(idp, 1)
    idp.gate.set()
    assert await asyncio.gather(*asking) == [["k0"]] * 50
    assert count(idp) == 1


async def test_a_caller_who_leaves_does_not_take_the_call_along(shelf, idp):
    idp.gate = asyncio.Event()
    first, second = (asyncio.create_task(kids(shelf, idp)) for _ in range(2))
    await settle(idp, 1)
    first.cancel()
    idp.gate.set()
    assert await second == ["k0"]


async def test_made_up_kids_cost_one_call_a_minute(shelf, idp, clock):
    assert await kids(shelf, idp) == ["k0"]
    for number in range(200):
        assert await kids(shelf, idp, f"made-up-{number}") == ["k0"]
    assert count(idp) == 1
    clock.now += AGAIN_S
    for number in range(200):
        await kids(shelf, idp, f"made-up-{number}")
    assert count(idp) == 2


async def test_a_new_key_is_found_within_a_minute(shelf, idp, clock):
    assert await kids(shelf, idp, "k1") == ["k0"]
    idp.add_key("EC")
    clock.now += AGAIN_S
    assert await kids(shelf, idp, "k1") == ["k0", "k1"]


async def test_old_keys_are_renewed_behind_the_callers_back(shelf, idp, clock):
    await kids(shelf, idp)
    idp.add_key("EC")
    clock.now += FRESH_S + 1
    idp.gate = asyncio.Event()
    assert await kids(shelf, idp) == ["k0"]
    idp.gate.set()
    await settle(idp, 2)
    assert await kids(shelf, idp) == ["k0", "k1"]


async def test_while_a_provider_is_down_its_keys_serve_for_a_day(shelf, idp, clock):
    await kids(shelf, idp)
    idp.down = True
    for calls in (2, 3, 4):
        clock.now += 7 * FRESH_S
        assert await kids(shelf, idp, "k0") == ["k0"]
        await settle(idp, calls)
    clock.now += STALE_S
    with pytest.raises(Unavailable) as refusal:
        await kids(shelf, idp)
    assert refusal.value.retry_after == AGAIN_S
    idp.down = False
    with pytest.raises(Unavailable):
        await kids(shelf, idp)
    clock.now += AGAIN_S
    assert await kids(shelf, idp) == ["k0"]


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b"{}"),
        (204, {}, b""),
        (200, {}, b"[]"),
        (200, {}, b"{"),
        (200, {}, b'{"keys": [], "keys": []}'),
        (200, {}, b'{"x": "' + b"y" * BODY_CAP + b'"}'),
    ],
)
async def test_what_is_no_answer_is_none(shelf, idp, answer):
    idp.raw["/jwks"] = answer
    with pytest.raises(Unavailable):
        await kids(shelf, idp)


async def test_redirects_are_not_followed(shelf, idp):
    idp.raw["/jwks"] = (302, {"location": f"{idp.issuer}/elsewhere"}, b"{}")
    with pytest.raises(Unavailable):
        await kids(shelf, idp)
    assert idp.asked == ["/jwks"]


async def test_an_answer_of_just_the_size_that_is_read_is_read(shelf, idp):
    document = {"keys": [idp.keys[0].as_dict(private=False)], "x": ""}
    document["x"] = "y" * (BODY_CAP - len(json.dumps(document)))
    idp.raw["/jwks"] = (200, {}, json.dumps(document).encode())
    assert await kids(shelf, idp) == ["k0"]


async def test_metadata_of_another_issuer_are_not_believed(shelf, idp):
    idp.metadata["issuer"] = "https://elsewhere.example"
    with pytest.raises(Unavailable):
        await shelf.read_metadata(idp.issuer)


async def test_private_addresses_are_not_asked(idp, clock):
    client = build_client(EgressPolicy(), 1.0)
    with pytest.raises(Unavailable):
        await kids(KeyShelf(client, clock), idp)
    await client.aclose()
    assert idp.asked == []
