"""The last bill of a client that leaves: in proportion, once, whatever happens in between; or why there is none."""

import hashlib
import io
import tarfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tests.domain.custody.leaving import leave, look, work
from tests.support.billing import count_on, sign, tamper
from tests.support.desk import ASK_RULES, Desk, open_desk
from tests.support.invoicing import set_up_seller
from tests.support.people import Json
from veilleur.domain.custody.advance_offboarding import advance_offboarding
from veilleur.domain.custody.settle_bill import last_day_of_service, settle_bill
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
async def desk(world):
    return await open_desk(world, ASK_RULES)


def present() -> date:
    return datetime.now(PARIS).date()


def share_of_month(first: date, past: date) -> Decimal:
    """Of a hundred a month."""
    length = ((first.replace(day=28) + timedelta(days=4)).replace(day=1) - first.replace(day=1)).days
    return (Decimal(100) * (past - first).days / length).quantize(Decimal("0.01"))


async def read_invoice(desk: Desk, seen: Json) -> Json:
    path = f"{desk.client.base}/invoices/{seen['final_invoice']['invoice']['id']}"
    return await desk.agency.owner.call("GET", path, status=200)


async def list_invoices(desk: Desk) -> list[Json]:
    return (await desk.agency.owner.call("GET", f"{desk.client.base}/invoices"))["data"]


def test_the_last_day_is_the_one_before_doors_shut_at_midnight_or_any_on_which_work_was_done():
    midnight = datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert last_day_of_service(midnight, "Europe/Paris", None) == date(2026, 11, 30)
    assert last_day_of_service(midnight + timedelta(seconds=1), "Europe/Paris", None) == date(2026, 12, 1)
    assert last_day_of_service(midnight, "Europe/Paris", date(2026, 12, 2)) == date(2026, 12, 2)
    assert last_day_of_service(midnight, "Europe/Paris", date(2026, 11, 2)) == date(2026, 11, 30)


async def test_leaving_drafts_what_is_owed_up_to_the_last_day_in_proportion(desk):
    await set_up_seller(desk.agency)
    first = present().replace(day=1)
    await sign(desk.client, starts_on=first.isoformat())
    held = await desk.take_one(text="doubtful")
    assert (await desk.moderator.decide(held)).status_code == 201
    row = await leave(desk)
    assert row["final_invoice"] is None
    await work(desk)
    await work(desk)
    seen = await look(desk, row)
    last, tomorrow = seen["final_invoice"], present() + timedelta(days=1)
    assert (last["period"]["from"], last["period"]["to"]) == (first.isoformat(), tomorrow.isoformat())
    assert (last["invoice"]["state"], last["blockers"], last["unbilled"]) == ("draft", [], [])
    assert "/finalize" in last["next_step"]
    invoice = await read_invoice(desk, seen)
    nets = [line["net"] for line in invoice["document"]["lines"]]
    assert nets == [str(share_of_month(first, tomorrow)), "0.10"]
    assert len(await list_invoices(desk)) == 1
    [period] = (await desk.agency.owner.call("GET", f"{desk.client.base}/periods"))["data"]
    assert (period["state"], period["ends_on"]) == ("closed", tomorrow.isoformat())


async def test_days_without_service_are_not_billed_when_the_day_was_planned(desk):
    await set_up_seller(desk.agency)
    await sign(desk.client, starts_on="2026-01-01")
    await leave(desk, on="2099-01-11")
    at = datetime(2099, 1, 11, 0, 0, 5, tzinfo=PARIS) - datetime.now(UTC)
    await desk.world.move_clock(at)
    await work(desk)
    [contract] = (await desk.agency.owner.call("GET", f"{desk.client.base}/contracts"))["data"]
    assert contract["ends_on"] == "2099-01-11"
    [invoice] = await list_invoices(desk)
    assert invoice["total"] == str(
        (share_of_month(date(2099, 1, 1), date(2099, 1, 11)) * Decimal("1.2")).quantize(Decimal("0.01"))
    )


async def test_an_agency_may_have_it_numbered_at_once_and_it_is_archived_and_outlives_the_erasure(desk):
    await set_up_seller(desk.agency, final_invoice="finalise")
    await sign(desk.client, starts_on="2026-01-01")
    await desk.client.accept("bad")
    row = await leave(desk, term_days=1)
    await work(desk)
    seen = await look(desk, row)
    issued = seen["final_invoice"]["invoice"]
    assert (issued["state"], issued["number"] is not None) == ("finalised", True)
    assert len(seen["final_invoice"]["unbilled"]) == present().month - 1 + 12 * (present().year - 2026)
    invoice = await read_invoice(desk, seen)
    answer = await desk.agency.owner.ask("GET", f"{desk.client.base}/offboarding/{row['id']}/archive")
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        files = {entry.name: tar.extractfile(entry).read() for entry in tar}
    folder = f"client/invoice_documents/{issued['number']}"
    kept = {file["name"]: file["sha256"] for file in invoice["files"]}
    assert {name: hashlib.sha256(files[f"{folder}/{name}.pdf"]).hexdigest() for name in kept} == kept
    assert issued["number"].encode() in files["client/invoices/000001.ndjson"]
    await desk.world.move_clock(timedelta(days=2))
    await work(desk)
    seen = await look(desk, row)
    assert (seen["state"], seen["final_invoice"]["invoice"]) == ("finished", issued)
    path = f"{desk.client.base}/invoices/{issued['id']}/document"
    page = await desk.agency.owner.ask("GET", path)
    assert hashlib.sha256(page.content).hexdigest() in kept.values()


async def test_what_the_law_misses_leaves_a_draft_and_says_so(desk):
    await set_up_seller(desk.agency, final_invoice="finalise", terms={})
    await sign(desk.client)
    row = await leave(desk)
    await work(desk)
    last = (await look(desk, row))["final_invoice"]
    assert last["invoice"]["state"] == "draft"
    assert {one["type"] for one in last["blockers"]} == {"mentions-missing"}


async def test_without_a_seller_nobody_is_kept_and_it_says_how_to_bill_later_even_after_the_erasure(desk):
    await sign(desk.client)
    held = await desk.take_one(text="doubtful")
    assert (await desk.moderator.decide(held)).status_code == 201
    row = await leave(desk, term_days=1)
    await work(desk)
    seen = await look(desk, row)
    last = seen["final_invoice"]
    assert (seen["state"], last["invoice"]) == ("waiting", None)
    assert [one["type"] for one in last["blockers"]] == ["no-billing-profile"]
    assert "PUT /owner/v1/billing-profile" in last["blockers"][0]["detail"]
    assert f'"period": "{last["period"]["from"]}"' in last["next_step"]
    french = await desk.agency.owner.call("GET", f"{desk.client.base}/offboarding/{row['id']}", accept_language="fr")
    assert french["final_invoice"]["next_step"].startswith("Préparez-la")
    await desk.world.move_clock(timedelta(days=2))
    await work(desk)
    assert (await look(desk, row))["state"] == "finished"
    await set_up_seller(desk.agency)
    body = {"period": last["period"]["from"]}
    drafted = await desk.agency.owner.call("POST", f"{desk.client.base}/invoices", body, 201)
    assert drafted["document"]["lines"][1]["net"] == "0.10"
    last = (await look(desk, row))["final_invoice"]
    assert (last["invoice"]["id"], last["invoice"]["state"]) == (drafted["id"], "draft")


async def test_without_a_contract_the_client_leaves_and_it_says_why_nothing_was_billed(desk):
    await set_up_seller(desk.agency)
    row = await leave(desk)
    await work(desk)
    seen = await look(desk, row)
    assert (seen["state"], seen["progress"]["contract"]) == ("waiting", None)
    last = seen["final_invoice"]
    assert (last["period"], last["invoice"]) == (None, None)
    assert [one["type"] for one in last["blockers"]] == ["no-contract"]
    assert "/contracts" in last["next_step"]


async def test_facts_and_records_that_differ_block_the_bill_and_not_the_departure(desk):
    await set_up_seller(desk.agency)
    await sign(desk.client)
    await desk.client.accept()
    [record] = await desk.fetch("SELECT id FROM usage_records WHERE agency_id = $1")
    await tamper(desk.world, "DELETE FROM usage_records WHERE id = $1", record["id"])
    row = await leave(desk)
    await work(desk)
    seen = await look(desk, row)
    assert seen["state"] == "waiting"
    assert [one["type"] for one in seen["final_invoice"]["blockers"]] == ["unreconciled"]
    assert await list_invoices(desk) == []


async def test_killed_between_its_steps_even_over_midnight_it_bills_once_and_the_same_days(desk):
    await set_up_seller(desk.agency)
    await sign(desk.client, starts_on=present().replace(day=1).isoformat())
    row = await leave(desk)
    offboarding_id = read_id("ofb", row["id"])
    for _ in range(2):
        async with desk.world.worker.database.transaction(desk.scope) as session:
            step = await advance_offboarding(session, desk.world.worker.sealer, desk.agency_id, offboarding_id)
        assert step == "bill"
    assert (await look(desk, row))["state"] == "closing"
    await desk.world.move_clock(timedelta(days=1))
    for _ in range(2):
        assert await Drains(desk.world.worker).run("offboarding", desk.agency_id)
    seen = await look(desk, row)
    assert seen["final_invoice"]["period"]["to"] == (present() + timedelta(days=1)).isoformat()
    assert [one["id"] for one in await list_invoices(desk)] == [seen["final_invoice"]["invoice"]["id"]]


async def test_called_off_between_its_steps_nothing_is_billed_and_the_term_does_not_begin(desk):
    await set_up_seller(desk.agency)
    await sign(desk.client)
    row = await leave(desk)
    offboarding_id = read_id("ofb", row["id"])
    async with desk.world.worker.database.transaction(desk.scope) as session:
        await advance_offboarding(session, desk.world.worker.sealer, desk.agency_id, offboarding_id)
    await desk.agency.owner.call("POST", f"{desk.client.base}/offboarding/{row['id']}/cancel", status=200)
    async with desk.world.worker.database.transaction(desk.scope) as session:
        await settle_bill(session, desk.agency_id, offboarding_id, None)
    assert (await look(desk, row))["state"] == "cancelled"
    assert await list_invoices(desk) == []


async def test_usage_of_earlier_months_that_came_late_is_on_the_last_bill(desk):
    await set_up_seller(desk.agency)
    await sign(desk.client, starts_on="2026-01-01")
    await desk.agency.owner.call("POST", f"{desk.client.base}/invoices", {"period": "2026-10"}, 201)
    await count_on(desk.world, desk.client, date(2026, 10, 15), 7)
    row = await leave(desk)
    await work(desk)
    invoice = await read_invoice(desk, await look(desk, row))
    assert [line["net"] for line in invoice["document"]["lines"]][-1] == "0.70"
