"""Every sample passes the official rules; each mutation fails them by name, or where they are blind, our own."""

import asyncio
import sys
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.domain.invoicing.samples import NOTES, SAMPLES, credit_note, france, in_pounds, reverse_charge
from veilleur.domain.invoicing.documents.einvoice import require_faultless, write_einvoices
from veilleur.domain.invoicing.documents.facturx import write_xml
from veilleur.domain.invoicing.documents.invariants import BrokenDocument, check_document, find_broken, find_excess
from veilleur.infra.einvoicing import extra
from veilleur.infra.einvoicing.check import check_xml
from veilleur.kernel.errors import Invalid, NotInstalled, Unavailable

CENT = Decimal("0.01")


def with_totals(document, **more):
    return replace(document, totals=replace(document.totals, **more))


def with_tax(document, **more):
    return replace(document, tax=(replace(document.tax[0], **more),))


def without_note(code):
    return replace(france(), notes=tuple(note for note in NOTES if note.code != code))


def drop_siren():
    seller = france().seller.model_copy(update={"siren": None, "email": "x@vigie.example"})
    return replace(france(), seller=seller)


MUTATIONS = {
    "the sum of lines is a cent off": (with_totals(france(), lines=france().totals.lines + CENT), {"BR-CO-10", "BR-CO-13"}),
    "VAT is not that of the breakdown": (with_totals(france(), tax=france().totals.tax + CENT), {"BR-CO-14"}),
    "a reverse charge without a reason": (with_tax(reverse_charge(), reason=None, reason_code=None), {"BR-AE-10"}),
    "a reverse charge without the customer's VAT id": (
        replace(reverse_charge(), buyer=reverse_charge().buyer.model_copy(update={"vat_id": None})), {"BR-AE-02"},
    ),
    "a credit note that names no invoice": (replace(credit_note(), credited=None), {"BR-FR-CO-05"}),
    "no penalty for late payment": (without_note("PMD"), {"BR-FR-05"}),
    "no recovery indemnity": (without_note("PMT"), {"BR-FR-05"}),
    "no word on early payment": (without_note("AAB"), {"BR-FR-05"}),
    "no SIREN of the seller": (drop_siren(), {"BR-FR-10"}),
    "pounds without VAT in euros": (replace(in_pounds(), exchange=None), {"BR-FR-CO-12"}),
}  # fmt: skip
OVERCHARGED = with_tax(
    with_totals(france(), tax=Decimal("477.00"), total=Decimal("2857.00"), due=Decimal("2857.00")),
    amount=Decimal("477.00"),
)


@pytest.fixture(scope="module")
def found():
    """What the rules say of every sample and mutation, by one process."""
    documents = {name: make() for name, make in SAMPLES.items()} | {name: one for name, (one, _) in MUTATIONS.items()}
    french = [document.seller.country == "FR" for document in documents.values()]
    faults = asyncio.run(check_xml([write_xml(document) for document in documents.values()], french))
    return dict(zip(documents, faults, strict=True))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_passes_the_official_rules_and_ours(found, name):
    assert found[name] == []
    assert list(find_broken(SAMPLES[name]())) == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_fails_by_the_rule_that_forbids_it(found, name):
    broken = {
        next((rule for rule in MUTATIONS[name][1] if rule in fault.rule + fault.text), fault.rule)
        for fault in found[name]
    }
    assert broken & MUTATIONS[name][1] == MUTATIONS[name][1]


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (replace(france(), lines=(replace(france().lines[0], net=Decimal("500.01")), *france().lines[1:])), "line base is not quantity"),
        (OVERCHARGED, "VAT S 20 is not its basis times its rate"),
        (with_totals(france(), prepaid=CENT), "the total is off"),
        (replace(france(), lines=(france().lines[0],) * 2), "lines are missing, or two have one id"),
        (replace(credit_note(), credited=None), "a credit note names no invoice"),
    ],
)  # fmt: skip
def test_what_the_official_rules_miss_is_found_before(document, fault):
    with pytest.raises(BrokenDocument, match=fault):
        check_document(document)


def test_no_more_is_given_back_than_was_charged():
    invoice = france()
    whole = replace(invoice, kind="381", credited=credit_note().credited)
    assert find_excess(invoice, [whole]) == []
    assert find_excess(invoice, [credit_note()] * 4) == []
    assert find_excess(invoice, [credit_note()] * 5) == ["networks.2"]
    assert find_excess(invoice, [whole, credit_note()]) == ["networks.2", "S 20"]


async def test_an_einvoice_that_breaks_a_rule_is_not_made():
    with pytest.raises(Invalid) as refused:
        require_faultless(await write_einvoices([without_note("PMD")]))
    assert refused.value.slug == "einvoice-refused"
    assert "BR-FR-05" in str(refused.value.errors[0].detail)


@pytest.mark.parametrize(
    ("program", "seconds"),
    [
        ("import time; time.sleep(60)", 0.3), ("import sys; sys.exit(99)", 20), ("print('[]')", 20), ("print('true')", 20),
        ("import sys; print('[[]]'); sys.exit(1)", 20),
    ],
)  # fmt: skip
async def test_without_a_whole_answer_of_the_rules_nothing_passes(program, seconds):
    with pytest.raises(Unavailable):
        await check_xml([b"<x/>"], [True], (sys.executable, "-c", program), seconds - 2 if seconds < 2 else seconds)


async def test_without_the_extra_the_reader_is_told_what_to_install(monkeypatch):
    def refuse(module):
        raise ImportError(module)

    monkeypatch.setattr(extra, "import_module", refuse)
    with pytest.raises(NotInstalled) as refused:
        await write_einvoices([france()])
    assert "veilleur[einvoice]" in str(refused.value.detail)
