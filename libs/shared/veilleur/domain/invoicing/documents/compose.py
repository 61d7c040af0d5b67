"""Putting documents together: lines and allowances into VAT rows and totals; a part of an invoice into a credit note.

Allowances of a bill are shared among its VAT categories by largest remainder, as its tax was: the shares of one add up
to it to the cent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from veilleur.domain.billing.allowances import Allowance
from veilleur.domain.billing.tax import TAXED, Category, TaxTerms
from veilleur.domain.invoicing.documents.document import (
    DocumentAllowance,
    DocumentLine,
    Exchange,
    TaxRow,
    Texts,
    Totals,
    in_both,
)
from veilleur.kernel.messages import msg
from veilleur.kernel.money import NOTHING, Currency, round_money, split_amount

Kind = tuple[Category, Decimal]

VATEX: dict[Category, str] = {"AE": "VATEX-EU-AE", "K": "VATEX-EU-IC", "G": "VATEX-EU-G", "O": "VATEX-EU-O"}
FRANCHISE = "VATEX-FR-FRANCHISE"
REASONS: dict[Category, Texts] = {
    "AE": in_both(msg("Reverse charge, VAT due by the customer (art. 44 and 196, Directive 2006/112/EC)")),
    "K": in_both(msg("Intra-Community supply, exempt (art. 138, Directive 2006/112/EC)")),
    "G": in_both(msg("Export, exempt from VAT")),
    "O": in_both(msg("Outside the scope of VAT: the service is supplied where the customer is established")),
}
FRANCHISE_REASON = {
    "en": "VAT not applicable, art. 293 B of the French tax code (CGI)",
    "fr": "TVA non applicable, art. 293 B du CGI",
}


@dataclass(frozen=True, slots=True)
class TaxFacts:
    """What a contract says of VAT; `reason` replaces the usual sentence where none is charged."""

    terms: TaxTerms
    reason: str | None = None
    franchise: bool = False


def classify(vat: str, terms: TaxTerms) -> Kind:
    """The VAT category and rate of a line's class (`standard`, `reduced`, `exempt`)."""
    if terms.category not in TAXED:
        return terms.category, Decimal(0)
    if vat == "exempt":
        return "E", Decimal(0)
    if vat == "reduced" and terms.reduced_rate is not None:
        return terms.category, terms.reduced_rate
    return terms.category, terms.rate


def share_allowances(lines: Sequence[DocumentLine], allowances: Sequence[Allowance]) -> tuple[DocumentAllowance, ...]:
    bases = _add_by_kind(lines)
    shared: list[DocumentAllowance] = []
    for allowance in allowances:
        shares = split_amount(allowance.amount, [max(basis, NOTHING) for basis in bases.values()])
        shared += [
            DocumentAllowance(in_both(allowance.reason), share, *kind)
            for kind, share in zip(bases, shares, strict=True)
            if share
        ]
    return tuple(shared)


def charge_rows(
    lines: Sequence[DocumentLine], allowances: Sequence[DocumentAllowance], facts: TaxFacts
) -> tuple[TaxRow, ...]:
    """One row a category and rate, in the order of the lines."""
    bases = _add_by_kind(lines)
    for allowance in allowances:
        kind = allowance.category, allowance.rate
        bases[kind] = bases.get(kind, NOTHING) - allowance.amount
    return tuple(
        TaxRow(category, rate, basis, round_money(basis * rate / 100), *_find_reason(category, facts))
        for (category, rate), basis in bases.items()
    )


def add_up(
    lines: Sequence[DocumentLine],
    allowances: Sequence[DocumentAllowance],
    tax: Sequence[TaxRow],
    prepaid: Decimal = NOTHING,
) -> Totals:
    nets = sum((line.net for line in lines), NOTHING)
    off = sum((allowance.amount for allowance in allowances), NOTHING)
    charged = sum((row.amount for row in tax), NOTHING)
    total = nets - off + charged
    return Totals(nets, off, nets - off, charged, total, prepaid, total - prepaid)


def take_part(
    lines: Sequence[DocumentLine], allowances: Sequence[DocumentAllowance], wanted: Sequence[DocumentLine]
) -> tuple[DocumentAllowance, ...]:
    """The allowances that go with a part of an invoice: of each VAT category, in proportion to what is taken of it."""
    whole, part = _add_by_kind(lines), _add_by_kind(wanted)
    taken: list[DocumentAllowance] = []
    for allowance in allowances:
        kind = allowance.category, allowance.rate
        if kind not in part or not whole[kind]:
            continue
        kept = whole[kind] - part[kind]
        amount, _ = split_amount(allowance.amount, [part[kind], kept])
        if amount:
            taken.append(replace(allowance, amount=amount))
    return tuple(taken)


def convert_tax(tax: Decimal, currency: Currency, rate: Decimal, on: date, source: str) -> Exchange:
    return Exchange(currency, rate, on, source, round_money(tax * rate))


def _add_by_kind(lines: Sequence[DocumentLine]) -> dict[Kind, Decimal]:
    bases: dict[Kind, Decimal] = {}
    for line in lines:
        kind = line.category, line.rate
        bases[kind] = bases.get(kind, NOTHING) + line.net
    return bases


def _find_reason(category: Category, facts: TaxFacts) -> tuple[Texts | None, str | None]:
    """EN 16931 wants a reason where no VAT is charged, and forbids one at the standard and zero rates."""
    if category in ("S", "Z"):
        return None, None
    if category == "E" and facts.franchise:
        return FRANCHISE_REASON, FRANCHISE
    if facts.reason:
        return {"en": facts.reason, "fr": facts.reason}, VATEX.get(category)
    return REASONS.get(category), VATEX.get(category)
