"""What a credit note takes back: a whole invoice, some of its lines, or what some usage records made of it; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from veilleur.domain.invoicing.documents.compose import Kind, add_up, take_part
from veilleur.domain.invoicing.documents.document import (
    CREDIT_NOTE,
    Credited,
    DocumentAllowance,
    DocumentLine,
    InvoiceDocument,
    TaxRow,
)
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg
from veilleur.kernel.money import NOTHING, round_money

Taken = tuple[tuple[DocumentLine, ...], tuple[DocumentAllowance, ...]]


def take_whole(invoice: InvoiceDocument) -> Taken:
    return invoice.lines, invoice.allowances


def take_lines(invoice: InvoiceDocument, wanted: Mapping[str, Decimal | None]) -> Taken:
    """Lines by id, with the quantity to give back; None gives back all of it. Allowances go with them in proportion."""
    known = {line.id: line for line in invoice.lines}
    _require_known(wanted, known)
    lines = tuple(_take(line, wanted[line.id]) for line in invoice.lines if line.id in wanted)
    return lines, take_part(invoice.lines, invoice.allowances, lines)


def take_difference(invoice: InvoiceDocument, without: Sequence[DocumentLine]) -> tuple[DocumentLine, ...]:
    """What the invoice charged beyond `without`, the same period without the disputed records.

    A line whose price is the same gives back quantities, to the cent of the difference; any other gives back once
    what it charged too much. Lines that would have cost more (a lower tier was reached) count against it.
    """
    left = {line.id: line for line in without}
    taken = [_subtract(line, left.pop(line.id, None)) for line in invoice.lines if line.component is not None]
    more = [replace(line, quantity=-line.quantity, net=-line.net) for line in left.values()]
    return tuple(line for line in (*taken, *more) if line is not None and line.net)


def write_credit(invoice: InvoiceDocument, taken: Taken, tax: Sequence[TaxRow]) -> InvoiceDocument:
    """The credit note of an issued invoice, as a draft."""
    lines, allowances = taken
    exchange = invoice.exchange
    totals = add_up(lines, allowances, tax)
    if exchange is not None:
        exchange = replace(exchange, tax=round_money(totals.tax * exchange.rate))
    return replace(
        invoice,
        kind=CREDIT_NOTE,
        number=None,
        due_on=invoice.issued_on,
        lines=tuple(lines),
        allowances=tuple(allowances),
        tax=tuple(tax),
        totals=totals,
        exchange=exchange,
        credited=Credited(invoice.number or "", invoice.issued_on),
    )


def charge_like(invoice: InvoiceDocument, taken: Taken) -> tuple[TaxRow, ...]:
    """VAT of what is taken, by the invoice's own categories, rates and reasons."""
    rows = {(row.category, row.rate): row for row in invoice.tax}
    bases: dict[Kind, Decimal] = {}
    for line in taken[0]:
        bases[line.category, line.rate] = bases.get((line.category, line.rate), NOTHING) + line.net
    for off in taken[1]:
        bases[off.category, off.rate] = bases.get((off.category, off.rate), NOTHING) - off.amount
    return tuple(
        replace(rows[kind], basis=basis, amount=round_money(basis * kind[1] / 100)) for kind, basis in bases.items()
    )


def _take(line: DocumentLine, quantity: Decimal | None) -> DocumentLine:
    if quantity is None or quantity == line.quantity:
        return line
    return replace(line, quantity=quantity, net=round_money(quantity * line.unit_price))


def _subtract(line: DocumentLine, left: DocumentLine | None) -> DocumentLine | None:
    if left is None:
        return line
    charged = line.net - left.net
    if left.unit_price == line.unit_price:
        quantity = line.quantity - left.quantity
        if round_money(quantity * line.unit_price) == charged:
            return replace(line, quantity=quantity, net=charged) if quantity else None
    if not charged:
        return None
    sign = Decimal(1) if charged > 0 else Decimal(-1)
    return replace(line, quantity=sign, unit_price=abs(charged), net=charged)


def _require_known(wanted: Mapping[str, Decimal | None], known: Mapping[str, DocumentLine]) -> None:
    errors = []
    for place, (line_id, quantity) in enumerate(wanted.items()):
        if line_id not in known:
            hint = msg("allowed: {codes}", codes=list(known))
            errors.append(InputError(f"/lines/{place}/id", msg("the invoice has no such line"), hint))
        elif quantity is not None and not 0 < quantity <= abs(known[line_id].quantity):
            most = msg("at most {quantity}", quantity=abs(known[line_id].quantity))
            errors.append(InputError(f"/lines/{place}/quantity", msg("is more than the line charged"), most))
    if errors:
        raise Invalid(msg("The credit note has mistakes"), errors=errors)
