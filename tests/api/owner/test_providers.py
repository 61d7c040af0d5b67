"""Providers as an owner sets them up: every mistake named, the secret never shown again, one text tried."""

import pytest

from tests.support.desk import open_desk, slug
from tests.support.moderations import open_moderations
from tests.support.people import unique

GUARD = {"url": "https://guard.example/v1", "model": "g", "prompt": "{text}", "labels": {"S1": "violence"}}


@pytest.fixture(scope="module")
async def desk(world):
    return await open_desk(world)


@pytest.fixture
async def machine():
    async with open_moderations() as moderations:
        yield moderations


async def add(desk, **fields):
    body = {"kind": "openai", "name": unique("p").replace("-", "_"), "secret": "sk-hidden"} | fields
    return await desk.agency.owner.call("POST", "/owner/v1/providers", body, 201)


async def refuse(desk, **fields):
    """The pointers of all that is wrong."""
    body = {"kind": "openai", "name": "mine"} | fields
    answer = await desk.agency.owner.ask("POST", "/owner/v1/providers", body)
    assert answer.status_code == 422, answer.text
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_a_provider_is_made_changed_listed_and_given_up(desk):
    owner = desk.agency.owner
    made = await add(desk, kind="chat_guard", settings=GUARD, clients=[desk.client.id], daily_budget=None)
    assert (made["has_secret"], made["state"], made["categories"]) == (True, "closed", ["toxicity", "violence"])
    path = f"/owner/v1/providers/{made['id']}"
    changed = await owner.call("PATCH", path, {"timeout_s": 1.5, "clients": [], "secret": None, "daily_budget": 7})
    assert changed == made | {"timeout_s": 1.5, "clients": [], "has_secret": False, "daily_budget": 7}
    assert await owner.call("GET", path) == changed
    assert changed in (await owner.call("GET", "/owner/v1/providers"))["data"]
    again = {"kind": "openai", "name": made["name"]}
    assert slug(await owner.ask("POST", "/owner/v1/providers", again)) == "name-taken"
    await owner.call("DELETE", path, status=204)
    await owner.call("GET", path, status=404)
    await owner.call("POST", "/owner/v1/providers", again, 201)


async def test_no_answer_and_no_trail_holds_the_secret(desk):
    made = await add(desk)
    seen = [made, await desk.agency.owner.call("GET", "/owner/v1/providers")]
    assert "sk-hidden" not in str(seen)
    rows = await desk.fetch("SELECT row_to_json(t)::text FROM audit_entries t WHERE agency_id = $1")
    kept = await desk.fetch("SELECT row_to_json(t)::text FROM providers t WHERE agency_id = $1")
    assert any("provider.created" in row[0] for row in rows)
    assert not any("sk-hidden" in row[0] or b"sk-hidden".hex() in row[0] for row in (*rows, *kept))


async def test_all_mistakes_are_told_at_once(desk):
    assert await refuse(desk, kind="no", name="No!", timeout_s=60, daily_budget=-1, secret="a b", clients="all") == [
        "/kind", "/name", "/secret", "/timeout_s", "/daily_budget", "/clients",
    ]  # fmt: skip
    wrong = GUARD | {"labels": {"S1": "rude"}, "prompt": "x", "more": 1}
    assert await refuse(desk, kind="chat_guard", name="toxicity", settings=wrong, clients=["cli_x"]) == [
        "/name", "/settings/prompt", "/settings/labels/S1", "/settings/more", "/clients/0",
    ]  # fmt: skip


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "https://169.254.169.254/latest", "https://a:b@x.example/"])
async def test_a_provider_is_not_called_where_a_callback_is_not(desk, url):
    assert await refuse(desk, settings={"url": url}) == ["/settings/url"]


async def test_one_text_is_tried_outside_of_every_budget(desk, machine):
    made = await add(desk, settings={"url": machine.url}, daily_budget=0, name="tried")
    path = f"/owner/v1/providers/{made['id']}/test"
    tried = await desk.agency.owner.call("POST", path, {"text": "toxic"}, 200)
    assert (tried["ok"], tried["error"], tried["scores"]) == (True, None, {"harassment": 0.9})
    assert tried["facts"] == {
        "provider.tried.harassment": 0.9, "provider.insult": 0.9, "provider.toxicity": 0.9,
    }  # fmt: skip
    assert machine.keys == ["Bearer sk-hidden"]
    for status, body, error in ((401, b"{}", "http_401"), (200, b"no", "unreadable")):
        machine.break_down(status, body)
        told = await desk.agency.owner.call("POST", path, {"text": "toxic"}, 200)
        assert (told["ok"], told["scores"], told["error"]) == (False, None, error)


async def test_only_who_configures_clients_sets_up_providers(desk):
    lead = await desk.agency.add_moderator(roles=["lead"])
    assert (await lead.call("GET", "/owner/v1/providers"))["next"] is None
    await lead.call("POST", "/owner/v1/providers", {"kind": "openai", "name": "mine"}, 403)
