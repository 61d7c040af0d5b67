"""VAT on a bill: once per category, on the document; pure.

Categories are those of EN 16931 (UNCL 5305): S standard, Z zero, E exempt, AE reverse charge, K intra-community supply,
G export, O outside the scope of VAT.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from veilleur.domain.billing.allowances import Allowance
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg
from veilleur.kernel.money import round_money, split_amount

Category = Literal["S", "Z", "E", "AE", "K", "G", "O"]
TAXED: frozenset[Category] = frozenset({"S"})


@dataclass(frozen=True, slots=True)
class TaxTerms:
    """What applies to the client: one category for all, in which the rates matter only when it is S."""

    category: Category
    rate: Decimal
    reduced_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Taxed:
    category: Category
    rate: Decimal
    basis: Decimal
    amount: Decimal


class Charged(Protocol):
    @property
    def net(self) -> Decimal: ...
    @property
    def vat(self) -> str: ...


def charge_tax(lines: Sequence[Charged], allowances: Sequence[Allowance], terms: TaxTerms | None) -> list[Taxed]:
    """One row a category and rate; allowances are shared among them by their lines, to the cent. No terms, no tax."""
    if terms is None:
        return []
    bases: dict[tuple[Category, Decimal], Decimal] = {}
    for line in lines:
        kind = _classify(line.vat, terms)
        bases[kind] = bases.get(kind, Decimal(0)) + line.net
    if not bases:
        bases[_classify("standard", terms)] = Decimal(0)
    taken = [Decimal(0)] * len(bases)
    for allowance in allowances:
        shares = split_amount(allowance.amount, [max(basis, Decimal(0)) for basis in bases.values()])
        taken = [before + share for before, share in zip(taken, shares, strict=True)]
    return [
        Taxed(category, rate, basis - off, round_money((basis - off) * rate / 100))
        for ((category, rate), basis), off in zip(bases.items(), taken, strict=True)
    ]


def _classify(vat: str, terms: TaxTerms) -> tuple[Category, Decimal]:
    if terms.category not in TAXED:
        return terms.category, Decimal(0)
    if vat == "exempt":
        return "E", Decimal(0)
    if vat == "reduced":
        if terms.reduced_rate is None:
            missing = msg("the plan has components at the reduced rate: say which rate that is")
            raise Invalid(msg("The tax has mistakes"), errors=[InputError("/tax/reduced_rate", missing)])
        return terms.category, terms.reduced_rate
    return terms.category, terms.rate
