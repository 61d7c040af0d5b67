"""Usage: one record a fact, in the client's own day, provable row by row."""

import csv
import io
from datetime import UTC, datetime, timedelta

from tests.support.desk import ASK_RULES, open_desk
from veilleur.kernel.ids import read_id

ALL_TIME = "from=2020-01-01&to=2040-01-01"


async def usage(desk, query="", client=None):
    path = f"/owner/v1/usage?{ALL_TIME}&client={(client or desk.client).id}{query}"
    return (await desk.agency.owner.call("GET", path, status=200))["data"]


async def sums(desk, client=None):
    return {row["meter"]: row["quantity"] for row in await usage(desk, client=client)}


async def records(desk, query=""):
    path = f"/owner/v1/usage/records?{ALL_TIME}&client={desk.client.id}{query}"
    return (await desk.agency.owner.call("GET", path, status=200))["data"]


async def test_receipt_is_counted_as_soon_as_it_is_accepted(world):
    desk = await open_desk(world, ASK_RULES)
    for _ in range(3):
        await desk.client.accept()
    assert await sums(desk) == {"items.received": "3"}


async def test_what_came_twice_is_counted_once(world):
    desk = await open_desk(world)
    for _ in range(3):
        await desk.client.send({"external_id": "one", "text": "the same"})
    assert await sums(desk) == {"items.received": "1"}


async def test_verdicts_are_counted_by_who_made_them(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(2, text="fine")
    held = await desk.take_one(text="doubtful")
    await world.move_clock(timedelta(seconds=30))
    await desk.moderator.decide(held)
    counted = await sums(desk)
    assert 30 <= int(counted.pop("review.seconds")) <= 33
    assert counted == {"items.received": "3", "decision.auto": "2", "decision.human": "1", "sla.met": "1"}


async def test_every_decision_has_its_record_and_every_record_its_decision(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    decision = (await desk.moderator.decide(held)).json()
    member = (await desk.moderator.caller.call("GET", "/moderator/v1/me"))["id"]
    rows = {row["meter"]: row for row in await records(desk)}
    assert rows.keys() == {"items.received", "decision.human", "review.seconds", "sla.met"}
    for meter in ("decision.human", "review.seconds"):
        assert (rows[meter]["decision"], rows[meter]["member"]) == (decision["id"], member)
    assert {row["item"] for row in rows.values()} == {held["item"]["id"]}
    assert {row["source"] for row in rows.values()} == {desk.client.source["id"]}


async def test_a_client_pays_for_nobody_else(world):
    desk = await open_desk(world)
    other = await desk.agency.add_client()
    await desk.client.accept()
    await other.accept()
    await other.accept()
    assert await sums(desk) == {"items.received": "1"}
    assert await sums(desk, client=other) == {"items.received": "2"}


async def test_the_day_is_the_clients_own_and_stays_when_its_zone_changes(world):
    desk = await open_desk(world)
    late_evening = datetime(2027, 1, 8, 23, 30, tzinfo=UTC)
    await world.move_clock(late_evening - datetime.now(UTC))
    await desk.client.accept()
    assert [row["day"] for row in await usage(desk, "&group_by=day")] == ["2027-01-09"]
    await desk.agency.owner.call("PATCH", desk.client.base, {"time_zone": "America/New_York"})
    assert [row["day"] for row in await usage(desk, "&group_by=day")] == ["2027-01-09"]
    [record] = await records(desk)
    assert (record["day"], record["time_zone"]) == ("2027-01-09", "Europe/Paris")


async def test_a_range_includes_its_first_day_and_not_its_last(world):
    desk = await open_desk(world)
    noon = datetime(2027, 1, 8, 12, tzinfo=UTC)
    for day in range(3):
        await world.move_clock(noon + timedelta(days=day) - datetime.now(UTC))
        await desk.client.accept()
    path = f"/owner/v1/usage?client={desk.client.id}&group_by=day&from=2027-01-08&to=2027-01-10"
    rows = (await desk.agency.owner.call("GET", path, status=200))["data"]
    assert [row["day"] for row in rows] == ["2027-01-08", "2027-01-09"]


async def test_groups_add_up_to_the_whole(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(3)
    grouped = await usage(desk, "&group_by=meter,source,day")
    assert {(row["meter"], row["quantity"]) for row in grouped} == {("items.received", "3"), ("decision.auto", "3")}
    assert {row["source"] for row in grouped} == {desk.client.source["id"]}


async def test_csv_says_what_json_says(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(2)
    for path in (f"/owner/v1/usage?{ALL_TIME}", f"/owner/v1/usage/records?{ALL_TIME}"):
        rows = (await desk.agency.owner.call("GET", path))["data"]
        answer = await desk.agency.owner.ask("GET", path, accept="text/csv")
        assert answer.headers["content-type"].startswith("text/csv")
        table = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["meter"] for row in table] == [row["meter"] for row in rows]
        assert [row["quantity"] for row in table] == [row["quantity"] for row in rows]


async def test_the_database_itself_refuses_to_count_a_fact_twice(world):
    desk = await open_desk(world, ASK_RULES)
    [item] = await desk.receive()
    again = await world.fetch(
        "INSERT INTO usage_records SELECT agency_id, gen_random_uuid(), client_id, source_id, meter, quantity,"
        " occurred_at, local_date, time_zone, billable, reason, dims, item_id, decision_id, member_id, corrects_id"
        " FROM usage_records WHERE item_id = $1 ON CONFLICT DO NOTHING RETURNING id",
        read_id("itm", item),
    )
    assert again == []
