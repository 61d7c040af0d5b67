"""A client's key, secret and authors reach nothing of anybody else."""

import json

import pytest

from tests.journeys.isolation.attempts import BY_PATH, named, refuses, try_path
from tests.journeys.isolation.ingest import INGEST
from tests.journeys.isolation.rows import dump, dump_client
from veilleur.kernel.ids import parse_id
from veilleur_worker.drains import Drains


@pytest.mark.parametrize("operation", [one for one in BY_PATH if one.audience == "ingest"], **named)
async def test_a_key_finds_nothing_of_the_agencys_other_client(world, thief, operation):
    before = await dump_client(world, thief.homes[1])
    refuses(await try_path(thief.homes[0].client.api, operation, thief.homes[1].ids))
    assert await dump_client(world, thief.homes[1]) == before


async def test_a_key_sends_nothing_into_the_agencys_other_client(world, thief):
    make, pointer = INGEST.body_ids["send_items"]
    before = await dump_client(world, thief.homes[1])
    refuses(await thief.homes[0].client.api.ask("POST", "/ingest/v1/items", make(thief, thief.homes[1])), pointer)
    assert await dump_client(world, thief.homes[1]) == before


async def test_a_key_looks_nothing_up_in_the_agencys_other_client(thief):
    query = INGEST.query_ids["look_up_item"](thief.homes[1])
    refuses(await thief.homes[0].client.api.ask("GET", f"/ingest/v1/items{query}"))
    await thief.homes[1].client.api.call("GET", f"/ingest/v1/items{query}", status=200)


@pytest.mark.parametrize("whose", ["another agency", "the other client"])
async def test_a_webhook_signed_with_ones_own_secret_enters_no_other_source(world, thief, seized, whose):
    home = seized.homes[0] if whose == "another agency" else thief.homes[1]
    mine = thief.homes[0].client
    before = await dump_client(world, home)
    raw = json.dumps({"type": "item.deleted", "data": {"external_id": "c_decided"}}).encode()
    answer = await mine.http.post(f"/ingest/v1/sources/{home.client.source['id']}", content=raw, headers=mine.sign(raw))
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:veilleur:problem:bad-signature")
    await world.parts.unstored.settle()
    after = await dump_client(world, home)
    notes, noted = before.pop("unstored_deliveries"), after.pop("unstored_deliveries")
    assert after == before
    assert len(noted) == len(notes) + 1
    assert "c_decided" not in str(noted)


async def test_an_author_of_the_same_name_elsewhere_is_neither_shown_nor_erased(world, thief):
    """Both clients know a `u_1`."""
    agency = await world.operator.found_agency()
    first, second = [await agency.add_client() for _ in range(2)]
    for client in (first, second):
        await client.accept(f"from {client.id}", external_id="c_1", author={"external_id": "u_1"})
    assert await Drains(world.worker).run("screening", parse_id("agc", agency.id))
    before = await dump(world, "client_id", parse_id("cli", second.id))
    seen = await first.api.call("GET", "/ingest/v1/authors/u_1", status=200)
    assert [one["item"]["text"] for one in seen["data"]] == [f"from {first.id}"]
    await first.api.call("DELETE", "/ingest/v1/authors/u_1", status=202)
    for kind in ("erasure", "screening", "erasure"):
        assert await Drains(world.worker).run(kind, parse_id("agc", agency.id))
    assert await dump(world, "client_id", parse_id("cli", second.id)) == before
    for path in ("/ingest/v1/authors/u_1?", "/ingest/v1/authors?external_id=u_1&"):
        refuses(await first.api.ask("GET", f"{path}source={second.source['id']}"))
        refuses(await first.api.ask("DELETE", f"{path}source={second.source['id']}"))
