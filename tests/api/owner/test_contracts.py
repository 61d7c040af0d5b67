"""Rate plans and contracts over HTTP: kept for good, never two at once."""

from datetime import date

import pytest

from tests.api.refusals import read_pointers
from tests.support.billing import BUYER, TAX, count_on, plan_by_item, read_statement, sign
from tests.support.desk import slug


@pytest.fixture
async def client(shared_agency):
    return await shared_agency.add_client()


async def test_a_version_of_a_rate_plan_is_kept_for_good(shared_agency):
    owner, plan = shared_agency.owner, plan_by_item()
    kept = await owner.call("POST", "/owner/v1/rate-plans", plan, 201)
    path = f"/owner/v1/rate-plans/{plan['code']}/versions"
    assert (await owner.call("GET", f"{path}/1"))["plan"] == plan == kept["plan"]
    again = await owner.ask("POST", "/owner/v1/rate-plans", plan | {"currency": "GBP"})
    assert (again.status_code, slug(again)) == (409, "version-taken")
    assert again.json()["errors"][0]["hint"] == "the next one is 2"
    await owner.call("POST", "/owner/v1/rate-plans", plan | {"version": 2, "currency": "GBP"}, 201)
    assert (await owner.call("GET", f"{path}/1"))["plan"]["currency"] == "EUR"
    await owner.call("GET", f"{path}/3", status=404)
    listed = (await owner.call("GET", "/owner/v1/rate-plans?limit=200"))["data"]
    assert [one["version"] for one in listed if one["code"] == plan["code"]] == [1, 2]


async def test_a_rate_plan_with_mistakes_is_not_kept(shared_agency):
    wrong = plan_by_item(components=[{"code": "x", "model": "flat", "label": {"en": "X"}}], timezone="Mars/Olympus")
    answer = await shared_agency.owner.ask("POST", "/owner/v1/rate-plans", wrong)
    assert read_pointers(answer, 422, "invalid") == ["/timezone"]


async def test_the_database_itself_refuses_to_change_a_version(world, shared_agency):
    for command in ("UPDATE rate_plan_versions SET version = 9", "DELETE FROM rate_plan_versions",
                    "TRUNCATE rate_plan_versions CASCADE"):  # fmt: skip
        with pytest.raises(Exception, match="is append-only"):
            await world.fetch(command)


async def test_a_contract_says_who_pays_by_what_from_when(client):
    made = await sign(client, starts_on="2026-03-01", purchase_order="PO-7", report_day=5, payment_days=45)
    assert made == await client.owner.call("GET", f"{client.base}/contracts/{made['id']}")
    assert made["buyer"] == BUYER
    assert (made["tax"], made["time_zone"], made["ends_on"]) == (TAX, "Europe/Paris", None)
    assert (made["purchase_order"], made["report_day"], made["payment_days"]) == ("PO-7", 5, 45)
    assert (await client.owner.call("GET", f"{client.base}/contracts"))["data"] == [made]


async def test_no_two_contracts_of_a_client_share_a_day(client):
    first = await sign(client, starts_on="2026-03-01", ends_on="2026-06-01")
    body = {"rate_plan": first["rate_plan"], "buyer": BUYER, "tax": TAX}
    for days in (
        {"starts_on": "2026-05-31"},
        {"starts_on": "2026-01-01"},
        {"starts_on": "2026-02-01", "ends_on": "2026-03-02"},
    ):
        answer = await client.owner.ask("POST", f"{client.base}/contracts", body | days)
        assert (answer.status_code, slug(answer)) == (409, "contract-overlap"), days
    for days in ({"starts_on": "2026-06-01"}, {"starts_on": "2026-02-01", "ends_on": "2026-03-01"}):
        await client.owner.call("POST", f"{client.base}/contracts", body | days, 201)


async def test_all_mistakes_of_a_contract_are_told(client):
    body = {
        "rate_plan": {"code": "none", "version": 1},
        "starts_on": "2026-13-01",
        "buyer": BUYER | {"siren": "123456789", "country": "France"},
        "tax": {"category": "X", "rate": 20},
    }
    answer = await client.owner.ask("POST", f"{client.base}/contracts", body)
    assert set(read_pointers(answer, 422, "invalid")) == {
        "/starts_on",
        "/buyer/siren",
        "/buyer/country",
        "/tax/category",
        "/tax/rate",
    }
    body |= {"starts_on": "2026-01-01", "buyer": BUYER, "tax": TAX}
    assert read_pointers(await client.owner.ask("POST", f"{client.base}/contracts", body), 422, "invalid") == [
        "/rate_plan"
    ]


async def test_a_contract_that_ends_early_is_billed_in_part(world, client):
    made = await sign(client)
    assert (await read_statement(client, "2026-04"))["subtotal"] == "100.00"
    end = f"{client.base}/contracts/{made['id']}/end"
    ended = await client.owner.call("POST", end, {"ends_on": "2026-04-16", "reason": "moved away"}, 200)
    assert (ended["ends_on"], ended["end_reason"]) == ("2026-04-16", "moved away")
    last = await read_statement(client, "2026-04")
    assert (last["subtotal"], last["period"]) == ("50.00", {"from": "2026-04-01", "to": "2026-04-16"})
    await client.owner.call("GET", f"{client.base}/statement?period=2026-05", status=404)
    assert (await client.owner.ask("POST", end, {"ends_on": "2026-05-01"})).status_code == 422
    assert (await client.owner.ask("POST", end, {"ends_on": "2026-01-01"})).status_code == 422


async def test_a_statement_names_what_was_counted_and_what_it_costs(world, client):
    await sign(client)
    for day, quantity in ((date(2026, 4, 30), 7), (date(2026, 5, 1), 3), (date(2026, 5, 31), 2), (date(2026, 6, 1), 9)):
        await count_on(world, client, day, quantity)
    await count_on(world, client, date(2026, 5, 2), 50, billable=False)
    found = await read_statement(client, "2026-05")
    assert [(line["component"], line["quantity"], line["unit_price"], line["net"]) for line in found["lines"]] == [
        ("base", "1", "100.00", "100.00"), ("human", "5", "0.10", "0.50"),
    ]  # fmt: skip
    assert (found["subtotal"], found["tax"][0]["amount"], found["total"]) == ("100.50", "20.10", "120.60")
    assert (found["period"], found["closed"]) == ({"from": "2026-05-01", "to": "2026-06-01"}, False)
    assert found["usage"] == [{"meter": "decision.human", "quantity": "5", "dims": {}}]
    assert found == await read_statement(client, "2026-05-17")
    ids = [line["id"] for line in found["lines"]]
    await count_on(world, client, date(2026, 5, 3))
    assert [line["id"] for line in (await read_statement(client, "2026-05"))["lines"]] == ids


async def test_a_month_with_two_contracts_asks_for_a_day(client):
    first = await sign(client, starts_on="2026-01-01", ends_on="2026-05-11")
    body = {"rate_plan": first["rate_plan"], "buyer": BUYER, "tax": TAX, "starts_on": "2026-05-11"}
    await client.owner.call("POST", f"{client.base}/contracts", body, 201)
    answer = await client.owner.ask("GET", f"{client.base}/statement?period=2026-05")
    assert (answer.status_code, answer.json()["errors"][0]["hint"]) == (
        422, "name one of its days: 2026-05-01, 2026-05-11",
    )  # fmt: skip
    for day, net in (("2026-05-01", "32.26"), ("2026-05-31", "67.74")):
        assert (await read_statement(client, day))["subtotal"] == net
    for wrong in ("2026", "2026-13", "2026-02-30", "x", "20260501", "2026-W20"):
        answer = await client.owner.ask("GET", f"{client.base}/statement?period={wrong}")
        assert read_pointers(answer, 422, "invalid") == ["/period"], wrong
