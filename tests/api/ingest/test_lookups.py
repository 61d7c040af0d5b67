"""Looking items up: by either id, only one's own, and never a 500 for a strange question."""

from uuid import UUID

import httpx
import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.people import Agency, Caller, Client
from tests.support.world import World
from veilleur.kernel.ids import show_id

ITEMS = "/ingest/v1/items"


async def look_up(client: Client, **params: str) -> httpx.Response:
    return await client.http.get(ITEMS, params=params, headers=client.api.headers)


async def test_an_item_is_found_by_our_id_and_by_theirs(client: Client):
    receipt = await client.accept(external_id="c/1?é")
    by_ours = await client.look(receipt["id"])
    by_theirs = await look_up(client, source=client.source["id"], external_id="c/1?é")
    assert by_theirs.json() == by_ours
    assert (by_ours["id"], by_ours["state"], by_ours["revision"]) == (receipt["id"], "received", 1)
    assert (by_ours["decision"], by_ours["case"], by_ours["interim"]) == (None, None, "publish")


async def test_a_look_up_shows_nothing_of_the_agencys_inside(world: World, client: Client):
    receipt = await client.accept()
    await world.drain()
    item = await client.look(receipt["id"])
    assert item["state"] == "in_review"
    assert set(item) == {
        "id", "external_id", "revision", "source_id", "state", "interim", "received_at", "decision", "case", "clocks",
        "history", "mode", "observed",
    }  # fmt: skip
    assert set(item["case"]) == {"id", "state", "priority", "opened_at", "closed_at"}


async def test_other_clients_items_are_not_there(world: World, agency: Agency):
    mine, theirs = await agency.add_client(), await agency.add_client()
    stranger = await (await world.operator.found_agency()).add_client()
    for other in (theirs, stranger):
        receipt = await other.accept(external_id="c_1")
        read_problem(await mine.api.ask("GET", f"{ITEMS}/{receipt['id']}"), 404, "not-found")
        read_problem(await look_up(mine, source=other.source["id"], external_id="c_1"), 404, "not-found")


@pytest.mark.parametrize(
    "item_id", ["itm_", "x", "%00", "%ff", "itm_" + "z" * 26, show_id("itm", UUID(int=7)), show_id("src", UUID(int=7)), "é" * 500]
)  # fmt: skip
async def test_an_id_that_names_nothing_gets_404(shared_client: Client, item_id: str):
    read_problem(await shared_client.api.ask("GET", f"{ITEMS}/{item_id}"), 404, "not-found")


@pytest.mark.parametrize(
    ("params", "pointers"),
    [
        ({}, ["/source", "/external_id"]),
        ({"source": "src_x"}, ["/external_id"]),
        ({"source": "src_x", "external_id": "x" * 257}, ["/external_id"]),
        ({"source": "s" * 65, "external_id": "x"}, ["/source"]),
        ({"source": "src_x", "external_id": "a\0b"}, ["/external_id"]),
        ({"source": "\0", "external_id": "\0"}, ["/source", "/external_id"]),
    ],
)
async def test_a_question_of_another_shape_gets_422(shared_client: Client, params: dict[str, str], pointers: list[str]):
    assert read_pointers(await look_up(shared_client, **params), 422, "invalid") == pointers


@pytest.mark.parametrize("external_id", ["", "nothing", "😀", "'; --"])
async def test_an_external_id_that_names_nothing_gets_404(shared_client: Client, external_id: str):
    answer = await look_up(shared_client, source=shared_client.source["id"], external_id=external_id)
    read_problem(answer, 404, "not-found")


async def test_looking_up_needs_a_key_with_the_scope(shared_client: Client):
    read_problem(await shared_client.http.get(f"{ITEMS}/x"), 401, "unauthenticated")
    body = {"kind": "api_key", "name": "writer", "scopes": ["ingest:write"]}
    key = await shared_client.owner.call("POST", f"{shared_client.base}/credentials", body, 201)
    writer = Caller(shared_client.http, key["api_key"])
    read_problem(await writer.ask("GET", f"{ITEMS}/x"), 403, "missing-scope")
    read_problem(await shared_client.owner.ask("GET", f"{ITEMS}/x"), 401, "unauthenticated")
