"""From a statement to an invoice that never changes: drafted, put right by two, numbered, sent, paid, credited."""

import asyncio
import base64
import hashlib
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from tests.support.billing import BUYER, close_month, count_on, plan_by_item, read_statement, sign
from tests.support.desk import slug
from tests.support.invoicing import PROFILE, SELLER, draft, finalise, issue, set_up_seller, set_up_sold
from tests.support.pictures import draw
from veilleur.domain.billing.models import Contract
from veilleur.domain.invoicing.documents.document import read_document
from veilleur.domain.invoicing.draft import compose
from veilleur.domain.invoicing.draft_invoice import gather
from veilleur.domain.invoicing.finalise import digest_document, make_files
from veilleur.domain.invoicing.invoice_models import Invoice
from veilleur.domain.invoicing.keep_profile import load_seller
from veilleur.domain.invoicing.profile import NumberFormat
from veilleur.domain.invoicing.take_number import take_number
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import parse_id


@pytest.fixture
async def agency(world):
    made = await world.operator.found_agency()
    await set_up_seller(made)
    return made


async def test_an_invoice_is_the_periods_statement_with_a_number(world, agency):
    client = await set_up_sold(world, agency, purchase_order="PO-77")
    drafted = await draft(client)
    statement = await read_statement(client, "2026-10")
    assert statement["closed"] is True
    assert (drafted["state"], drafted["number"], drafted["total"]) == ("draft", None, statement["total"])
    document = drafted["document"]
    assert [line["id"] for line in document["lines"]] == [line["id"] for line in statement["lines"]]
    assert [line["net"] for line in document["lines"]] == ["100.00", "12.00"]
    assert document["tax"] == [{"category": "S", "rate": "20", "basis": "112.00", "amount": "22.40", "reason": None}]
    assert (document["period"], document["purchase_order"]) == ({"from": "2026-10-01", "to": "2026-10-31"}, "PO-77")
    issued = await finalise(client, drafted)
    year = issued["issued_on"][:4]
    assert (issued["state"], issued["number"], issued["total"]) == ("finalised", f"{year}-000001", "134.40")
    assert date.fromisoformat(issued["due_on"]) - date.fromisoformat(issued["issued_on"]) == timedelta(days=30)
    assert {file["name"] for file in issued["files"]} == {"pdf-fr", "pdf-en"}
    listed = await agency.owner.call("GET", f"{client.base}/invoices")
    assert [one["number"] for one in listed["data"]] == [issued["number"]]


async def test_a_period_is_invoiced_once_and_a_draft_can_be_thrown_away(world, agency):
    client = await set_up_sold(world, agency)
    drafted = await draft(client)
    again = await agency.owner.ask("POST", f"{client.base}/invoices", {"period": "2026-10"})
    assert (again.status_code, slug(again)) == (409, "already-invoiced")
    assert (await agency.owner.ask("DELETE", f"{client.base}/invoices/{drafted['id']}")).status_code == 204
    issued = await issue(client)
    answer = await agency.owner.ask("DELETE", f"{client.base}/invoices/{issued['id']}")
    assert (answer.status_code, slug(answer)) == (409, "invoice-issued")


async def test_a_period_drafted_by_two_at_once_is_drafted_once(world, agency):
    client = await set_up_sold(world, agency)
    await close_month(world, client, "2026-10")
    tries = [agency.owner.ask("POST", f"{client.base}/invoices", {"period": "2026-10"}) for _ in range(4)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*tries)) == [201, 409, 409, 409]


async def test_finalising_without_a_mention_is_refused_with_the_list(world, agency):
    client = await set_up_sold(world, agency, buyer={name: BUYER[name] for name in BUYER if name != "siren"})
    await set_up_seller(agency, seller={name: SELLER[name] for name in SELLER if name != "registration"}, terms={})
    drafted = await draft(client)
    answer = await agency.owner.ask("POST", f"{client.base}/invoices/{drafted['id']}/finalize")
    assert (answer.status_code, slug(answer)) == (422, "mentions-missing")
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        "/seller/registration", "/buyer/siren", "/notes/late_penalty", "/notes/recovery_indemnity", "/notes/early_payment",
    ]  # fmt: skip
    await set_up_seller(agency)
    assert (await agency.owner.call("GET", f"{client.base}/invoices/{drafted['id']}"))["number"] is None


async def test_without_a_seller_nothing_is_drafted(world):
    agency = await world.operator.found_agency()
    client = await set_up_sold(world, agency)
    answer = await agency.owner.ask("POST", f"{client.base}/invoices", {"period": "2026-10"})
    assert (answer.status_code, slug(answer)) == (409, "no-billing-profile")
    assert (await agency.owner.ask("GET", "/owner/v1/billing-profile")).status_code == 404


async def test_a_factur_x_invoice_is_checked_kept_and_given_back_byte_for_byte(world, agency):
    await set_up_seller(agency, e_invoice="factur-x")
    client = await set_up_sold(world, agency, buyer=BUYER | {"email": "ap@forum.example"})
    issued = await issue(client)
    assert {file["name"] for file in issued["files"]} == {"pdf-fr", "pdf-en", "factur-x"}
    digests = {file["name"]: file["sha256"] for file in issued["files"]}
    for query, name in (("format=factur-x", "factur-x"), ("format=pdf&language=en", "pdf-en"), ("", "pdf-fr")):
        answer = await agency.owner.ask("GET", f"{client.base}/invoices/{issued['id']}/document?{query}")
        assert hashlib.sha256(answer.content).hexdigest() == digests[name]
    refused = BUYER | {"electronic_address": {"scheme": "ZZ", "id": "x"}}
    other = await set_up_sold(world, agency, buyer=refused)
    drafted = await draft(other)
    answer = await agency.owner.ask("POST", f"{other.base}/invoices/{drafted['id']}/finalize")
    assert (answer.status_code, slug(answer)) == (422, "einvoice-refused")
    later = await set_up_sold(world, agency)
    assert (await issue(later))["number"].endswith("000002")


async def test_lines_by_hand_count_once_a_second_person_approved_them(world, agency):
    client = await set_up_sold(world, agency)
    accountant = await agency.add_moderator(roles=["accountant"])
    drafted = await draft(client)
    path = f"{client.base}/invoices/{drafted['id']}"
    line = {
        "description": {"fr": "Formation"},
        "quantity": "2",
        "unit_price": "150.50",
        "from": "2026-10-01",
        "to": "2026-10-02",
    }
    added = await agency.owner.call("POST", f"{path}/lines", line, 201)
    [manual] = added["manual_lines"]
    assert added["total"] == drafted["total"]
    waiting = await agency.owner.ask("POST", f"{path}/finalize")
    assert (waiting.status_code, slug(waiting)) == (409, "unapproved-lines")
    own = await agency.owner.ask("POST", f"{path}/lines/{manual['id']}/approve")
    assert (own.status_code, slug(own)) == (409, "second-person")
    approved = await accountant.call("POST", f"{path}/lines/{manual['id']}/approve", status=200)
    assert Decimal(approved["total"]) == Decimal(drafted["total"]) + Decimal("361.20")
    issued = await finalise(client, drafted, accountant)
    assert issued["document"]["lines"][-1]["period"] == {"from": "2026-10-01", "to": "2026-10-02"}
    late = await agency.owner.ask("POST", f"{path}/lines", line)
    assert (late.status_code, slug(late)) == (409, "invoice-issued")


async def test_an_issued_invoice_is_never_changed_whoever_asks(world, agency):
    client = await set_up_sold(world, agency)
    await issue(client)
    for statement in ("UPDATE invoices SET total = 1", "UPDATE invoices SET state = 'draft'", "DELETE FROM invoices"):
        with pytest.raises(Exception, match=r"RestrictViolation"):
            async with world.parts.database.transaction(Scope(parse_id("agc", agency.id))) as session:
                await session.execute(text(statement))
    for statement in ("UPDATE invoices SET document = '{}'", "DELETE FROM invoices", "TRUNCATE invoices CASCADE"):
        with pytest.raises(Exception, match=r"never|append|refuse"):
            await world.fetch(statement)


async def test_rating_a_closed_period_again_reproduces_the_invoice_byte_for_byte(world, agency):
    client = await set_up_sold(world, agency)
    issued = await issue(client)
    await count_on(world, client, date(2026, 10, 15), 1_000)
    agency_id = parse_id("agc", agency.id)
    async with world.parts.database.transaction(Scope(agency_id)) as session:
        row = await session.get_one(Invoice, (agency_id, parse_id("inv", issued["id"])))
        contract = await session.get_one(Contract, (agency_id, row.contract_id))
        seller = await load_seller(session, agency_id)
        again = compose(*await gather(session, row, contract, seller.profile))
    kept = read_document(row.document)
    again = replace(again, number=kept.number, issued_on=kept.issued_on, due_on=kept.due_on)
    assert digest_document(again) == issued["digest"]
    files = {file.name: hashlib.sha256(file.content).hexdigest() for file in make_files(again, seller.brand, None)}
    assert files == {file["name"]: file["sha256"] for file in issued["files"]}


async def test_numbers_have_no_gap_and_go_with_time_whoever_gives_up(world, agency):
    """Eight at once, a quarter of them fails after having taken a number."""
    agency_id = parse_id("agc", agency.id)

    async def take(place):
        try:
            async with world.parts.database.transaction(Scope(agency_id)) as session:
                taken = await take_number(session, agency_id, "invoice", NumberFormat(prefix="T-"))
                if place % 4 == 0:
                    raise RuntimeError(taken.number)
                return taken
        except RuntimeError:
            return None

    async def work(first):
        return [await take(first + step) for step in range(25)]

    done = [taken for batch in await asyncio.gather(*(work(first) for first in range(8))) for taken in batch if taken]
    ordered = sorted(done, key=lambda taken: taken.number)
    assert [taken.number for taken in ordered] == [f"T-{number:06}" for number in range(1, len(done) + 1)]
    assert len(done) == 150
    assert [taken.at for taken in ordered] == sorted(taken.at for taken in done)


async def test_an_invoice_is_sent_paid_in_parts_and_overdue_in_between(world, agency):
    client = await set_up_sold(world, agency, payment_days=0)
    issued = await issue(client)
    path = f"{client.base}/invoices/{issued['id']}"
    assert (await agency.owner.call("POST", f"{path}/send", {"to": "ap@forum.example"}))["state"] == "sent"
    paid = {"amount": "100.00", "paid_on": "2026-11-20", "reference": "VIR 1"}
    await agency.owner.call("POST", f"{path}/payments", paid, 201)
    more = await agency.owner.ask("POST", f"{path}/payments", paid)
    assert (more.status_code, more.json()["errors"][0]["pointer"]) == (422, "/amount")
    wrong = await agency.owner.ask("POST", f"{path}/payments", paid | {"amount": "0", "paid_on": "2099-11-22"})
    said = {error["pointer"]: error["detail"] for error in wrong.json()["errors"]}
    assert (wrong.status_code, said) == (422, {"/amount": "must not be 0", "/paid_on": "is still to come"})
    await world.move_clock(timedelta(days=3))
    try:
        late = await agency.owner.call("GET", path)
        assert (late["state"], late["paid"], late["open"]) == ("overdue", "100.00", "34.40")
    finally:
        await world.reset_clock()
    await agency.owner.call("POST", f"{path}/payments", paid | {"amount": "34.40"}, 201)
    assert (await agency.owner.call("GET", path))["state"] == "paid"
    back = await agency.owner.call("POST", f"{path}/payments", paid | {"amount": "-34.40"}, 201)
    assert back["amount"] == "-34.40"
    assert (await agency.owner.call("GET", path))["state"] == "sent"
    assert len((await agency.owner.call("GET", f"{path}/payments"))["data"]) == 3


async def test_the_profile_as_it_is_read_can_be_put_back_with_its_logo(agency):
    logo = base64.b64encode(draw()).decode()
    await agency.owner.call("PUT", "/owner/v1/billing-profile", PROFILE | {"logo": logo}, 200)
    read = await agency.owner.call("GET", "/owner/v1/billing-profile")
    back = await agency.owner.call("PUT", "/owner/v1/billing-profile", read, 200)
    fixed = {"version", "changed_at"}
    assert {name: back[name] for name in back if name not in fixed} == {n: read[n] for n in read if n not in fixed}
    assert back["has_logo"] is True
    gone = await agency.owner.call("PUT", "/owner/v1/billing-profile", PROFILE | {"logo": None}, 200)
    assert gone["has_logo"] is False


async def test_moderators_see_no_amounts_and_the_profile_has_versions(agency):
    moderator, lead = [await agency.add_moderator(roles=[role]) for role in ("moderator", "lead")]
    for caller in (moderator, lead):
        assert (await caller.ask("GET", "/owner/v1/billing-profile")).status_code == 403
    first = await agency.owner.ask("GET", "/owner/v1/billing-profile")
    changed = PROFILE | {"colour": "#00aa77", "logo": "aGVsbG8="}
    refused = await agency.owner.ask("PUT", "/owner/v1/billing-profile", changed)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/logo")
    changed = PROFILE | {"colour": "#00aa77"}
    await agency.owner.call("PUT", "/owner/v1/billing-profile", changed, 200, if_match=first.headers["etag"])
    stale = await agency.owner.ask("PUT", "/owner/v1/billing-profile", changed, if_match=first.headers["etag"])
    assert stale.status_code == 412


async def test_a_client_in_pounds_needs_the_rate_for_its_vat(world, agency):
    client = await set_up_sold(world, agency, plan=plan_by_item(currency="GBP"))
    drafted = await draft(client)
    path = f"{client.base}/invoices/{drafted['id']}"
    refused = await agency.owner.ask("POST", f"{path}/finalize")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/exchange"]
    told = await agency.owner.call("PUT", f"{path}/exchange", {"rate": "1.1512", "on": "2026-11-02", "source": "ECB"})
    assert told["document"]["exchange"]["tax"] == "25.79"
    assert (await finalise(client, drafted))["document"]["exchange"]["rate"] == "1.1512"


async def test_an_invoice_without_a_period_has_lines_by_hand_alone(world, agency):
    client = await agency.add_client()
    nobody = await agency.owner.ask("POST", f"{client.base}/invoices", {})
    assert (nobody.status_code, slug(nobody)) == (409, "no-contract")
    await sign(client)
    drafted = await agency.owner.call("POST", f"{client.base}/invoices", {"language": "en"}, 201)
    assert (drafted["document"]["lines"], drafted["document"]["language"]) == ([], "en")
    empty = await agency.owner.ask("POST", f"{client.base}/invoices/{drafted['id']}/finalize")
    assert slug(empty) == "mentions-missing"


async def test_a_draft_is_previewed_in_every_form(world, agency):
    client = await set_up_sold(world, agency)
    drafted = await draft(client)
    path = f"{client.base}/invoices/{drafted['id']}/document"
    kinds = {"pdf": "application/pdf", "csv": "text/csv; charset=utf-8", "json": "application/json"}
    for form, kind in kinds.items():
        answer = await agency.owner.ask("GET", f"{path}?format={form}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert (await agency.owner.ask("GET", f"{path}?format=factur-x")).status_code == 404
