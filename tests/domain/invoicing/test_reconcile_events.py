"""Every sort of event, and what becomes of items later: facts and records still agree to the row."""

from datetime import UTC, datetime

from tests.support.billing import sign
from tests.support.desk import ASK_RULES, open_desk
from tests.support.people import unique
from tests.support.world import World


async def reconcile(client):
    today = datetime.now(UTC).date().isoformat()
    return await client.owner.call("GET", f"/owner/v1/reconciliation?client={client.id}&period={today}")


def count(found, meter):
    return next(((row["facts"], row["records"]) for row in found["meters"] if row["meter"] == meter), (0, 0))


async def send(client, event_type, **data):
    answer = await client.send(data, event_type)
    assert answer.status_code == 202, answer.text
    return answer.json()["items"][0]


def report(reporter="u_9"):
    return {"source": "user", "reason": "insult", "reporter": {"external_id": reporter}}


async def test_a_deletion_of_an_item_never_seen_counts_nothing_until_the_item_comes(world: World) -> None:
    client = await (await world.operator.found_agency()).add_client()
    await sign(client)
    for external_id in ("never-seen", "never-seen", "late"):
        await send(client, "item.deleted", external_id=external_id)
    found = await reconcile(client)
    assert (found["differences"], count(found, "items.received")) == (0, (0, 0))

    straggler = await send(client, "item.created", external_id="late", text="sent before the deletion")
    assert straggler["status"] == "superseded"
    again = await send(client, "item.created", external_id="late", revision=2, text="Bonjour", language="fr")
    assert again["status"] == "accepted"
    await send(client, "item.updated", external_id="late", revision=3, text="Bonsoir")
    await world.drain()
    assert (await client.look(again["id"]))["state"] == "in_review"
    found = await reconcile(client)
    assert (found["differences"], count(found, "items.received")) == (0, (1, 1))
    [record] = (await client.owner.call("GET", f"/owner/v1/usage/records?client={client.id}"))["data"]
    assert record["dims"] == {"network": "standard", "kind": "comment", "language": "fr"}


async def test_all_sorts_of_events_agree(world: World) -> None:
    desk = await open_desk(world, ASK_RULES)
    client = desk.client
    await sign(client)
    await client.accept("fine", external_id="a")
    await client.accept("doubtful", external_id="b")
    await client.accept("doubtful", external_id="c")
    await send(client, "item.reported", external_id="a", report=report())
    await send(client, "item.reported", external_id="unknown", text="bad", report=report())
    await world.drain()
    await send(client, "item.updated", external_id="a", text="doubtful now")
    await send(client, "item.deleted", external_id="b")
    await send(client, "item.deleted", external_id="unknown")
    await send(client, "item.updated", external_id="b", revision=2, text="fine again")
    await send(client, "item.deleted", external_id="never-seen")
    refused = await client.send({"external_id": "bare", "report": report()}, "item.reported")
    assert refused.status_code == 422
    for mode in ("test", "observe"):
        source = await client.owner.call(
            "POST", f"{client.base}/sources", {"kind": "standard", "name": mode, "mode": mode}, 201
        )
        items = [{"external_id": "x", "text": "bad"}, {"type": "item.deleted", "external_id": "y"}]
        await client.api.call("POST", "/ingest/v1/items", {"source": source["id"], "items": items}, 202)
    await world.drain()
    found = await reconcile(client)
    assert (found["findings"], count(found, "items.received")) == ([], (4, 4))


async def test_what_is_erased_or_past_keeping_was_counted_and_stays_so(world: World) -> None:
    desk = await open_desk(world, ASK_RULES)
    await sign(desk.client)
    author = unique("u")
    for person in (author, "somebody else"):
        held = await desk.take_one(text="doubtful", author={"external_id": person})
        answer = await desk.moderator.decide(held, "remove", policies=["spam"], explanation="Non.")
        assert answer.status_code == 201
    path = f"/ingest/v1/authors/{author}?source={desk.client.source['id']}"
    assert (await desk.client.api.ask("DELETE", path)).status_code == 202
    await world.drain()
    assert await desk.count("items", "erased_at IS NOT NULL") == 1
    found = await reconcile(desk.client)
    assert (found["findings"], count(found, "reply.sent")) == ([], (2, 2))
