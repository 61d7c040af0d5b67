"""Month end in two calls, the journal that balances, and what is left of the money."""

import csv
import io
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from tests.support.billing import BUYER, count_on, plan_by_item, sign
from tests.support.desk import slug
from tests.support.invoicing import issue, set_up_seller, set_up_sold
from veilleur.kernel.ids import parse_id


@pytest.fixture
async def agency(world):
    made = await world.operator.found_agency()
    await set_up_seller(made)
    return made


async def begin(agency, period="2026-10"):
    return await agency.owner.call("POST", "/owner/v1/billing-runs", {"period": period}, 201)


def by_client(run):
    return {result["client"]: result for result in run["results"]}


async def test_a_month_end_drafts_what_it_can_says_what_it_can_not_and_numbers_what_is_ready(world, agency):
    good = await set_up_sold(world, agency)
    nameless = await set_up_sold(world, agency, buyer={name: BUYER[name] for name in BUYER if name != "siren"})
    unbound, idle = await agency.add_client(), await agency.add_client()
    await count_on(world, unbound, date(2026, 10, 3))
    run = await begin(agency)
    results = by_client(run)
    assert {one: results[one]["state"] for one in results} == {
        good.id: "ready", nameless.id: "blocked", unbound.id: "blocked", idle.id: "nothing",
    }  # fmt: skip
    assert results[good.id]["total"] == "134.40"
    assert [(one["type"], one["pointer"]) for one in results[nameless.id]["blockers"]] == [
        ("mentions-missing", "/buyer/siren")
    ]
    assert [one["type"] for one in results[unbound.id]["blockers"]] == ["no-contract"]
    path = f"/owner/v1/billing-runs/{run['id']}"
    done = by_client(await agency.owner.call("POST", f"{path}/finalize", status=200))
    assert {one: done[one]["state"] for one in done} == {
        good.id: "finalised", nameless.id: "blocked", unbound.id: "blocked", idle.id: "nothing",
    }  # fmt: skip
    assert done[good.id]["number"].endswith("-000001")
    french = await agency.owner.call("GET", path, accept_language="fr")
    assert "SIREN du client" in by_client(french)[nameless.id]["blockers"][0]["detail"]
    again = by_client(await begin(agency))
    assert (again[good.id]["state"], again[nameless.id]["invoice"]) == ("finalised", results[nameless.id]["invoice"])


async def test_without_a_seller_a_month_end_says_how_to_mend_it_and_leaves_nothing_behind(world):
    agency = await world.operator.found_agency()
    await set_up_sold(world, agency)
    answer = await agency.owner.ask("POST", "/owner/v1/billing-runs", {"period": "2026-10"})
    assert (answer.status_code, slug(answer)) == (409, "no-billing-profile")
    assert "PUT /owner/v1/billing-profile" in answer.json()["detail"]
    assert (await agency.owner.call("GET", "/owner/v1/billing-runs"))["data"] == []


async def test_a_month_end_checks_einvoices_before_the_first_number(world, agency):
    good = await set_up_sold(world, agency)
    await set_up_seller(agency, e_invoice="factur-x")
    broken = await set_up_sold(world, agency, buyer=BUYER | {"electronic_address": {"scheme": "ZZ", "id": "x"}})
    other = await set_up_sold(world, agency)
    run = await begin(agency)
    done = by_client(await agency.owner.call("POST", f"/owner/v1/billing-runs/{run['id']}/finalize", status=200))
    assert done[broken.id]["blockers"][0]["type"] == "einvoice-refused"
    assert sorted(done[one.id]["number"][-6:] for one in (good, other)) == ["000001", "000002"]


async def test_a_period_that_is_not_over_blocks_and_a_run_without_drafts_has_nothing_to_finalise(agency):
    client = await agency.add_client()
    await sign(client)
    run = await begin(agency, "2027-05")
    assert by_client(run)[client.id]["blockers"][0]["type"] == "period-not-over"
    answer = await agency.owner.ask("POST", f"/owner/v1/billing-runs/{run['id']}/finalize")
    assert (answer.status_code, slug(answer)) == (409, "nothing-to-finalise")


async def test_a_total_far_from_the_month_befores_is_pointed_out(world, agency):
    client = await set_up_sold(world, agency, decisions=1_000)
    await count_on(world, client, date(2026, 9, 15), 100)
    await issue(client, "2026-09")
    warned = by_client(await begin(agency))[client.id]
    assert [(one["type"], one["detail"]) for one in warned["warnings"]] == [
        ("unusual-total", "+82 % against the period before")
    ]


def read_fec(text):
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


async def test_the_journal_balances_on_the_agencys_own_accounts_in_csv_and_fec(world, agency):
    await set_up_seller(agency, accounts={"revenue": "706100", "sales_journal": "VT"})
    client = await set_up_sold(world, agency)
    issued = await issue(client)
    path = f"{client.base}/invoices/{issued['id']}"
    today = issued["issued_on"]
    await agency.owner.call("POST", f"{path}/payments", {"amount": "100", "paid_on": today}, 201)
    dispute = {"reason": "x", "lines": [{"id": issued["document"]["lines"][1]["id"]}], "dry_run": False}
    note = (await agency.owner.call("POST", f"{path}/credit-notes", dispute, 201))["credit_note"]
    note = await agency.owner.call("POST", f"{client.base}/invoices/{note}/finalize", status=200)
    accountant = await agency.add_moderator(roles=["accountant"])
    days = f"from={today}&to={date.fromordinal(date.fromisoformat(today).toordinal() + 1)}"
    rows = list(csv.DictReader(io.StringIO((await accountant.ask("GET", f"/owner/v1/journal?{days}")).text)))
    booked = [(row["journal"], row["account"], row["debit"], row["credit"]) for row in rows]
    assert booked == [
        ("VT", "411000", "134.40", "0.00"), ("VT", "706100", "0.00", "112.00"), ("VT", "445710", "0.00", "22.40"),
        ("VT", "411000", "0.00", "14.40"), ("VT", "706100", "12.00", "0.00"), ("VT", "445710", "2.40", "0.00"),
        ("BQ", "512000", "100.00", "0.00"), ("BQ", "411000", "0.00", "100.00"),
    ]  # fmt: skip
    assert {row["document"] for row in rows} == {issued["number"], note["number"]}
    fec = read_fec((await accountant.ask("GET", f"/owner/v1/journal?{days}&format=fec")).text)
    assert [row["EcritureNum"] for row in fec] == ["1", "1", "1", "2", "2", "2", "3", "3"]
    assert (fec[0]["Debit"], fec[0]["EcritureDate"], fec[0]["CompAuxNum"]) == (
        "134,40",
        today.replace("-", ""),
        rows[0]["customer"],
    )
    assert len(fec[0]) == 18
    wrong = await agency.owner.ask("GET", "/owner/v1/journal?from=2026-02-01&to=2026-01-01")
    assert wrong.status_code == 422


async def test_the_books_are_kept_in_the_sellers_currency(world, agency):
    client = await set_up_sold(world, agency, plan=plan_by_item("0.33", currency="GBP"))
    drafted = await agency.owner.call("POST", f"{client.base}/invoices", {"period": "2026-10"}, 201)
    path = f"{client.base}/invoices/{drafted['id']}"
    await agency.owner.call("PUT", f"{path}/exchange", {"rate": "1.1513", "on": "2026-11-02", "source": "ECB"})
    issued = await agency.owner.call("POST", f"{path}/finalize", status=200)
    text = (await agency.owner.ask("GET", f"/owner/v1/journal?from={issued['issued_on']}&to=2199-01-01")).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["currency"] for row in rows} == {"EUR"}
    assert sum(Decimal(row["debit"]) for row in rows) == sum(Decimal(row["credit"]) for row in rows)
    assert (rows[0]["original_amount"], rows[0]["original_currency"]) == (issued["total"], "GBP")


async def test_what_is_left_is_revenue_less_hours_at_the_rate_of_the_day(world, agency):
    client = await set_up_sold(world, agency, decisions=600)
    moderator = await agency.add_moderator()
    member = (await moderator.call("GET", "/moderator/v1/me"))["id"]
    rates = f"/owner/v1/members/{member}/cost-rates"
    for first, per_hour in (("2026-01-01", "16"), ("2026-10-16", "20")):
        await agency.owner.call("POST", rates, {"from": first, "per_hour": per_hour}, 201)
    member_id: UUID = parse_id("mem", member)
    for day, seconds in ((10, 45), (15, 60), (20, 3600)):
        await count_on(world, client, date(2026, 10, day), seconds, meter="review.seconds", member_id=member_id)
    await count_on(world, client, date(2026, 10, 21), 100, meter="review.seconds")
    path = f"/owner/v1/margin?client={client.id}&period=2026-10"
    [margin] = (await agency.owner.call("GET", path))["data"]
    assert (margin["revenue"], margin["invoiced"], margin["decisions"]) == ("160.00", False, "600")
    assert margin["cost"] == {"amount": "20.47", "seconds": "3805", "uncosted_seconds": "100"}
    assert (margin["margin"], margin["price_per_decision"], margin["median_review_seconds"]) == (
        "139.53",
        "0.2667",
        "60",
    )
    assert "Decisions is sold at 0.10 and costs 0.3315" in margin["warnings"][0]
    await issue(client)
    assert (await agency.owner.call("GET", path))["data"][0]["invoiced"] is True
    await set_up_sold(world, agency)
    everybody = (await agency.owner.call("GET", "/owner/v1/margin?period=2026-10"))["data"]
    assert everybody[0]["client"] == client.id
    assert [row["revenue"] for row in everybody] == ["160.00", "112.00"]
    assert (await moderator.ask("GET", path)).status_code == 403
    assert [row["per_hour"] for row in (await agency.owner.call("GET", rates))["data"]] == ["16.00", "20.00"]
