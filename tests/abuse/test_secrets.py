"""What was entrusted for one address is told to no other, and what no header can carry breaks nothing."""

from collections.abc import AsyncIterator

import pytest

from tests.api.refusals import read_pointers
from tests.support.moderations import Moderations, open_moderations
from tests.support.people import Agency, Json

PROVIDERS = "/owner/v1/providers"


@pytest.fixture
async def machine() -> AsyncIterator[Moderations]:
    async with open_moderations() as machine:
        yield machine


def name_provider(machine: Moderations, **more: object) -> Json:
    return {"kind": "openai", "name": "guard", "settings": {"url": machine.url}, "secret": "sk-entrusted"} | more


async def test_a_secret_goes_to_another_address_only_when_it_is_said_again(agency: Agency, machine: Moderations):
    provider = await agency.owner.call("POST", PROVIDERS, name_provider(machine), 201)
    path = f"{PROVIDERS}/{provider['id']}"
    elsewhere = {"settings": {"url": f"{machine.url}/elsewhere"}}
    answer = await agency.owner.ask("PATCH", path, elsewhere)
    assert read_pointers(answer, 422, "invalid") == ["/secret"]
    await agency.owner.call("PATCH", path, {"settings": {"url": machine.url, "model": "other"}}, 200)
    await agency.owner.call("PATCH", path, elsewhere | {"secret": "sk-new"}, 200)
    await agency.owner.call("POST", f"{path}/test", {"text": "x"}, 200)
    assert machine.keys == ["Bearer sk-new"]
    await agency.owner.call("PATCH", path, {"settings": {"url": machine.url}, "secret": None}, 200)
    await agency.owner.call("PATCH", path, elsewhere, 200)


@pytest.mark.parametrize("secret", ["clé", "a\r\nx-evil: 1", "\u2028", "💣"])
async def test_a_key_that_no_header_can_carry_is_a_refused_call(agency: Agency, machine: Moderations, secret: str):
    answer = await agency.owner.ask("POST", PROVIDERS, name_provider(machine, secret=secret))
    if answer.status_code == 422:
        return
    path = f"{PROVIDERS}/{answer.json()['id']}/test"
    tried = await agency.owner.call("POST", path, {"text": "x"}, 200)
    assert not tried["ok"]
    assert machine.asked == []


@pytest.mark.parametrize("header", ["host", "Content-Length", "transfer-encoding", "Connection"])
async def test_a_key_says_nothing_about_how_the_call_is_sent(agency: Agency, machine: Moderations, header: str):
    settings = {"url": machine.url, "body": {"q": "{text}"}, "scores": {"hate": "/hate"}, "key_header": header}
    answer = await agency.owner.ask("POST", PROVIDERS, name_provider(machine, kind="http", settings=settings))
    assert read_pointers(answer, 422, "invalid") == ["/settings/key_header"]
