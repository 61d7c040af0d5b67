"""One document, every form of it: data, pages, mentions, shares."""

import csv
import io
from dataclasses import replace
from decimal import Decimal

import pypdf
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.domain.invoicing.samples import (
    SAMPLES,
    STANDARD,
    credit_note,
    france,
    issue,
    line,
    reverse_charge,
    several_rates,
)
from veilleur.domain.billing.allowances import Allowance
from veilleur.domain.invoicing.documents.compose import add_up, charge_rows, share_allowances, take_part
from veilleur.domain.invoicing.documents.document import dump_document, read_document
from veilleur.domain.invoicing.documents.draw import draw_page
from veilleur.domain.invoicing.documents.facturx import write_xml
from veilleur.domain.invoicing.documents.invoice_sheet import lay_out_invoice
from veilleur.domain.invoicing.documents.mentions import find_missing
from veilleur.domain.invoicing.documents.shape import show_document, write_csv
from veilleur.domain.invoicing.documents.sheet import Brand
from veilleur.kernel.messages import msg

GREEN = Brand("#0f5e4d")


def draw(document, language="fr", brand=GREEN, xml=None, **more):
    return draw_page(lay_out_invoice(document, brand, language, **more), xml)


def read_text(pdf):
    pages = pypdfium2.PdfDocument(pdf)
    text = "\n".join(page.get_textpage().get_text_range() for page in pages)
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize("name", SAMPLES)
def test_a_document_is_kept_as_data_and_lacks_nothing(name):
    document = SAMPLES[name]()
    assert read_document(dump_document(document)) == document
    assert find_missing(document) == []


def test_the_same_document_gives_the_same_bytes():
    document = several_rates()
    xml = write_xml(document)
    assert write_xml(read_document(dump_document(document))) == xml
    assert draw(document, xml=xml) == draw(read_document(dump_document(document)), xml=xml)


def test_a_page_says_what_the_law_wants_in_either_language():
    french, english = read_text(draw(several_rates())), read_text(draw(several_rates(), "en"))
    for told in (
        "Facture", "N° 2026-000124", "1 décembre 2026", "31 décembre 2026", "1 – 30 novembre 2026", "Vigie Modération",
        "SAS · capital de 10 000 € · RCS Paris 732 829 320", "SIREN 732829320", "FR44732829320", "SIREN 404833048",
        "Prestation training", "100,123456 €", "200,25 €", "5,5 %", "1 – 31 octobre 2026", "Total HT", "40 €", "escompte",
        "FR76 3000 6000 0112 3456 7890 189", "PO-77", "D2026-0004",
    ):  # fmt: skip
        assert told in french, told
    for told in ("Invoice", "1 December 2026", "Service training", "€200.25", "5.5%", "To be paid", "Late payment"):
        assert told in english, told


def test_a_credit_note_and_a_reverse_charge_say_so():
    credit = read_text(draw(credit_note()))
    assert "Avoir" in credit
    assert "2026-000124 du 1 décembre 2026" in credit
    assert "Autoliquidation" in read_text(draw(reverse_charge()))
    assert "BROUILLON" in read_text(draw(replace(france(), number=None), draft=True))


def test_the_pdf_is_an_archive_with_its_fonts_and_its_data_inside():
    document = france()
    xml = write_xml(document)
    logo = io.BytesIO()
    Image.new("RGB", (300, 100), "#0f5e4d").save(logo, "PNG")
    pdf = draw(document, brand=Brand("#ffcc00", logo.getvalue()), xml=xml)
    read = pypdf.PdfReader(io.BytesIO(pdf))
    assert read.attachments["factur-x.xml"] == [xml]
    [file] = read.trailer["/Root"]["/AF"]
    assert file.get_object()["/AFRelationship"] == "/Data"
    packet = read.trailer["/Root"]["/Metadata"].get_data().decode()
    for told in ("<pdfaid:part>3<", "<pdfaid:conformance>B<", "<fx:ConformanceLevel>EN 16931<", "factur-x.xml"):
        assert told in packet
    fonts = [font.get_object() for font in read.pages[0]["/Resources"]["/Font"].values()]
    assert fonts
    for font in fonts:
        assert "/FontFile2" in font["/DescendantFonts"][0].get_object()["/FontDescriptor"]


def test_many_lines_go_on_over_pages_and_end_with_the_sums():
    lines = [line(f"line.{number}", "1", "10.01") for number in range(1_000)]
    document = issue(lines)
    assert document.totals.lines == Decimal("10010.00")
    pages = pypdfium2.PdfDocument(draw(document))
    assert len(pages) > 20
    assert "Net à payer" in "".join(
        pages[place].get_textpage().get_text_range() for place in (-2 + len(pages), -1 + len(pages))
    )
    assert "Prestation" in pages[5].get_textpage().get_text_range()


def test_signs_the_font_lacks_do_no_harm():
    buyer = france().buyer.model_copy(update={"name": "論壇 😀 Łódź Ελλάδα"})
    assert "?? ? Łódź Ελλάδα" in read_text(draw(replace(france(), buyer=buyer)))


def test_csv_adds_up_to_the_tax_basis_and_runs_no_formula():
    document = several_rates()
    texts = {"fr": "=1+1", "en": "=1+1"}
    document = replace(document, lines=(replace(document.lines[0], texts=texts), *document.lines[1:]))
    rows = list(csv.DictReader(io.StringIO(write_csv(document, "fr").decode())))
    assert sum(Decimal(row["net"]) for row in rows) == document.totals.basis
    assert rows[0]["description"] == "'=1+1"


def test_json_shows_amounts_as_text_in_the_readers_language():
    shown = show_document(several_rates(), "en")
    assert (shown["subtotal"], shown["lines"][1]["unit_price"]) == ("660.21", "100.123456")
    assert [row["basis"] for row in shown["tax"]] == ["472.30", "187.91"]
    assert shown["lines"][0]["description"] == "Service base"


MISSING = {
    "/seller/siren": lambda one: replace(one, seller=one.seller.model_copy(update={"siren": None})),
    "/seller/capital": lambda one: replace(one, seller=one.seller.model_copy(update={"capital": None})),
    "/seller/registration": lambda one: replace(one, seller=one.seller.model_copy(update={"registration": None})),
    "/seller/vat_id": lambda one: replace(one, seller=one.seller.model_copy(update={"vat_id": None})),
    "/buyer/siren": lambda one: replace(one, buyer=one.buyer.model_copy(update={"siren": None})),
    "/notes/late_penalty": lambda one: replace(one, notes=one.notes[1:]),
    "/notes/recovery_indemnity": lambda one: replace(one, notes=(one.notes[0], one.notes[2])),
    "/notes/early_payment": lambda one: replace(one, notes=one.notes[:2]),
    "/exchange": lambda one: replace(one, currency="GBP"),
    "/credited": lambda one: replace(one, kind="381"),
    "/period": lambda one: replace(one, period=None, lines=tuple(replace(line, period=None) for line in one.lines)),
}


@pytest.mark.parametrize("pointer", MISSING)
def test_a_missing_mention_is_named(pointer):
    assert [error.pointer for error in find_missing(MISSING[pointer](france()))] == [pointer]


def test_a_reverse_charge_needs_both_vat_ids_and_its_reason():
    document = reverse_charge()
    bare = replace(
        document,
        seller=document.seller.model_copy(update={"vat_id": None}),
        buyer=document.buyer.model_copy(update={"vat_id": None}),
        tax=(replace(document.tax[0], reason=None, reason_code=None),),
    )
    assert {error.pointer for error in find_missing(bare)} == {"/tax/0/reason", "/seller/vat_id", "/buyer/vat_id"}


amounts = st.integers(min_value=1, max_value=10_000_00).map(lambda cents: Decimal(cents).scaleb(-2))


@given(st.lists(st.tuples(amounts, st.sampled_from(["20", "10", "5.5", "2.1"])), min_size=1, max_size=8), st.data())
def test_shares_of_allowances_add_up_and_parts_never_exceed_the_whole(charged, data):
    lines = [line(str(place), "1", price, rate=rate) for place, (price, rate) in enumerate(charged)]
    whole = sum((one.net for one in lines), Decimal(0))
    amount = data.draw(
        st.integers(min_value=0, max_value=int(whole * 100)).map(lambda cents: Decimal(cents).scaleb(-2))
    )
    off = share_allowances(lines, [Allowance(msg("Discount"), amount)])
    assert sum((one.amount for one in off), Decimal(0)) == amount
    totals = add_up(lines, off, charge_rows(lines, off, STANDARD))
    assert (totals.basis, totals.total) == (whole - amount, totals.basis + totals.tax)
    part = data.draw(st.lists(st.sampled_from(lines), unique_by=lambda one: one.id))
    taken = take_part(lines, off, part)
    limits = {(one.category, one.rate): one.amount for one in off}
    assert all(one.amount <= limits[one.category, one.rate] for one in taken)
    if len(part) == len(lines):
        assert sum((one.amount for one in taken), Decimal(0)) == amount
