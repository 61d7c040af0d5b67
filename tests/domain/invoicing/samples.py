"""Invoices as agencies of France and the United Kingdom issue them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from veilleur.domain.billing.allowances import Allowance
from veilleur.domain.billing.parties import Party
from veilleur.domain.billing.tax import TaxTerms
from veilleur.domain.invoicing.documents.compose import TaxFacts, add_up, charge_rows, convert_tax, share_allowances
from veilleur.domain.invoicing.documents.document import Bank, Credited, DocumentLine, InvoiceDocument, Note, Span
from veilleur.kernel.messages import msg
from veilleur.kernel.money import round_money

NOVEMBER = Span(date(2026, 11, 1), date(2026, 11, 30))
SELLER = Party(
    name="Vigie Modération", legal_form="SAS", capital="capital de 10 000 €", address=["12 rue des Lilas"], postcode="75011",
    city="Paris", country="FR", vat_id="FR44732829320", siren="732829320", registration="RCS Paris 732 829 320",
    email="compta@vigie.example",
)  # fmt: skip
BUYER = Party(
    name="Forum des Jardins SARL", address=["1 place Bellecour", "Bâtiment B"], postcode="69002", city="Lyon", country="FR",
    vat_id="FR83404833048", siren="404833048", email="achats@forum.example",
)  # fmt: skip
BERLIN = Party(
    name="Gartenforum GmbH", address=["Karl-Marx-Allee 1"], postcode="10178", city="Berlin", country="DE",
    vat_id="DE136695976", email="ap@garten.example",
)  # fmt: skip
LONDON = Party(
    name="Allotment Talk Ltd", address=["1 Poultry"], postcode="EC2R 8EJ", city="London", country="GB",
    vat_id="GB980780684", email="ap@allotment.example",
)  # fmt: skip
NOTES = tuple(
    Note(code, {"fr": french, "en": english})
    for code, french, english in (
        (
            "PMD",
            "Pénalités de retard : trois fois le taux d'intérêt légal.",
            "Late payment: three times the legal rate.",
        ),
        ("PMT", "Indemnité forfaitaire pour frais de recouvrement : 40 €.", "Fixed recovery indemnity: 40 €."),
        ("AAB", "Pas d'escompte pour paiement anticipé.", "No discount for early payment."),
    )
)
STANDARD = TaxFacts(TaxTerms("S", Decimal(20), Decimal("5.5")))


def line(code, quantity, price, category="S", rate="20", **more):
    net = round_money(Decimal(quantity) * Decimal(price))
    texts = {"fr": f"Prestation {code}", "en": f"Service {code}"}
    return DocumentLine(
        code, texts, Decimal(quantity), Decimal(price), net, category, Decimal(rate),
        **({"period": NOVEMBER} | more),
    )  # fmt: skip


def issue(lines, facts=STANDARD, allowances=(), **more):
    """A finished document of these lines; `allowances` are amounts off the whole."""
    off = share_allowances(lines, [Allowance(msg("Discount"), Decimal(amount)) for amount in allowances])
    tax = charge_rows(lines, off, facts)
    given = {
        "kind": "380", "number": "2026-000124", "issued_on": date(2026, 12, 1), "due_on": date(2026, 12, 31), "language": "fr",
        "currency": "EUR", "seller": SELLER, "buyer": BUYER, "period": NOVEMBER, "notes": NOTES,
        "bank": Bank("FR7630006000011234567890189", "AGRIFRPP", "Vigie Modération"),
    }  # fmt: skip
    return InvoiceDocument(
        lines=tuple(lines), allowances=off, tax=tax, totals=add_up(lines, off, tax), **(given | more)
    )


def tell_in_euros(document):
    told = convert_tax(document.totals.tax, "EUR", Decimal("1.1512"), date(2026, 12, 1), "ECB")
    return replace(document, exchange=told)


def france():
    return issue([line("base", "1", "500"), line("networks.2", "4", "350"), line("replies.2", "800", "0.6")])


def several_rates():
    late = Span(date(2026, 10, 1), date(2026, 10, 31))
    lines = [
        line("base", "1", "500"),
        line("training", "2", "100.123456", rate="5.5"),
        line("late", "3", "1.1", period=late),
    ]
    return issue(lines, allowances=["33.34", "10"], purchase_order="PO-77", quote="D2026-0004", contract="C-1")


def franchise():
    seller = SELLER.model_copy(update={"vat_id": None, "legal_form": "EI", "capital": None, "registration": None})
    return issue(
        [line("base", "1", "800", "E", "0")], TaxFacts(TaxTerms("E", Decimal(0)), franchise=True), seller=seller
    )


def reverse_charge():
    return issue(
        [line("base", "1", "1200", "AE", "0")], TaxFacts(TaxTerms("AE", Decimal(0))), buyer=BERLIN, language="en"
    )


def to_the_kingdom():
    facts = TaxFacts(TaxTerms("O", Decimal(0)))
    return tell_in_euros(
        issue([line("base", "3", "1000", "O", "0")], facts, buyer=LONDON, currency="GBP", language="en")
    )


def in_pounds():
    return tell_in_euros(issue([line("base", "3", "1000")], currency="GBP"))


def from_the_kingdom():
    seller = LONDON.model_copy(update={"registration": "Companies House 01234567", "legal_form": "Ltd"})
    buyer = LONDON.model_copy(update={"name": "Vale Parish Forum", "vat_id": None})
    return issue([line("base", "3", "1000")], seller=seller, buyer=buyer, currency="GBP", language="en", notes=())


def credit_note():
    credited = Credited("2026-000124", date(2026, 12, 1))
    return issue([line("networks.2", "1", "350")], kind="381", number="A2026-000003", credited=credited)


SAMPLES = {
    sample.__name__: sample
    for sample in (
        france,
        several_rates,
        franchise,
        reverse_charge,
        to_the_kingdom,
        in_pounds,
        from_the_kingdom,
        credit_note,
    )
}
