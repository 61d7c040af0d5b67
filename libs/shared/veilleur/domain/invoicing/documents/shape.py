"""A document as data: JSON for programs, CSV for spreadsheets."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from veilleur.domain.invoicing.documents.document import InvoiceDocument, Span, TaxRow, say
from veilleur.kernel.messages import Language
from veilleur.kernel.money import show_amount, show_quantity

COLUMNS = (
    "document", "number", "issued_on", "line", "description", "from", "to", "quantity", "unit", "unit_price", "net",
    "vat_category", "vat_rate", "currency",
)  # fmt: skip


def show_document(document: InvoiceDocument, language: Language) -> dict[str, Any]:
    """All amounts as text."""
    totals = document.totals
    return {
        "type": document.kind,
        "number": document.number,
        "issued_on": document.issued_on,
        "due_on": document.due_on,
        "language": document.language,
        "currency": document.currency,
        "seller": document.seller.model_dump(exclude_none=True),
        "buyer": document.buyer.model_dump(exclude_none=True),
        "period": _show_span(document.period),
        "lines": [
            {
                "id": line.id,
                "component": line.component,
                "description": say(line.texts, language),
                "period": _show_span(line.period),
                "quantity": show_quantity(line.quantity),
                "unit": line.unit_code,
                "unit_price": show_amount(line.unit_price),
                "net": show_amount(line.net),
                "tax": {"category": line.category, "rate": show_quantity(line.rate)},
            }
            for line in document.lines
        ],
        "allowances": [
            {
                "reason": say(off.texts, language),
                "amount": show_amount(off.amount),
                "tax": {"category": off.category, "rate": show_quantity(off.rate)},
            }
            for off in document.allowances
        ],
        "subtotal": show_amount(totals.basis),
        "tax": [_show_tax(row, language) for row in document.tax],
        "total": show_amount(totals.total),
        "prepaid": show_amount(totals.prepaid),
        "due": show_amount(totals.due),
        "notes": [{"code": note.code, "text": say(note.texts, language)} for note in document.notes],
        "contract": document.contract,
        "quote": document.quote,
        "purchase_order": document.purchase_order,
        "credited": _show_credited(document),
        "exchange": _show_exchange(document),
    }


def write_csv(document: InvoiceDocument, language: Language) -> bytes:
    """One row a line, then one an allowance with a negative net: the column adds up to the tax basis."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    head = (document.kind, document.number, document.issued_on.isoformat())
    for line in document.lines:
        days = (line.period.first.isoformat(), line.period.last.isoformat()) if line.period else ("", "")
        priced = (show_quantity(line.quantity), line.unit_code, show_amount(line.unit_price), show_amount(line.net))
        taxed = (line.category, show_quantity(line.rate), document.currency)
        writer.writerow(_disarm((*head, line.id, say(line.texts, language), *days, *priced, *taxed)))
    for off in document.allowances:
        taxed = (off.category, show_quantity(off.rate), document.currency)
        net = show_amount(-off.amount)
        writer.writerow([*_disarm((*head, "", say(off.texts, language), "", "", "", "", "")), net, *taxed])
    return target.getvalue().encode()


def _disarm(cells: Sequence[object]) -> list[str]:
    """What a spreadsheet would run as a formula is made plain text; numbers stay numbers."""
    texts = ["" if cell is None else str(cell) for cell in cells]
    return [f"'{text}" if text[:1] in tuple("=+-@\t\r") and not _is_number(text) else text for text in texts]


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


def _show_span(span: Span | None) -> dict[str, Any] | None:
    return {"from": span.first, "to": span.last} if span else None


def _show_tax(row: TaxRow, language: Language) -> dict[str, Any]:
    return {
        "category": row.category,
        "rate": show_quantity(row.rate),
        "basis": show_amount(row.basis),
        "amount": show_amount(row.amount),
        "reason": say(row.reason, language) if row.reason else None,
    }


def _show_credited(document: InvoiceDocument) -> dict[str, Any] | None:
    credited = document.credited
    return {"number": credited.number, "issued_on": credited.issued_on} if credited else None


def _show_exchange(document: InvoiceDocument) -> dict[str, Any] | None:
    told = document.exchange
    if told is None:
        return None
    return {
        "currency": told.currency, "rate": show_quantity(told.rate), "on": told.on, "source": told.source,
        "tax": show_amount(told.tax),
    }  # fmt: skip
