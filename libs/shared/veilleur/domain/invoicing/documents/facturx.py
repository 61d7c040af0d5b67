"""A document as the XML of Factur-X, profile EN 16931; the business terms (BT, BG) are those of the standard.

The library that writes it is in the extra `einvoice`. Notes, identifiers and formats follow the French rules for
invoices between businesses (BR-FR) wherever the seller is French.
"""

import re
from typing import Any

from veilleur.domain.billing.parties import Party
from veilleur.domain.invoicing.documents.document import (
    CREDIT_NOTE,
    DocumentAllowance,
    DocumentLine,
    InvoiceDocument,
    TaxRow,
    say,
)
from veilleur.infra.einvoicing.extra import load_extra
from veilleur.kernel.money import round_money, show_amount, show_quantity

SERVICES = "S1"
"""BT-23: a first invoice for services."""
SIREN_SCHEME, SIRET_SCHEME = "0002", "0009"
SIREN_ADDRESS = "0225"
BY_TRANSFER = "30"
SEPA_TRANSFER = "58"


def write_xml(document: InvoiceDocument) -> bytes:
    """The same bytes for the same document; not yet checked against the rules."""
    library = load_extra("facturx")
    written: bytes = library.generate_xml(
        make_writable(to_terms(document)), flavor="factur-x", level="en16931", check_xsd=False, check_schematron=False
    )
    return written


def make_writable(value: Any) -> Any:
    """A tree of terms without the characters that XML 1.0 has no place for: a document is not lost for one of them."""
    if isinstance(value, str):
        return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {name: make_writable(one) for name, one in value.items()}
    return [make_writable(one) for one in value] if isinstance(value, list) else value


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_terms(document: InvoiceDocument) -> dict[str, Any]:
    """Business terms to values, without those that are empty."""
    terms: dict[str, Any] = {
        "BT-1": document.number,
        "BT-2": document.issued_on,
        "BT-3": document.kind,
        "BT-5": document.currency,
        "BT-8": "invoice" if document.vat_on_debits else None,
        "BT-9": document.due_on if document.kind != CREDIT_NOTE else None,
        "BT-12": document.contract,
        "BT-13": document.purchase_order,
        "BT-14": document.quote,
        "BT-23": SERVICES,
        "BG-1": [{"BT-21": note.code, "BT-22": say(note.texts, document.language)} for note in document.notes],
        "BG-3": _name_credited(document),
        "BG-4": _name_party(document.seller, _hides_vat_id(document), seller=True),
        "BG-7": _name_party(document.buyer, _hides_vat_id(document)),
        "BT-20": None if document.kind != CREDIT_NOTE else say({"en": "Credit note", "fr": "Avoir"}, document.language),
        "BG-20": [_name_allowance(off, document) for off in document.allowances],
        "BG-23": [_name_tax(row, document) for row in document.tax],
        "BG-25": [_name_line(line, document) for line in document.lines],
    }
    terms |= _name_totals(document) | _name_period(document) | _name_bank(document)
    return {name: value for name, value in terms.items() if value not in (None, [], {})}


def _name_credited(document: InvoiceDocument) -> list[dict[str, Any]]:
    credited = document.credited
    return [{"BT-25": credited.number, "BT-26": credited.issued_on}] if credited else []


def _hides_vat_id(document: InvoiceDocument) -> bool:
    """What is outside the scope of VAT names no VAT id (BR-O-02 to BR-O-04)."""
    return any(row.category == "O" for row in document.tax)


def _name_party(party: Party, hide_vat_id: bool, *, seller: bool = False) -> dict[str, Any]:  # noqa: FBT001
    siren = party.siren or (party.siret or "")[:9] or None
    address, scheme = find_address(party)
    named = {
        "name": party.name,
        "identifiers": {SIRET_SCHEME: party.siret} if party.siret else None,
        "legal_identifier": siren,
        "legal_identifier_schemeid": SIREN_SCHEME if siren else None,
        "vat_identifier": None if hide_vat_id else party.vat_id,
        # Without a VAT id another registration with the tax office must be named (BR-E-02, BR-O-02 forbids the first).
        "tax_identifier": siren if seller and (hide_vat_id or not party.vat_id) else None,
        "legal_info": describe_company(party) or None if seller else None,
        "addr_l1": party.address[0],
        "addr_l2": party.address[1] if len(party.address) > 1 else None,
        "addr_l3": party.address[2] if len(party.address) > 2 else None,
        "postcode": party.postcode,
        "city": party.city,
        "country_code": party.country,
        "einvoicing_addr": address,
        "einvoicing_addr_schemeid": scheme,
    }
    return {name: value for name, value in named.items() if value is not None}


def find_address(party: Party) -> tuple[str | None, str | None]:
    """The electronic address: as given, else the SIREN, else the e-mail address."""
    siren = party.siren or (party.siret or "")[:9]
    if party.electronic_address:
        return party.electronic_address.id, party.electronic_address.scheme
    if party.country == "FR" and siren:
        return siren, SIREN_ADDRESS
    return (party.email, "EM") if party.email else (None, None)


def describe_company(party: Party) -> str:
    """Legal form, capital and register, as they stand at the foot of a page."""
    parts = (party.legal_form, party.capital, party.registration)
    return " · ".join(part for part in parts if part)


def _name_line(line: DocumentLine, document: InvoiceDocument) -> dict[str, Any]:
    named: dict[str, Any] = {
        "BT-126": line.id,
        "BT-129": show_quantity(line.quantity),
        "BT-130": line.unit_code,
        "BT-131": show_amount(line.net),
        "BT-134": line.period.first if line.period else None,
        "BT-135": line.period.last if line.period else None,
        "BT-146": show_amount(line.unit_price),
        "BT-151": line.category,
        "BT-152": None if line.category == "O" else show_quantity(line.rate),
        "BT-153": say(line.texts, document.language),
    }
    return {name: value for name, value in named.items() if value is not None}


def _name_allowance(allowance: DocumentAllowance, document: InvoiceDocument) -> dict[str, Any]:
    named = {
        "amount": show_amount(allowance.amount),
        "reason": say(allowance.texts, document.language),
        "reason_code": "95",
        "vat_category_code": allowance.category,
    }
    return named if allowance.category == "O" else named | {"vat_rate": show_quantity(allowance.rate)}


def _name_tax(row: TaxRow, document: InvoiceDocument) -> dict[str, Any]:
    named = {
        "BT-116": show_amount(round_money(row.basis)),
        "BT-117": show_amount(round_money(row.amount)),
        "BT-118": row.category,
        "BT-119": None if row.category == "O" else show_quantity(row.rate),
        "BT-120": say(row.reason, document.language) if row.reason else None,
        "BT-121": row.reason_code,
    }
    return {name: value for name, value in named.items() if value is not None}


def _name_totals(document: InvoiceDocument) -> dict[str, Any]:
    totals, exchange = document.totals, document.exchange
    return {
        "BT-6": exchange.currency if exchange else None,
        "BT-106": show_amount(totals.lines),
        "BT-107": show_amount(totals.allowances) if totals.allowances else None,
        "BT-109": show_amount(totals.basis),
        "BT-110": show_amount(totals.tax),
        "BT-111": show_amount(exchange.tax) if exchange else None,
        "BT-112": show_amount(totals.total),
        "BT-113": show_amount(totals.prepaid) if totals.prepaid else None,
        "BT-115": show_amount(totals.due),
    }


def _name_period(document: InvoiceDocument) -> dict[str, Any]:
    period = document.period
    return {"BT-73": period.first, "BT-74": period.last, "BT-72": period.last} if period else {}


def _name_bank(document: InvoiceDocument) -> dict[str, Any]:
    bank = document.bank
    if bank is None:
        return {}
    means = SEPA_TRANSFER if document.currency == "EUR" else BY_TRANSFER
    return {"BT-81": means, "BT-83": document.number, "BT-84": bank.iban, "BT-85": bank.holder, "BT-86": bank.bic}
