"""A dispute ends in a credit note: tried first, never more than was charged, for lines or for named records."""

from datetime import date
from decimal import Decimal

import pytest

from tests.support.billing import count_on, plan_by_item, read_statement
from tests.support.desk import slug
from tests.support.invoicing import finalise, issue, set_up_seller, set_up_sold
from veilleur.kernel.ids import parse_id, show_id

REASON = {"reason": "Doubles comptés"}


@pytest.fixture
async def agency(world):
    made = await world.operator.found_agency()
    await set_up_seller(made)
    return made


async def credit(client, invoice, **dispute):
    return await client.owner.ask("POST", f"{client.base}/invoices/{invoice['id']}/credit-notes", REASON | dispute)


async def list_records(world, client):
    rows = await world.fetch(
        "SELECT id FROM usage_records WHERE client_id = $1 ORDER BY local_date, id", parse_id("cli", client.id)
    )
    return [show_id("usg", row["id"]) for row in rows]


async def test_a_whole_invoice_is_tried_then_credited_and_never_twice(world, agency):
    client = await set_up_sold(world, agency)
    issued = await issue(client)
    tried = (await credit(client, issued)).json()
    assert (tried["dry_run"], tried["document"]["total"], tried["credit_note"]) == (True, issued["total"], None)
    assert len((await agency.owner.call("GET", f"{client.base}/invoices"))["data"]) == 1
    drafted = await credit(client, issued, dry_run=False)
    assert drafted.status_code == 201
    note = await finalise(client, {"id": drafted.json()["credit_note"]})
    year = note["issued_on"][:4]
    assert (note["type"], note["number"], note["credits"]) == ("381", f"A{year}-000001", issued["id"])
    assert note["document"]["credited"] == {"number": issued["number"], "issued_on": issued["issued_on"]}
    after = await agency.owner.call("GET", f"{client.base}/invoices/{issued['id']}")
    assert (after["credited"], after["open"]) == (issued["total"], "0.00")
    again = await credit(client, issued)
    assert (again.status_code, slug(again)) == (422, "credit-exceeds")


async def test_lines_are_credited_by_quantity_up_to_what_they_charged(world, agency):
    client = await set_up_sold(world, agency)
    issued = await issue(client)
    line = issued["document"]["lines"][1]
    some = await credit(client, issued, lines=[{"id": line["id"], "quantity": "20"}], dry_run=False)
    document = some.json()["document"]
    assert [(row["quantity"], row["net"]) for row in document["lines"]] == [("20", "2.00")]
    assert document["total"] == "2.40"
    rest = await credit(client, issued, lines=[{"id": line["id"], "quantity": "100.1"}])
    assert (rest.status_code, slug(rest)) == (422, "credit-exceeds")
    wrong = await credit(client, issued, lines=[{"id": "x"}, {"id": line["id"], "quantity": "121"}])
    assert [error["pointer"] for error in wrong.json()["errors"]] == ["/lines/0/id", "/lines/1/quantity"]


async def test_named_records_are_credited_by_rating_the_period_without_them(world, agency):
    """With tiers, a record costs what it made the bill grow by."""
    tiers = [{"up_to": "100", "unit": "0.10"}, {"up_to": None, "unit": "0.05"}]
    plan = plan_by_item()
    plan["components"][1] = {
        "code": "human",
        "model": "graduated",
        "meter": "decision.human",
        "label": {"en": "D"},
        "tiers": tiers,
    }
    client = await set_up_sold(world, agency, decisions=90, plan=plan)
    await count_on(world, client, date(2026, 10, 20), 30)
    first, second = await list_records(world, client)
    issued = await issue(client)
    assert issued["document"]["subtotal"] == "111.00"
    tried = (await credit(client, issued, records=[second])).json()["document"]
    assert [(line["quantity"], line["unit_price"], line["net"]) for line in tried["lines"]] == [
        ("10", "0.10", "1.00"), ("20", "0.05", "1.00"),
    ]  # fmt: skip
    assert tried["subtotal"] == "2.00"
    drafted = await credit(client, issued, records=[second], dry_run=False)
    await finalise(client, {"id": drafted.json()["credit_note"]})
    again = await credit(client, issued, records=[second, first])
    assert [error["pointer"] for error in again.json()["errors"]] == ["/records/0"]
    other = await credit(client, issued, records=[first.replace(first[-4:], "0000")])
    assert slug(other) == "invalid"
    statement = await read_statement(client, "2026-10")
    assert statement["subtotal"] == "111.00"


async def test_drafts_and_credit_notes_are_not_credited_and_take_no_lines_by_hand(world, agency):
    client = await set_up_sold(world, agency)
    issued = await issue(client)
    drafted = (await credit(client, issued, dry_run=False)).json()["credit_note"]
    refused = await credit(client, {"id": drafted})
    assert (refused.status_code, slug(refused)) == (409, "not-creditable")
    line = {"description": {"fr": "x"}, "quantity": "1", "unit_price": "1"}
    added = await agency.owner.ask("POST", f"{client.base}/invoices/{drafted}/lines", line)
    assert (added.status_code, slug(added)) == (409, "credit-lines")
    paid = await finalise(client, {"id": drafted})
    path = f"{client.base}/invoices/{paid['id']}/payments"
    answer = await agency.owner.ask("POST", path, {"amount": "1", "paid_on": "2026-11-01"})
    assert (answer.status_code, slug(answer)) == (409, "credit-payment")


async def test_a_credit_note_is_an_einvoice_like_any_other(world, agency):
    await set_up_seller(agency, e_invoice="factur-x")
    client = await set_up_sold(world, agency)
    issued = await issue(client)
    drafted = (await credit(client, issued, dry_run=False)).json()["credit_note"]
    note = await finalise(client, {"id": drafted})
    assert "factur-x" in {file["name"] for file in note["files"]}
    assert Decimal(note["total"]) == Decimal(issued["total"])


async def test_the_client_sees_what_was_sent_to_it_and_the_same_bytes(world, agency):
    client = await set_up_sold(world, agency)
    issued = await issue(client)
    assert (await client.api.call("GET", "/ingest/v1/invoices"))["data"] == []
    await agency.owner.call("POST", f"{client.base}/invoices/{issued['id']}/send", {}, 200)
    [own] = (await client.api.call("GET", "/ingest/v1/invoices"))["data"]
    assert (own["number"], own["total"], own["state"]) == (issued["number"], issued["total"], "sent")
    shown = await client.api.call("GET", f"/ingest/v1/invoices/{own['id']}")
    assert shown["document"]["lines"] == issued["document"]["lines"]
    member = (await agency.owner.call("GET", "/moderator/v1/me"))["id"]
    assert member not in str(shown)
    for path, caller in (("/ingest/v1/invoices", client.api), (f"{client.base}/invoices", agency.owner)):
        answer = await caller.ask("GET", f"{path}/{own['id']}/document")
        assert (
            answer.headers["etag"] == f'"{next(one["sha256"] for one in issued["files"] if one["name"] == "pdf-fr")}"'
        )
    for form in ("csv", "json"):
        assert (
            await client.api.ask("GET", f"/ingest/v1/invoices/{own['id']}/document?format={form}")
        ).status_code == 200
