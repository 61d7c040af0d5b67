"""What stands on a page, in the order and the words it is printed: the form between a document and its drawing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from veilleur.kernel.messages import Language, Message

LOCALES: dict[Language, str] = {"fr": "fr_FR", "en": "en_GB"}


@dataclass(frozen=True, slots=True)
class Brand:
    """`colour` as `#rrggbb`; `logo` is a PNG or JPEG."""

    colour: str = "#1f3a5f"
    logo: bytes | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A heading with lines below it."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `detail` stands small below the text."""

    text: str
    detail: str
    quantity: str
    unit_price: str
    tax: str
    net: str


@dataclass(frozen=True, slots=True)
class Sum:
    label: str
    value: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    number: str
    language: Language
    made_on: date
    draft: str | None
    """What is written across the page of a document that is none yet."""
    brand: Brand
    seller: Block
    buyer: Block
    facts: tuple[tuple[str, str], ...]
    intro: str
    columns: tuple[str, str, str, str, str]
    rows: tuple[Row, ...]
    sums: tuple[Sum, ...]
    boxes: tuple[Block, ...]
    """Beside the sums: VAT by rate, how to pay."""
    sections: tuple[Block, ...]
    """Below the sums, over the whole width: terms, mentions."""
    signature: Block | None
    footer: str


def say_amount(amount: Decimal, currency: str, language: Language) -> str:
    """`1 234,50 €`; prices keep the decimals they have."""
    places = max(2, _count_decimals(amount))
    return format_currency(
        amount, currency, "#,##0." + "0" * places + " ¤" if language == "fr" else "¤#,##0." + "0" * places,
        locale=LOCALES[language], currency_digits=False,
    )  # fmt: skip


def say_number(number: Decimal, language: Language) -> str:
    return format_decimal(number, "#,##0.######", locale=LOCALES[language])


def say_rate(rate: Decimal, language: Language) -> str:
    number = say_number(rate, language)
    return f"{number}\N{NO-BREAK SPACE}%" if language == "fr" else f"{number}%"


def say_day(day: date, language: Language) -> str:
    return format_date(day, "d MMMM y", locale=LOCALES[language])


def say_days(first: date, last: date, language: Language) -> str:
    """`1 – 30 novembre 2026`, as short as it can be said."""
    if first == last:
        return say_day(first, language)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {say_day(last, language)}"
    return f"{say_day(first, language)} – {say_day(last, language)}"


def say_country(code: str, language: Language) -> str:
    return str(Locale.parse(LOCALES[language]).territories.get(code, code))


def render_all(messages: Sequence[Message], language: Language) -> tuple[str, ...]:
    return tuple(message.render(language) for message in messages)


def _count_decimals(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0
