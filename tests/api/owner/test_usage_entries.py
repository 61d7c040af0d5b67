"""Work done outside: two people before it counts, a record of its own to take it back."""

import pytest

from tests.api.refusals import read_pointers
from tests.support.billing import read_statement, sign
from tests.support.desk import slug

DONE = {
    "meter": "content.piece",
    "quantity": "2.5",
    "occurred_at": "2026-05-31T23:30:00Z",
    "note": "two videos and a half",
    "dims": {"format": "video_pro"},
}


@pytest.fixture
async def client(shared_agency):
    return await shared_agency.add_client()


@pytest.fixture
async def accountant(shared_agency):
    return await shared_agency.add_moderator(roles=["accountant"])


async def list_records(client):
    path = f"/owner/v1/usage/records?client={client.id}&from=2026-01-01&to=2026-12-31"
    return (await client.owner.call("GET", path))["data"]


async def test_an_entry_counts_once_a_second_person_approves_it(client, accountant):
    path = f"{client.base}/usage-entries"
    entry = await client.owner.call("POST", path, DONE, 201)
    assert (entry["state"], entry["quantity"], entry["dims"]) == ("pending", "2.5", {"format": "video_pro"})
    assert await list_records(client) == []
    own = await client.owner.ask("POST", f"{path}/{entry['id']}/approve")
    assert (own.status_code, slug(own)) == (403, "second-person")
    approved = await accountant.call("POST", f"{path}/{entry['id']}/approve")
    assert (approved["state"], approved["decided_by"] != approved["created_by"]) == ("approved", True)
    [record] = await list_records(client)
    assert (record["meter"], record["quantity"], record["day"], record["dims"]) == (
        "content.piece", "2.5", "2026-06-01", {"format": "video_pro"},
    )  # fmt: skip
    again = await accountant.ask("POST", f"{path}/{entry['id']}/approve")
    assert (again.status_code, slug(again)) == (409, "already-decided")
    assert len(await list_records(client)) == 1


async def test_an_approved_entry_is_taken_back_by_a_second_record(client, accountant):
    path = f"{client.base}/usage-entries"
    entry = await client.owner.call("POST", path, DONE, 201)
    early = await accountant.ask("POST", f"{path}/{entry['id']}/reverse", {"reason": "x"})
    assert (early.status_code, slug(early)) == (409, "nothing-to-reverse")
    await accountant.call("POST", f"{path}/{entry['id']}/approve")
    reversed_ = await client.owner.call("POST", f"{path}/{entry['id']}/reverse", {"reason": "never delivered"})
    assert (reversed_["state"], reversed_["reason"]) == ("reversed", "never delivered")
    first, second = await list_records(client)
    assert (first["quantity"], second["quantity"], second["corrects"], second["day"]) == (
        "2.5", "-2.5", first["id"], first["day"],
    )  # fmt: skip
    assert (await client.owner.ask("POST", f"{path}/{entry['id']}/reverse", {"reason": "x"})).status_code == 409


async def test_a_refused_entry_counts_nothing(client, accountant):
    path = f"{client.base}/usage-entries"
    entry = await client.owner.call("POST", path, DONE, 201)
    await accountant.call("POST", f"{path}/{entry['id']}/refuse", {"reason": "not agreed"})
    assert await list_records(client) == []
    listed = (await client.owner.call("GET", f"{path}?state=refused"))["data"]
    assert [(one["id"], one["reason"]) for one in listed] == [(entry["id"], "not agreed")]


async def test_what_facts_count_and_what_is_yet_to_come_can_not_be_entered(client):
    wrong = DONE | {"meter": "decision.human", "quantity": "0", "occurred_at": "2100-01-01T00:00:00Z"}
    answer = await client.owner.ask("POST", f"{client.base}/usage-entries", wrong)
    assert read_pointers(answer, 422, "invalid") == ["/meter", "/quantity", "/occurred_at"]


async def test_the_database_itself_refuses_one_person_alone(world, client):
    entry = await client.owner.call("POST", f"{client.base}/usage-entries", DONE, 201)
    assert entry
    with pytest.raises(Exception, match="second_person"):
        await world.fetch(
            "UPDATE usage_entries SET decided_by = created_by, state = 'approved' WHERE state = 'pending'"
        )


async def test_work_that_the_plan_has_no_price_for_is_named_by_statement_close_and_month_end(client, accountant):
    await sign(client)
    path = f"{client.base}/usage-entries"
    for quantity, decided in (("2", "approve"), ("3", "refuse")):
        done = DONE | {"meter": "training.hours", "quantity": quantity, "occurred_at": "2026-05-10T10:00:00Z"}
        entry = await client.owner.call("POST", path, done, 201)
        await accountant.call("POST", f"{path}/{entry['id']}/{decided}", {"reason": "x"})
    statement = await read_statement(client, "2026-05")
    [warning] = statement["warnings"]
    assert (warning["meter"], warning["quantity"]) == ("training.hours", "2")
    close = f"{client.base}/periods/{statement['billing_period']}/close"
    assert (await client.owner.call("POST", close, status=200))["warnings"] == [warning]
    assert (await read_statement(client, "2026-04"))["warnings"] == []


async def test_an_entry_of_a_meter_that_only_looks_like_one_is_refused(client):
    answer = await client.owner.ask("POST", f"{client.base}/usage-entries", DONE | {"meter": "decision.humans"})
    assert read_pointers(answer, 422, "invalid") == ["/meter"]
