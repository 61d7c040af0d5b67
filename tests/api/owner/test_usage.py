"""Usage as the owner asks for it: ranges, groups, pages, CSV."""

import csv
import io

import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.people import Agency, Client
from tests.support.world import World

URL = "/owner/v1/usage"


async def test_received_items_count_as_soon_as_the_202(agency: Agency, client: Client):
    for _ in range(3):
        await client.accept()
    usage = await agency.owner.call("GET", f"{URL}?client={client.id}")
    assert usage["data"] == [{"meter": "items.received", "quantity": "3"}]
    assert usage["time_zone"] == "Europe/Paris"
    grouped = await agency.owner.call("GET", f"{URL}?group_by=source,client,meter")
    assert grouped["data"] == [
        {"source": client.source["id"], "client": client.id, "meter": "items.received", "quantity": "3"}
    ]


async def test_from_is_counted_and_to_is_not(agency: Agency, client: Client):
    await client.accept()
    day = (await agency.owner.call("GET", f"{URL}?group_by=day"))["data"][0]["day"]
    assert (await agency.owner.call("GET", f"{URL}?from={day}"))["data"]
    assert (await agency.owner.call("GET", f"{URL}?from=1900-01-01&to={day}"))["data"] == []
    assert (await agency.owner.call("GET", f"{URL}?from=0001-01-01&to=9999-12-31"))["data"]
    assert (await agency.owner.call("GET", f"{URL}?from=2026-12-01&to=2026-01-01"))["data"] == []


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("group_by=", ["/group_by"]),
        ("group_by=meter,colour", ["/group_by"]),
        ("group_by=" + "meter," * 100, ["/group_by"]),
        ("from=2026-13-01", ["/from"]),
        ("from=now&to=then", ["/from", "/to"]),
        ("billable=perhaps", ["/billable"]),
    ],
)
async def test_a_question_of_another_shape_gets_422(shared_agency: Agency, query: str, pointers: list[str]):
    assert read_pointers(await shared_agency.owner.ask("GET", f"{URL}?{query}"), 422, "invalid") == pointers


async def test_records_come_page_by_page_and_each_once(agency: Agency, client: Client):
    items = {(await client.accept())["id"] for _ in range(5)}
    seen: list[str] = []
    after = ""
    while True:
        page = await agency.owner.call("GET", f"{URL}/records?limit=2{after}")
        seen += [record["item"] for record in page["data"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert len(seen) == 5
    assert set(seen) == items


async def test_csv_says_the_same_as_json(agency: Agency, client: Client):
    await client.accept()
    answer = await agency.owner.ask("GET", f"{URL}/records", accept="text/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    [row] = csv.DictReader(io.StringIO(answer.text))
    [record] = (await agency.owner.call("GET", f"{URL}/records"))["data"]
    assert (row["id"], row["item"], row["quantity"], row["day"]) == (
        record["id"],
        record["item"],
        record["quantity"],
        record["day"],
    )


async def test_usage_of_another_agency_is_not_counted(world: World, client: Client):
    await client.accept()
    other = await world.operator.found_agency()
    assert (await other.owner.call("GET", URL))["data"] == []
    assert (await other.owner.call("GET", f"{URL}/records"))["data"] == []
    read_problem(await other.owner.ask("GET", f"{URL}?client={client.id}"), 404, "not-found")
