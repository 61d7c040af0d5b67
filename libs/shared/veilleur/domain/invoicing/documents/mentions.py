"""What the law wants on the page, by the seller's country; a document that lacks some of it is not issued.

France: CGI annexe II art. 242 nonies A, C. com. L441-9, L441-10 and D441-5, decree 2022-1299; for a reverse charge
Directive 2006/112/EC art. 226(11a). United Kingdom: VAT Regulations 1995, regulation 14 (VAT Notice 700, 16.3.1).
Elsewhere in the EU: Directive 2006/112/EC art. 226.
"""

from collections.abc import Iterator

from veilleur.domain.billing.parties import EU_COUNTRIES, Party
from veilleur.domain.invoicing.documents.document import CREDIT_NOTE, InvoiceDocument
from veilleur.kernel.errors import InputError
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.money import Currency

PENALTY, INDEMNITY, DISCOUNT = "PMD", "PMT", "AAB"
"""Subject codes of the three sentences on late and early payment (UNTDID 4451, as French rules use them)."""
SOLE_TRADERS = frozenset({"EI", "ENTREPRENEUR INDIVIDUEL", "EIRL", "MICRO-ENTREPRENEUR", "AUTO-ENTREPRENEUR"})
ACCOUNTED_IN: dict[str, Currency] = {"FR": "EUR", "GB": "GBP"}
"""The currency VAT must be told in, whatever the invoice's own."""


def find_missing(document: InvoiceDocument) -> list[InputError]:
    """Each missing mention, with a pointer into the document."""
    missing = [*_check_everywhere(document), *_check_tax(document)]
    if document.seller.country == "FR":
        missing += _check_france(document)
    elif document.seller.country == "GB":
        missing += _check_kingdom(document)
    elif document.seller.in_eu:
        missing += _check_union(document)
    return missing


def _check_everywhere(document: InvoiceDocument) -> Iterator[InputError]:
    if not document.lines:
        yield InputError("/lines", msg("there is nothing to invoice"))
    if document.period is None and any(line.period is None for line in document.lines):
        yield _want("/period", msg("the days of service"))
    if document.kind == CREDIT_NOTE and document.credited is None:
        yield _want("/credited", msg("the invoice that is credited, with its date"))
    wanted = ACCOUNTED_IN.get(document.seller.country)
    told = document.exchange.currency if document.exchange else document.currency
    if wanted and told != wanted:
        yield _want("/exchange", msg("VAT in {currency}, with the rate, its day and its source", currency=wanted))


def _check_tax(document: InvoiceDocument) -> Iterator[InputError]:
    seller, buyer = document.seller, document.buyer
    for place, row in enumerate(document.tax):
        if row.category not in ("S", "Z") and row.reason is None and row.reason_code is None:
            yield _want(f"/tax/{place}/reason", msg("why no VAT is charged"))
        if row.category in ("AE", "K") and not seller.vat_id:
            yield _want("/seller/vat_id", msg("the seller's VAT id, for a reverse charge"))
        if row.category in ("AE", "K") and not buyer.vat_id:
            yield _want("/buyer/vat_id", msg("the customer's VAT id, for a reverse charge"))
        if row.category == "S" and not seller.vat_id:
            yield _want("/seller/vat_id", msg("the seller's VAT id"))


def _check_france(document: InvoiceDocument) -> Iterator[InputError]:
    yield from _check_french_seller(document.seller)
    buyer = document.buyer
    if buyer.country == "FR" and not (buyer.siren or buyer.siret):
        yield _want("/buyer/siren", msg("the customer's SIREN"))
    codes = {note.code for note in document.notes}
    if PENALTY not in codes:
        yield _want_term("late_penalty", msg("the rate of the penalty for late payment"))
    if INDEMNITY not in codes:
        yield _want_term("recovery_indemnity", msg("the fixed indemnity of 40 € for recovery costs"))
    if DISCOUNT not in codes:
        yield _want_term("early_payment", msg("the discount for early payment, or that there is none"))


def _check_french_seller(seller: Party) -> Iterator[InputError]:
    sole = (seller.legal_form or "").upper() in SOLE_TRADERS
    if not (seller.siren or seller.siret):
        yield _want("/seller/siren", msg("the seller's SIREN"))
    if not seller.legal_form:
        yield _want("/seller/legal_form", msg("the seller's legal form, such as SAS, SARL or EI"))
    if not seller.capital and not sole:
        yield _want("/seller/capital", msg("the company's share capital"))
    if not seller.registration and not sole:
        yield _want("/seller/registration", msg("the seller's entry in the trade register (RCS)"))


def _check_kingdom(document: InvoiceDocument) -> Iterator[InputError]:
    if document.seller.legal_form and not document.seller.registration:
        yield _want("/seller/registration", msg("the company's number and place of registration"))


def _check_union(document: InvoiceDocument) -> Iterator[InputError]:
    if not document.seller.vat_id and any(row.category != "E" for row in document.tax):
        yield _want("/seller/vat_id", msg("the seller's VAT id"))
    if document.buyer.country in EU_COUNTRIES - {document.seller.country} and not document.buyer.vat_id:
        yield _want("/buyer/vat_id", msg("the customer's VAT id"))


def _want_term(name: str, what: Message) -> InputError:
    """Notes are the terms of the billing profile."""
    place = msg("say it once for all: PUT /owner/v1/billing-profile, {pointer}", pointer=f"/terms/{name}")
    return InputError(f"/notes/{name}", msg("is missing: {what}", what=what), place)


def _want(pointer: str, what: Message) -> InputError:
    return InputError(pointer, msg("is missing: {what}", what=what))
