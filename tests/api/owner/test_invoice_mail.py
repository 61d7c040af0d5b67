"""An issued invoice goes to a mailbox: once to each, again when the server was busy, and it is said when nobody is mailed."""

from datetime import timedelta

import pytest

from tests.support.billing import BUYER, agency_of
from tests.support.invoicing import SELLER, draft, finalise, issue, set_up_seller, set_up_sold
from tests.support.post import open_post
from veilleur.domain.invoicing.mail_invoice import begin_mails, finish_mail
from veilleur.infra.db.session import Scope
from veilleur.infra.outbound.mail import MailReply
from veilleur_worker.drains import Drains


@pytest.fixture
async def agency(world):
    made = await world.operator.found_agency()
    await set_up_seller(made)
    return made


@pytest.fixture
async def post(world, monkeypatch):
    async with open_post(world, monkeypatch) as post:
        yield post


async def send(client, issued, status=200, **body):
    return await client.owner.call("POST", f"{client.base}/invoices/{issued['id']}/send", body, status)


async def drain(world, client):
    assert await Drains(world.worker).run("mail", await agency_of(world, client))


async def read_mails(client, issued):
    return (await client.owner.call("GET", f"{client.base}/invoices/{issued['id']}"))["mails"]


async def test_the_buyer_is_mailed_the_page_that_was_kept_in_the_documents_language(world, agency, post):
    client = await set_up_sold(world, agency, buyer=BUYER | {"email": "ap@forum.example"})
    issued = await issue(client)
    sent = await send(client, issued)
    assert (sent["state"], sent["mails"][0]["state"]) == ("sent", "waiting")
    assert "ap@forum.example" in sent["mail"]
    await drain(world, client)
    [row] = await read_mails(client, issued)
    assert (row["to"], row["state"], row["attempts"], row["last_status"]) == ("ap@forum.example", "sent", 1, 250)
    assert post.recipients == [b"rcpt TO:<ap@forum.example>"]
    mail = post.read()
    assert mail["Subject"] == f"Facture {issued['number']} de {SELLER['name']}"
    assert (mail["To"], mail["Reply-To"]) == ("ap@forum.example", SELLER["email"])
    assert mail["Message-ID"].startswith("<iml_")
    text = mail.get_body().get_content()
    assert issued["number"] in text
    assert "134,40" in text
    [page] = mail.iter_attachments()
    kept = await client.owner.ask("GET", f"{client.base}/invoices/{issued['id']}/document?language=fr")
    assert page.get_content() == kept.content
    assert page.get_filename().endswith(".pdf")


async def test_a_credit_note_is_mailed_as_one_in_its_own_language_and_it_is_noted(world, agency, post):
    client = await set_up_sold(world, agency)
    issued = await finalise(client, await draft(client, language="en"))
    path = f"{client.base}/invoices/{issued['id']}/credit-notes"
    note = (await client.owner.call("POST", path, {"reason": "x", "dry_run": False}, 201))["credit_note"]
    note = await finalise(client, {"id": note})
    await send(client, note, to="ap@forum.example")
    await drain(world, client)
    assert post.read()["Subject"] == f"Credit note {note['number']} from {SELLER['name']}"
    assert "credit note" in post.read().get_body().get_content()
    [entry] = (await client.owner.call("GET", "/owner/v1/audit?action=invoice.mailed"))["data"]
    assert entry["subject"] == note["id"]


async def test_to_one_address_it_goes_once_and_to_another_one_too(world, agency, post):
    client = await set_up_sold(world, agency)
    issued = await issue(client)
    for _ in range(2):
        await send(client, issued, to="ap@forum.example")
        await drain(world, client)
    await send(client, issued, to="boss@forum.example")
    await drain(world, client)
    assert [one.partition(b"<")[2] for one in post.recipients] == [b"ap@forum.example>", b"boss@forum.example>"]


async def test_a_busy_server_is_tried_again_one_that_refuses_is_an_alarm_and_can_be_asked_anew(world, agency, post):
    client = await set_up_sold(world, agency)
    issued = await issue(client)
    post.verdict = b"451 later"
    await send(client, issued, to="ap@forum.example")
    await drain(world, client)
    [row] = await read_mails(client, issued)
    assert (row["state"], row["last_status"], row["next_at"] is not None) == ("waiting", 451, True)
    await drain(world, client)
    assert len(post.mails) == 1
    post.verdict = b"550 never"
    await world.move_clock(timedelta(minutes=10))
    await drain(world, client)
    [row] = await read_mails(client, issued)
    assert (row["state"], row["attempts"], row["last_status"]) == ("failed", 2, 550)
    assert post.read(0)["Message-ID"] == post.read(1)["Message-ID"]
    [alarm] = (await client.owner.call("GET", "/owner/v1/alarms?kind=invoice.unsent"))["data"]
    assert (alarm["subject"], alarm["client"]) == (issued["number"], client.id)
    post.verdict = b"250 taken"
    await send(client, issued, to="ap@forum.example")
    await drain(world, client)
    assert [row["state"] for row in await read_mails(client, issued)] == ["failed", "sent"]
    assert (await client.owner.call("GET", "/owner/v1/alarms?state=open&kind=invoice.unsent"))["data"] == []


async def test_without_a_server_or_an_address_it_is_marked_as_sent_and_says_that_nobody_was_mailed(world, agency):
    client = await set_up_sold(world, agency)
    issued = await issue(client)
    sent = await send(client, issued, to="ap@forum.example")
    assert (sent["state"], sent["mails"]) == ("sent", [])
    assert "VEILLEUR_SMTP_URL" in sent["mail"]


async def test_nobody_to_mail_is_said(world, agency, post):
    client = await set_up_sold(world, agency)
    sent = await send(client, await issue(client))
    assert sent["mails"] == post.mails == []
    assert "`to`" in sent["mail"]


async def test_a_draft_is_mailed_to_nobody(world, agency, post):
    client = await set_up_sold(world, agency)
    drafted = await draft(client)
    await send(client, drafted, 409, to="ap@forum.example")
    assert await world.fetch("SELECT 1 FROM invoice_mails WHERE agency_id = $1", await agency_of(world, client)) == []


async def test_a_sender_that_vanished_leaves_a_lease_that_ends_and_comes_too_late(world, agency, post):
    client = await set_up_sold(world, agency)
    await send(client, await issue(client), to="ap@forum.example")
    agency_id = await agency_of(world, client)
    async with world.worker.database.transaction(Scope(agency_id)) as session:
        [gone] = await begin_mails(session, agency_id, 5)
    await drain(world, client)
    assert post.mails == []
    await world.move_clock(timedelta(minutes=3))
    await drain(world, client)
    assert len(post.mails) == 1
    async with world.worker.database.transaction(Scope(agency_id)) as session:
        assert await finish_mail(session, agency_id, gone, MailReply(None, "timeout"), jitter=0.5) == "stale"
