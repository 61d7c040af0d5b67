"""One request is one transaction, committed before the first byte of the answer leaves."""

import json

import httpx
import pytest

from tests.support.people import Caller, Operator, unique
from tests.support.world import BASE_URL, OPERATOR_KEY
from veilleur.kernel.ids import parse_id


class Watched(httpx.ASGITransport):
    """Runs `look` at the moment the status line of an answer is about to leave, and keeps what it saw."""

    def __init__(self, app, look):
        async def watched(scope, receive, send):
            async def watch(message):
                if message["type"] == "http.response.start":
                    self.seen.append((message["status"], await look()))
                await send(message)

            await app(scope, receive, watch)

        super().__init__(watched)
        self.seen = []


def watch(http, look):
    """A client of the same application, and what `look` sees before each of its answers."""
    transport = Watched(http._transport.app, look)
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL), transport.seen


def count(world, query, *values):
    """How often something stands in the database, on a connection of its own."""

    async def look():
        (row,) = await world.fetch(f"SELECT count(*) AS n FROM {query}", *values)
        return row["n"]

    return look


@pytest.fixture(scope="session")
async def agency(world):
    return await world.operator.found_agency()


@pytest.fixture(scope="session")
async def client(agency):
    return await agency.add_client()


async def test_what_an_owner_makes_is_committed_before_the_answer(world, agency):
    code = unique("queue")
    http, seen = watch(world.http, count(world, "queues WHERE code = $1", code))
    await Caller(http, agency.owner.token).call("POST", "/owner/v1/queues", {"code": code, "name": "x"}, 201)
    assert seen == [(201, 1)]


async def test_an_agency_is_committed_before_the_answer(world):
    slugs = count(world, "agencies WHERE slug LIKE 'agency-%'")
    before = await slugs()
    admin, seen = watch(world.admin, slugs)
    await Operator(world.http, admin, OPERATOR_KEY).found_agency()
    assert seen == [(201, before + 1)]


async def test_a_webhook_is_committed_before_its_202(world, client):
    external_id = unique("c")
    raw = json.dumps({"type": "item.created", "data": {"external_id": external_id, "text": "Bonjour"}}).encode()
    http, seen = watch(
        world.http,
        count(world, "items JOIN usage_records u ON u.item_id = items.id WHERE external_id = $1", external_id),
    )
    await http.post(f"/ingest/v1/sources/{client.source['id']}", content=raw, headers=client.sign(raw))
    assert seen == [(202, 1)]


async def test_items_sent_with_a_key_are_committed_before_their_202(world, client):
    items = [{"external_id": unique("c"), "text": "Bonjour"} for _ in range(3)]
    wanted = [item["external_id"] for item in items]
    http, seen = watch(world.http, count(world, "items WHERE external_id = ANY($1)", wanted))
    body = {"source": client.source["id"], "items": items}
    await Caller(http, client.api.token).call("POST", "/ingest/v1/items", body, 202)
    assert seen == [(202, 3)]


async def test_a_claim_and_a_decision_are_committed_before_their_answers(world, agency, client):
    moderator = await agency.add_moderator([client.id])
    item_id = parse_id("itm", (await client.accept())["id"])
    await world.drain()
    look = count(
        world, "cases LEFT JOIN decisions d ON d.case_id = cases.id WHERE cases.item_id = $1 AND (holder_id IS NOT NULL OR d.id IS NOT NULL)",
        item_id,
    )  # fmt: skip
    assert await look() == 0
    http, seen = watch(world.http, look)
    me = Caller(http, moderator.token)
    held = (await me.call("POST", "/moderator/v1/assignments", {"hold": 10}))["assignments"]
    mine = next(one for one in held if parse_id("itm", one["item"]["id"]) == item_id)
    ruling = {"fence": mine["fence"], "revision": 1, "verdict": "allow"}
    await me.call("POST", f"/moderator/v1/assignments/{mine['id']}/decision", ruling, 201)
    assert seen == [(200, 1), (201, 1)]


async def test_a_problem_takes_back_what_the_request_had_already_written(world, agency):
    """The member's row is written before the unknown client is found out."""
    email = f"{unique('m')}@agency.example"
    body = {"email": email, "name": "M", "roles": ["moderator"], "clients": ["cli_00000000000000000000000000"]}
    http, seen = watch(world.http, count(world, "members WHERE email = $1", email))
    answer = await Caller(http, agency.owner.token).ask("POST", "/owner/v1/members", body)
    assert answer.status_code in (404, 422)
    assert seen == [(answer.status_code, 0)]


async def test_a_commit_that_fails_is_told_instead_of_the_answer(world, agency):
    """Only the commit itself fails here: had the answer left before it, it would be a 201."""
    await world.fetch("""
        CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = 'serialization_failure'; END $$""")
    await world.fetch("""
        CREATE CONSTRAINT TRIGGER refuse_commit AFTER INSERT ON queues DEFERRABLE INITIALLY DEFERRED
          FOR EACH ROW WHEN (NEW.code = 'poison') EXECUTE FUNCTION refuse_commit()""")
    try:
        answer = await agency.owner.ask("POST", "/owner/v1/queues", {"code": "poison", "name": "x"})
    finally:
        await world.fetch("DROP FUNCTION refuse_commit CASCADE")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert await count(world, "queues WHERE code = 'poison'")() == 0
