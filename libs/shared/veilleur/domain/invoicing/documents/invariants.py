"""What must hold of every document before any form of it is made.

The official rules miss some of it: a line whose net is not quantity times price, VAT that is off by less than a unit of
currency, and a negative invoice all pass both schematrons.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from veilleur.domain.billing.tax import Category
from veilleur.domain.invoicing.documents.document import CREDIT_NOTE, InvoiceDocument
from veilleur.kernel.money import NOTHING, round_money

Kind = tuple[Category, Decimal]


class BrokenDocument(Exception):  # noqa: N818 - it says what the document is
    """A fault of ours: the document does not add up. Nothing is issued."""


def check_document(document: InvoiceDocument) -> None:
    broken = list(find_broken(document))
    if broken:
        raise BrokenDocument("; ".join(broken))


def find_broken(document: InvoiceDocument) -> Iterator[str]:
    yield from _check_lines(document)
    yield from _check_tax(document)
    yield from _check_totals(document)
    if document.kind == CREDIT_NOTE and document.credited is None:
        yield "a credit note names no invoice"
    if document.due_on < document.issued_on:
        yield "it is due before it is issued"


def find_excess(invoice: InvoiceDocument, notes: Iterable[InvoiceDocument]) -> list[str]:
    """Ids of lines, and VAT kinds, of which more is given back than was charged."""
    nets, bases = _add_lines([invoice]), _add_bases([invoice])
    given = list(notes)
    over = [name for name, net in _add_lines(given).items() if net > nets.get(name, NOTHING)]
    over += [f"{kind[0]} {kind[1]}" for kind, basis in _add_bases(given).items() if basis > bases.get(kind, NOTHING)]
    return over


def _check_lines(document: InvoiceDocument) -> Iterator[str]:
    ids = [line.id for line in document.lines]
    if not ids or len(set(ids)) < len(ids):
        yield "lines are missing, or two have one id"
    for line in document.lines:
        if line.net != round_money(line.quantity * line.unit_price):
            yield f"line {line.id} is not quantity times price"
        if line.unit_price < 0:
            yield f"line {line.id} has a negative price"
        if _decimals(line.quantity) > 4 or _decimals(line.unit_price) > 6:
            yield f"line {line.id} has too many decimals"


def _check_tax(document: InvoiceDocument) -> Iterator[str]:
    charged: dict[Kind, Decimal] = {}
    for line in document.lines:
        charged[line.category, line.rate] = charged.get((line.category, line.rate), NOTHING) + line.net
    for off in document.allowances:
        charged[off.category, off.rate] = charged.get((off.category, off.rate), NOTHING) - off.amount
    if charged != {(row.category, row.rate): row.basis for row in document.tax}:
        yield "the tax basis is not lines less allowances, by category"
    for row in document.tax:
        if row.amount != round_money(row.basis * row.rate / 100):
            yield f"VAT {row.category} {row.rate} is not its basis times its rate"
    if document.exchange and document.exchange.tax != round_money(document.totals.tax * document.exchange.rate):
        yield "VAT in the other currency is not VAT times the rate"


def _check_totals(document: InvoiceDocument) -> Iterator[str]:
    totals = document.totals
    if totals.lines != sum((line.net for line in document.lines), NOTHING):
        yield "the sum of lines is off"
    if totals.allowances != sum((off.amount for off in document.allowances), NOTHING):
        yield "the sum of allowances is off"
    if totals.basis != totals.lines - totals.allowances:
        yield "the basis is not lines less allowances"
    if totals.tax != sum((row.amount for row in document.tax), NOTHING):
        yield "the sum of VAT is off"
    if totals.total != totals.basis + totals.tax or totals.due != totals.total - totals.prepaid:
        yield "the total is off"
    if totals.total < 0:
        yield "the total is negative"


def _add_lines(documents: Iterable[InvoiceDocument]) -> dict[str, Decimal]:
    nets: dict[str, Decimal] = {}
    for document in documents:
        for line in document.lines:
            nets[line.id] = nets.get(line.id, NOTHING) + line.net
    return nets


def _add_bases(documents: Iterable[InvoiceDocument]) -> dict[Kind, Decimal]:
    bases: dict[Kind, Decimal] = {}
    for document in documents:
        for row in document.tax:
            bases[row.category, row.rate] = bases.get((row.category, row.rate), NOTHING) + row.basis
    return bases


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
