"""An invoice or credit note as one frozen value, from which every form of it is made.

Texts stand in both languages, because the same document is shown in either; `language` is the one it is issued in.
Amounts are positive in a credit note too: it says what is given back (UNTDID 1001: 381).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from pydantic import TypeAdapter

from veilleur.domain.billing.parties import Party
from veilleur.domain.billing.tax import Category
from veilleur.kernel.messages import Language, Message
from veilleur.kernel.money import Currency

Kind = Literal["380", "381"]
INVOICE: Kind = "380"
CREDIT_NOTE: Kind = "381"
Texts = Mapping[str, str]
"""A sentence by language: `en` and `fr`."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days of service, both of them in it, as documents print them."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """`net` is `quantity` times `unit_price`, rounded once; `id` is stable: a line leads to its facts."""

    id: str
    texts: Texts
    quantity: Decimal
    unit_price: Decimal
    net: Decimal
    category: Category
    rate: Decimal
    unit_code: str = "C62"
    """UN/ECE recommendation 20."""
    period: Span | None = None
    component: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentAllowance:
    """Taken off the document, in one VAT category."""

    texts: Texts
    amount: Decimal
    category: Category
    rate: Decimal


@dataclass(frozen=True, slots=True)
class TaxRow:
    """VAT of a category and rate; `reason` says why none is charged (with its VATEX code, where there is one)."""

    category: Category
    rate: Decimal
    basis: Decimal
    amount: Decimal
    reason: Texts | None = None
    reason_code: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """`basis` is lines less allowances; `due` is the total less what is paid already."""

    lines: Decimal
    allowances: Decimal
    basis: Decimal
    tax: Decimal
    total: Decimal
    prepaid: Decimal
    due: Decimal


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence the law wants on the page, under its subject code (UNTDID 4451)."""

    code: str
    texts: Texts


@dataclass(frozen=True, slots=True)
class Exchange:
    """VAT once more in the currency the seller accounts for it in; `rate` of it for one of the document's."""

    currency: Currency
    rate: Decimal
    on: date
    source: str
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Bank:
    iban: str
    bic: str | None = None
    holder: str | None = None


@dataclass(frozen=True, slots=True)
class Credited:
    """The invoice a credit note takes back from."""

    number: str
    issued_on: date


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    kind: Kind
    number: str | None
    """None while it is a draft."""
    issued_on: date
    due_on: date
    language: Language
    currency: Currency
    seller: Party
    buyer: Party
    period: Span | None
    lines: tuple[DocumentLine, ...]
    allowances: tuple[DocumentAllowance, ...]
    tax: tuple[TaxRow, ...]
    totals: Totals
    notes: tuple[Note, ...] = ()
    bank: Bank | None = None
    contract: str | None = None
    quote: str | None = None
    purchase_order: str | None = None
    credited: Credited | None = None
    exchange: Exchange | None = None
    vat_on_debits: bool = False


_ADAPTER: TypeAdapter[InvoiceDocument] = TypeAdapter(InvoiceDocument)


def dump_document(document: InvoiceDocument) -> dict[str, Any]:
    """As plain JSON values; decimals are text."""
    dumped: dict[str, Any] = _ADAPTER.dump_python(document, mode="json")
    return dumped


def read_document(dumped: Mapping[str, Any]) -> InvoiceDocument:
    return _ADAPTER.validate_python(dict(dumped))


def say(texts: Texts, language: Language) -> str:
    """The sentence in a language, or in whichever there is."""
    return texts.get(language) or next(iter(texts.values()), "")


def in_both(message: Message) -> dict[str, str]:
    return {"en": message.render("en"), "fr": message.render("fr")}
