"""Texts of an invoice as somebody would choose them who wants the paper, the table or the e-invoice to break."""

import csv
import io

import pytest

from tests.support.billing import BUYER, TAX, plan_by_item
from tests.support.invoicing import TERMS, draft, set_up_seller, set_up_sold
from tests.support.people import Agency
from tests.support.world import World

NASTY = [
    "a\u0001b",
    "a\ufffeb",
    "a\u0085b",
    "<b>&amp;]]>",
    '=HYPERLINK("http://x")',
    "\u202egnp.exe",
    "**b** [x](http://x)",
    "(x) Tj /JS (app.alert) endstream",
]


@pytest.mark.parametrize("text", NASTY)
async def test_no_text_stops_a_document(world: World, agency: Agency, text: str):
    """What may be written is printed, tabled and sent; on the day of the invoice it is too late to refuse it."""
    terms = TERMS | {"late_penalty": {"fr": text, "en": text}}
    await set_up_seller(agency, terms=terms, e_invoice="factur-x")
    base = {"code": "base", "model": "flat", "label": {"en": text, "fr": text}, "amount": "100.00"}
    buyer = BUYER if "\u0001" in text else BUYER | {"name": text, "city": text}
    client = await set_up_sold(world, agency, plan=plan_by_item(components=[base]), buyer=buyer, tax=TAX)
    invoice = await draft(client)
    path = f"{client.base}/invoices/{invoice['id']}"
    await agency.owner.call("POST", f"{path}/finalize", status=200)
    for form in ("pdf", "factur-x", "json", "csv"):
        answer = await agency.owner.ask("GET", f"{path}/document?format={form}")
        assert (answer.status_code, form) == (200, form), answer.text
    assert b"/JavaScript" not in answer.content
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert len(rows) == 2
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]
    journal = await agency.owner.ask("GET", "/owner/v1/journal?from=2026-01-01&to=2027-12-31")
    assert journal.status_code == 200
    for row in csv.reader(io.StringIO(journal.text, newline="")):
        assert not [cell for cell in row if cell.startswith(("=", "+", "@"))]
