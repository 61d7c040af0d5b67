"""Facts and records, held against each other: nothing that differs by a single row goes unnoticed."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.billing import agency_of, count_on, sign, take_work_back, tamper
from tests.support.desk import ASK_RULES, Moderator

MUTANTS = {
    "fact without a record": "DELETE FROM usage_records WHERE id = $1",
    "quantity differs": "UPDATE usage_records SET quantity = quantity + 1 WHERE id = $1",
    "day differs": "UPDATE usage_records SET local_date = local_date + 1 WHERE id = $1",
    "instant differs": "UPDATE usage_records SET occurred_at = occurred_at + interval '1 second' WHERE id = $1",
    "record without a fact": "INSERT INTO usage_records (agency_id, id, client_id, source_id, meter, quantity, occurred_at,"
    " local_date, time_zone, billable, dims, item_id, decision_id)"
    " SELECT agency_id, gen_random_uuid(), client_id, source_id, meter, quantity, occurred_at, local_date, time_zone,"
    " billable, dims, item_id, gen_random_uuid() FROM usage_records WHERE id = $1",
}


async def reconcile(client, period):
    return await client.owner.call("GET", f"/owner/v1/reconciliation?client={client.id}&period={period}")


async def work(world, rules=ASK_RULES):
    """A client for which everything that is counted happened today."""
    agency = await world.operator.found_agency()
    client = await agency.add_client(rules)
    moderator = Moderator(await agency.add_moderator([client.id], grade="senior"))
    for text in ("fine", "bad", "doubtful one", "doubtful two"):
        await client.accept(text, language="fr", context={"channel": "general"})
    await world.drain()
    first, second = await moderator.take(2)
    await world.move_clock(timedelta(seconds=30))
    await moderator.decide(first, "allow")
    await moderator.decide(second, "remove", policies=["spam"], explanation="Non.")
    await sign(client)
    return agency, client


def today():
    return datetime.now(UTC).date()


async def test_what_the_service_does_reconciles_with_a_difference_of_zero(world):
    _, client = await work(world)
    await take_work_back(
        world, client, await count_on(world, client, today() - timedelta(days=1), "2.5", meter="content.piece")
    )
    found = await reconcile(client, today().isoformat())
    assert (found["differences"], found["findings"]) == (0, [])
    counted = {row["meter"]: (row["facts"], row["records"], row["record_quantity"]) for row in found["meters"]}
    assert counted.pop("review.seconds")[:2] == (2, 2)
    assert counted == {
        "items.received": (4, 4, "4"),
        "decision.auto": (2, 2, "2"),
        "decision.human": (2, 2, "2"),
        "reply.sent": (1, 1, "1"),
        "sla.met": (2, 2, "2"),
        "content.piece": (1, 1, "2.5"),
    }
    kept = await world.fetch(
        "SELECT made_by, differences FROM reconciliations WHERE agency_id = $1", await agency_of(world, client)
    )
    assert [row["differences"] for row in kept] == [0]
    assert kept[0]["made_by"] is not None


@pytest.mark.parametrize("finding", MUTANTS)
async def test_each_way_to_be_wrong_is_named_with_its_row_and_blocks_the_close(world, finding):
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    await client.accept()
    await sign(client)
    (row,) = await world.fetch("SELECT id FROM usage_records WHERE agency_id = $1", await agency_of(world, client))
    await tamper(world, MUTANTS[finding], row["id"])
    found = await reconcile(client, today().isoformat())
    assert finding in {one["finding"] for one in found["findings"]}
    assert found["differences"] >= 1
    named = found["findings"][0]
    assert named["meter"] == "items.received"
    assert {"fact", "record"} & named.keys()

    await world.move_clock(timedelta(days=40))
    path = f"{client.base}/periods/{found['billing_period']}/close"
    answer = await client.owner.ask("POST", path)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:veilleur:problem:unreconciled")
    assert answer.json()["findings"] == found["findings"]


async def test_a_sum_that_is_not_that_of_the_records_is_found(world):
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    await client.accept()
    await sign(client)
    await world.fetch("UPDATE usage_sums SET quantity = 2 WHERE agency_id = $1", await agency_of(world, client))
    found = await reconcile(client, today().isoformat())
    assert [one["finding"] for one in found["findings"]] == ["kept sum differs"]


async def test_dimensions_are_frozen_with_the_fact(world):
    _, client = await work(world)
    records = (await client.owner.call("GET", f"/owner/v1/usage/records?client={client.id}&limit=200"))["data"]
    received = [row["dims"] for row in records if row["meter"] == "items.received"]
    assert received == [{"network": "standard", "kind": "comment", "language": "fr", "channel": "general"}] * 4
    human = [row["dims"] for row in records if row["meter"] == "decision.human"]
    assert {(row["grade"], row["sla_class"], row["network"], row["channel"]) for row in human} == {
        ("senior", human[0]["sla_class"], "standard", "general")
    }
    assert {row["verdict"] for row in human} == {"allow", "remove"}
    assert all(isinstance(row["in_hours"], bool) for row in human)
    (met, _) = [row for row in records if row["meter"] == "sla.met"]
    assert met["dims"] == {"sla_class": human[0]["sla_class"], "promise": "decision"}
    usage = (await client.owner.call("GET", f"{client.base}/statement"))["usage"]
    distinct = {row["meter"]: row["dims"] for row in usage if row["meter"].endswith(".active")}
    assert distinct["network.active"] == {"network": "standard"}
    assert distinct["language.active"] == {"language": "fr", "lang": "fr"}
    assert distinct["channel.active"] == {"channel": "general"}
    assert distinct["community.active"]["community"] == client.source["id"]


async def test_a_promise_that_is_broken_counts_at_its_deadline_and_waived_no_more(world):
    agency = await world.operator.found_agency()
    client = await agency.add_client(ASK_RULES)
    await client.accept("doubtful")
    await world.drain()
    await world.move_clock(timedelta(days=10))
    await world.drain()
    sums = f"/owner/v1/usage?client={client.id}&from=2026-01-01&to=2100-01-01"
    counted = {row["meter"]: row["quantity"] for row in (await client.owner.call("GET", sums))["data"]}
    assert counted == {"items.received": "1", "sla.breached": "1"}
    breach = (await client.owner.call("GET", f"/owner/v1/sla/breaches?client={client.id}"))["data"][0]
    await client.owner.call("POST", f"/owner/v1/sla/breaches/{breach['id']}/waive", {"reason": "agreed"})
    counted = {row["meter"]: row["quantity"] for row in (await client.owner.call("GET", sums))["data"]}
    assert counted == {"items.received": "1", "sla.breached": "0"}
