"""A quote: written, sent as one page, accepted by its digest, and then a contract."""

import hashlib
from datetime import UTC, datetime, timedelta

import pypdfium2
import pytest

from tests.support.billing import BUYER, TAX, plan_by_item
from tests.support.desk import slug
from tests.support.invoicing import draft, set_up_seller

OFFER = {
    "starts_on": "2026-01-01", "buyer": BUYER, "tax": TAX, "payment_days": 45, "report_day": 5, "valid_until": "2029-12-31",
    "introduction": "Votre forum grandit : voici comment nous le modérons.",
    "services": [
        {"title": "Modération", "description": "Lecture et décision, 7 jours sur 7", "time": "2 h par jour"},
        {"title": "Rapport mensuel", "frequency": "chaque mois"},
    ],
    "terms": {
        "cancellation": "Préavis d'un mois.", "intellectual_property": "Les contenus restent au client.",
        "validation": "Sous deux jours ouvrés.",
    },
    "estimate": {"decision.human": [{"quantity": "1500"}]},
}  # fmt: skip


@pytest.fixture
async def offered(world):
    """An agency, a client, and an offer of a plan that is kept."""
    agency = await world.operator.found_agency()
    await set_up_seller(agency)
    client = await agency.add_client()
    plan = await agency.owner.call("POST", "/owner/v1/rate-plans", plan_by_item(), 201)
    return agency, client, OFFER | {"rate_plan": {"code": plan["code"], "version": 1}}


async def write(client, offer):
    return await client.owner.call("POST", f"{client.base}/quotes", offer, 201)


async def test_a_quote_is_priced_sent_and_accepted_by_the_digest_of_its_page(offered):
    agency, client, offer = offered
    quote = await write(client, offer)
    path = f"{client.base}/quotes/{quote['id']}"
    assert (quote["state"], quote["number"], quote["bill"]["subtotal"], quote["bill"]["total"]) == (
        "draft", None, "250.00", "300.00",
    )  # fmt: skip
    sent = await agency.owner.call("POST", f"{path}/send", status=200)
    page = (await agency.owner.ask("GET", f"{path}/document")).content
    assert (sent["state"], sent["digest"]) == ("sent", hashlib.sha256(page).hexdigest())
    text = pypdfium2.PdfDocument(page)[0].get_textpage().get_text_range().replace("\N{NO-BREAK SPACE}", " ")
    for told in (
        "Devis",
        sent["number"],
        "31 décembre 2029",
        "Modération (2 h par jour)",
        "Préavis d'un mois",
        "Bon pour accord".upper(),
        "300,00 €",
        "avant le 5",
    ):
        assert told in text, told
    other = await agency.owner.ask("POST", f"{path}/accept", {"name": "Jeanne", "digest": "0" * 64})
    assert (other.status_code, slug(other)) == (422, "quote-changed")
    signed = {"name": "Jeanne Martin", "role": "Directrice", "digest": sent["digest"]}
    accepted = await agency.owner.call("POST", f"{path}/accept", signed, 200)
    assert (accepted["state"], accepted["answer"]["name"]) == ("accepted", "Jeanne Martin")
    contract = await agency.owner.call("GET", f"{client.base}/contracts/{accepted['contract']}")
    assert (contract["payment_days"], contract["report_day"], contract["rate_plan"]) == (45, 5, offer["rate_plan"])
    invoice = await draft(client, "2026-10")
    assert invoice["document"]["quote"] == sent["number"]
    again = await agency.owner.ask("POST", f"{path}/accept", signed)
    assert (again.status_code, slug(again)) == (409, "quote-closed")
    assert (await agency.owner.ask("GET", f"{path}/document")).content == page


async def test_a_quote_that_does_not_say_all_is_not_sent(world, offered):
    agency, client, offer = offered
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    quote = await write(client, offer | {"services": [], "terms": {}, "valid_until": tomorrow})
    await world.move_clock(timedelta(days=3))
    answer = await agency.owner.ask("POST", f"{client.base}/quotes/{quote['id']}/send")
    await world.reset_clock()
    assert (answer.status_code, slug(answer)) == (422, "mentions-missing")
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        "/services", "/terms/cancellation", "/terms/intellectual_property", "/valid_until",
    ]  # fmt: skip
    preview = await agency.owner.ask("GET", f"{client.base}/quotes/{quote['id']}/document")
    assert preview.content.startswith(b"%PDF")


async def test_a_quote_expires_and_can_be_refused(world, offered):
    agency, client, offer = offered
    refused, late = [await write(client, offer) for _ in range(2)]
    for quote in (refused, late):
        await agency.owner.call("POST", f"{client.base}/quotes/{quote['id']}/send", status=200)
    answer = await agency.owner.call(
        "POST", f"{client.base}/quotes/{refused['id']}/refuse", {"reason": "Trop cher"}, 200
    )
    assert (answer["state"], answer["answer"]) == ("refused", {"reason": "Trop cher"})
    path = f"{client.base}/quotes/{late['id']}"
    await world.move_clock(timedelta(days=1_500))
    try:
        expired = await agency.owner.call("GET", path)
        accepted = await agency.owner.ask("POST", f"{path}/accept", {"name": "x", "digest": expired["digest"]})
    finally:
        await world.reset_clock()
    assert expired["state"] == "expired"
    assert (accepted.status_code, slug(accepted)) == (409, "quote-closed")
    states = [one["state"] for one in (await agency.owner.call("GET", f"{client.base}/quotes"))["data"]]
    assert states == ["refused", "sent"]


async def test_an_offer_of_what_does_not_exist_or_ends_before_it_begins_is_refused(offered):
    agency, client, offer = offered
    for change, pointer in (
        ({"rate_plan": {"code": "none", "version": 1}}, "/rate_plan"),
        ({"ends_on": "2025-12-31"}, "/ends_on"),
        ({"starts_on": "9999-01-01"}, "/starts_on"),
        ({"buyer": BUYER | {"siren": "1"}}, "/buyer/siren"),
    ):
        answer = await agency.owner.ask("POST", f"{client.base}/quotes", offer | change)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_draft_is_written_anew_until_it_is_sent_and_is_never_offered_until_yesterday(offered):
    agency, client, offer = offered
    bare = {name: value for name, value in offer.items() if name not in ("services", "terms")}
    quote = await write(client, bare)
    path = f"{client.base}/quotes/{quote['id']}"
    assert (await agency.owner.ask("POST", f"{path}/send")).status_code == 422
    past = await agency.owner.ask("PUT", path, offer | {"valid_until": "2020-01-01"})
    assert [error["pointer"] for error in past.json()["errors"]] == ["/valid_until"]
    changed = await agency.owner.call("PUT", path, offer | {"valid_until": "2031-01-01"}, 200)
    assert (changed["id"], changed["valid_until"], len(changed["offer"]["services"])) == (quote["id"], "2031-01-01", 2)
    await agency.owner.call("POST", f"{path}/send", status=200)
    late = await agency.owner.ask("PUT", path, offer)
    assert (late.status_code, slug(late)) == (409, "quote-sent")


async def test_a_quote_prices_no_meter_that_its_plan_does_not_know(offered):
    _, client, offer = offered
    wrong = offer | {"estimate": {"decision.humans": [{"quantity": "1"}]}}
    answer = await client.owner.ask("POST", f"{client.base}/quotes", wrong)
    assert (answer.status_code, slug(answer)) == (422, "unpriced-usage")
    assert answer.json()["errors"][0]["pointer"] == "/estimate/decision.humans"
