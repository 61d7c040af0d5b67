"""One item all the way: signed webhook, rules or a person, decision, signed callback, usage. Over HTTP only."""

import csv
import io
from datetime import UTC, datetime, timedelta

import jsonschema_rs
import pytest

from tests.support.people import Caller, unique
from tests.support.receiver import open_receiver
from veilleur_api.callbacks import CALLBACKS

TEXT = "Ce médicament guérit tout, écrivez-moi en privé"
AUTHOR = {"external_id": "u_12", "display_name": "Jean"}
CONTEXT = {"channel": "general", "thread_id": "t_9", "parent": {"external_id": "c_1", "text": "Des idées ?"}}

RULES = {
    "format": "veilleur.rules/v1",
    "schema": "item/v1",
    "name": "walk",
    "fallback": {"verdict": "allow"},
    "lists": {"insults": {"kind": "phrases", "match": "word", "fold": "hard", "entries": ["connard"]}},
    "patterns": {"phone": r"\+?\d[\d .-]{7,}\d"},
    "rules": [
        {
            "id": "insults",
            "title": "Insultes",
            "mode": "live",
            "severity": 50,
            "when": {"all": ["hits('insults') > 0"]},
            "then": {"verdict": "remove", "actions": [{"code": "remove", "target": "item"}], "policies": ["insult"]},
        },
        {
            "id": "phone-numbers",
            "title": "Numéros de téléphone",
            "mode": "live",
            "severity": 40,
            "when": {"all": ["pattern('phone')"]},
            "then": {
                "escalate": {"queue": "default", "priority": "high", "interim": "withhold"},
                "policies": ["personal_data"],
            },
        },
    ],
}


@pytest.fixture
async def receiver():
    async with open_receiver() as receiver:
        yield receiver


def list_told(receiver, event_type):
    """The `data` of what came, one a webhook-id, in the order of arrival."""
    told = {call.headers["webhook-id"]: call.body for call in receiver.calls}
    return [body["data"] for body in told.values() if body["type"] == event_type]


def check_callbacks(receiver, secret):
    """Every callback that came is signed, fresh, and shaped as the published document says."""
    assert receiver.calls
    for call in receiver.calls:
        assert call.is_signed_with(secret)
        sent_at = datetime.fromtimestamp(int(call.headers["webhook-timestamp"]), UTC)
        assert abs(datetime.now(UTC) - sent_at) < timedelta(seconds=60)
        shape = CALLBACKS["webhooks"][call.body["type"]]["post"]["requestBody"]["content"]["application/json"]["schema"]
        validator = jsonschema_rs.Draft202012Validator({**shape, "components": CALLBACKS["components"]})
        assert [str(error) for error in validator.iter_errors(call.body)] == []


async def read_usage(owner, client, group_by="meter"):
    usage = await owner.call("GET", f"/owner/v1/usage?client={client.id}&group_by={group_by}")
    return usage["data"]


async def read_records(owner, client):
    return (await owner.call("GET", f"/owner/v1/usage/records?client={client.id}"))["data"]


async def read_csv(owner, path):
    answer = await owner.ask("GET", path, accept="text/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


async def list_deliveries(owner, client):
    return (await owner.call("GET", f"/owner/v1/deliveries?client={client.id}"))["data"]


async def test_an_item_walks_from_a_signed_webhook_through_a_person_to_a_callback_and_a_bill(world, receiver):
    # An agency opens, with a client that is called back, and a moderator who logged in with a code.
    agency = await world.operator.found_agency()
    client = await agency.add_client(interim="withhold")
    endpoint = await client.add_endpoint(receiver.url)
    moderator = await agency.add_moderator([client.id])
    me = await moderator.call("GET", "/moderator/v1/me")

    # The platform posts a signed webhook, and once more because it did not hear the answer.
    item = {"external_id": unique("c"), "text": TEXT, "language": "fr", "author": AUTHOR, "context": CONTEXT}
    first = await client.send(item, webhook_id="msg-1")
    again = await client.send(item, webhook_id="msg-1")
    assert (first.status_code, again.status_code) == (202, 202)
    [receipt], [repeated] = first.json()["items"], again.json()["items"]
    assert receipt == {
        "id": receipt["id"], "external_id": item["external_id"], "revision": 1, "status": "accepted", "interim": "withhold",
    }  # fmt: skip
    assert repeated == receipt | {"status": "duplicate"}
    assert (await client.look(receipt["id"]))["state"] == "received"
    assert await read_usage(agency.owner, client) == [{"meter": "items.received", "quantity": "1"}]

    # The worker finds no rules: a case opens, and the client is told to hold the item back.
    await world.drain()
    [held] = list_told(receiver, "item.held")
    assert (held["item"]["id"], held["item"]["author"], held["interim"]) == (receipt["id"], AUTHOR, "withhold")
    assert TEXT not in receiver.calls[0].raw.decode()
    waiting = await client.look(receipt["id"])
    assert (waiting["state"], waiting["decision"], waiting["case"]["state"]) == ("in_review", None, "open")
    [clock] = waiting["clocks"]
    assert (clock["metric"], clock["state"], clock["started_at"]) == ("decision", "running", waiting["received_at"])

    # The moderator takes it, looks for a minute and a half, and removes it.
    claimed = await moderator.call("POST", "/moderator/v1/assignments", {"hold": 1}, 200)
    [mine] = claimed["assignments"]
    assert (mine["item"]["text"], mine["item"]["revision"], mine["client"]["id"]) == (TEXT, 1, client.id)
    assert mine["context"]["parent"] == CONTEXT["parent"]
    assert mine["case"]["due_at"] == clock["due_at"]
    await world.move_clock(timedelta(seconds=90))
    ruling = {
        "fence": mine["fence"],
        "revision": 1,
        "verdict": "remove",
        "actions": [{"code": "remove", "target": "item"}, {"code": "warn", "target": "author"}],
        "policies": ["spam"],
        "explanation": "Publicité pour un remède miracle.",
        "note": "vu trois fois cette semaine",
    }
    path = f"/moderator/v1/assignments/{mine['id']}/decision"
    decided = await moderator.call("POST", path, ruling, 201)
    assert await moderator.call("POST", path, ruling, 200) == decided

    # The client is told what was decided, by whom not, and why.
    await world.drain()
    [made] = list_told(receiver, "decision.made")
    assert made["decision"] == {name: decided[name] for name in made["decision"]}
    assert (made["decision"]["verdict"], made["decision"]["policies"]) == ("remove", ["spam"])
    assert [action["code"] for action in made["decision"]["actions"]] == ["remove", "warn"]
    assert made["decision"]["automated"] is False
    assert made["decision"]["reason"] == {
        "text": "Publicité pour un remède miracle.", "language": "fr", "ground": "terms",
    }  # fmt: skip
    assert (made["item"]["id"], made["sequence"]) == (receipt["id"], 1)
    assert len(receiver.calls) == 2
    check_callbacks(receiver, endpoint["secret"])
    for call in receiver.calls:
        assert "vu trois fois" not in call.raw.decode()
        assert me["id"] not in call.raw.decode()

    # Whoever looks now sees it decided, in time.
    done = await client.look(receipt["id"])
    assert (done["state"], done["decision"]) == ("decided", made["decision"])
    assert [event["type"] for event in done["history"]] == ["item.received", "case.opened", "decision.made"]
    [clock] = done["clocks"]
    assert (clock["state"], clock["breached_at"], clock["stopped_at"]) == ("met", None, made["decision"]["made_at"])

    # What happened is what is billed.
    sums = {row["meter"]: row["quantity"] for row in await read_usage(agency.owner, client)}
    assert sums.keys() == {"items.received", "decision.human", "review.seconds", "reply.sent", "sla.met"}
    assert {sums[meter] for meter in sums.keys() - {"review.seconds"}} == {"1"}
    assert 90 <= int(sums["review.seconds"]) < 120
    records = {record["meter"]: record for record in await read_records(agency.owner, client)}
    for meter, record in records.items():
        assert (record["client"], record["source"], record["item"]) == (client.id, client.source["id"], receipt["id"])
        assert (record["quantity"], record["billable"]) == (sums[meter], True)
    for meter in ("decision.human", "review.seconds"):
        assert (records[meter]["decision"], records[meter]["member"]) == (decided["id"], me["id"])

    # The same in CSV, and by client, source and day.
    usage = f"/owner/v1/usage?client={client.id}&group_by="
    assert await read_csv(agency.owner, usage + "meter") == await read_usage(agency.owner, client)
    by_all = await read_usage(agency.owner, client, "client,source,day,meter")
    assert await read_csv(agency.owner, usage + "client,source,day,meter") == by_all
    assert {row["meter"]: row["quantity"] for row in by_all} == sums
    assert {(row["client"], row["source"]) for row in by_all} == {(client.id, client.source["id"])}
    rows = await read_csv(agency.owner, f"/owner/v1/usage/records?client={client.id}")
    assert {row["meter"]: row["quantity"] for row in rows} == sums

    # Nothing is left to send, and nothing was sent twice.
    deliveries = await list_deliveries(agency.owner, client)
    assert [(one["type"], one["state"], one["attempts"], one["endpoint"]) for one in deliveries] == [
        ("item.held", "delivered", 1, endpoint["id"]),
        ("decision.made", "delivered", 1, endpoint["id"]),
    ]
    assert [one["event"] for one in deliveries] == [call.headers["webhook-id"] for call in receiver.calls]


async def test_published_rules_decide_at_once_what_they_can_and_ask_a_person_for_the_rest(world, receiver):
    agency = await world.operator.found_agency()
    client = await agency.add_client(RULES)
    endpoint = await client.add_endpoint(receiver.url)
    moderator = await agency.add_moderator([client.id])
    fine = await client.accept("Merci pour la recette", language="fr")
    insult = await client.accept("Espèce de c0nnard", language="fr")
    phone = await client.accept("Appelez le +33 6 12 34 56 78", language="fr")
    await world.drain()

    made = {data["item"]["id"]: data["decision"] for data in list_told(receiver, "decision.made")}
    assert made.keys() == {fine["id"], insult["id"]}
    assert {decision["automated"] for decision in made.values()} == {True}
    assert {decision["rule_set_version"] for decision in made.values()} == {1}
    assert (made[fine["id"]]["verdict"], made[fine["id"]]["matched_rules"], made[fine["id"]]["reason"]) == (
        "allow",
        [],
        None,
    )
    removed = made[insult["id"]]
    assert (removed["verdict"], removed["matched_rules"], removed["automated_detection"]) == (
        "remove",
        ["insults"],
        True,
    )
    assert [action["code"] for action in removed["actions"]] == ["remove"]
    assert (removed["reason"]["language"], removed["reason"]["ground"]) == ("fr", "terms")
    assert (await client.look(insult["id"]))["clocks"] == []

    [held] = list_told(receiver, "item.held")
    assert (held["item"]["id"], held["interim"]) == (phone["id"], "withhold")
    [mine] = (await moderator.call("POST", "/moderator/v1/assignments", {"hold": 5}))["assignments"]
    assert mine["case"]["priority"] == "high"
    [why] = mine["why"]
    start, end = why["spans"][0]
    assert (why["rule"], mine["item"]["text"][start:end]) == ("phone-numbers", "+33 6 12 34 56 78")
    ruling = {"fence": mine["fence"], "revision": 1, "verdict": "allow"}
    decided = await moderator.call("POST", f"/moderator/v1/assignments/{mine['id']}/decision", ruling, 201)
    assert (decided["automated"], decided["automated_detection"], decided["matched_rules"]) == (
        False,
        True,
        ["phone-numbers"],
    )
    await world.drain()

    assert {data["item"]["id"] for data in list_told(receiver, "decision.made")} == {
        fine["id"],
        insult["id"],
        phone["id"],
    }
    check_callbacks(receiver, endpoint["secret"])
    sums = {row["meter"]: row["quantity"] for row in await read_usage(agency.owner, client)}
    assert {**sums, "review.seconds": ""} == {
        "items.received": "3", "decision.auto": "2", "decision.human": "1", "review.seconds": "", "sla.met": "1",
    }  # fmt: skip
    proof = {
        record["decision"]: record["item"] for record in await read_records(agency.owner, client) if record["decision"]
    }
    assert proof == {made[fine["id"]]["id"]: fine["id"], removed["id"]: insult["id"], decided["id"]: phone["id"]}
    assert {one["state"] for one in await list_deliveries(agency.owner, client)} == {"delivered"}


async def test_a_callback_that_is_refused_comes_again_with_the_same_id_and_body(world, receiver):
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    endpoint = await client.add_endpoint(receiver.url)
    receiver.answer(500, 204)
    await client.accept()
    await world.drain()
    [pending] = await list_deliveries(agency.owner, client)
    assert (pending["state"], pending["attempts"], pending["last_status"]) == ("pending", 1, 500)
    await world.move_clock(timedelta(minutes=30))
    await world.drain()
    first, second = receiver.calls
    assert (second.headers["webhook-id"], second.raw) == (first.headers["webhook-id"], first.raw)
    check_callbacks(receiver, endpoint["secret"])
    [done] = await list_deliveries(agency.owner, client)
    assert (done["state"], done["attempts"], done["last_status"]) == ("delivered", 2, 204)


async def test_a_client_walks_with_oauth_credentials_as_well(world):
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    body = {"kind": "oauth_client", "name": "server", "scopes": ["ingest:write", "items:read"]}
    credential = await agency.owner.call("POST", f"{client.base}/credentials", body, 201)
    form = {
        "grant_type": "client_credentials",
        "client_id": credential["client_id"],
        "client_secret": credential["client_secret"],
    }
    token = await world.http.post("/oauth/token", data=form)
    caller = Caller(world.http, token.json()["access_token"])
    sent = {"source": client.source["id"], "items": [{"external_id": "c_1", "text": TEXT}]}
    [receipt] = (await caller.call("POST", "/ingest/v1/items", sent, 202))["items"]
    found = await caller.call("GET", f"/ingest/v1/items?source={client.source['id']}&external_id=c_1")
    assert (found["id"], found["state"]) == (receipt["id"], "received")
