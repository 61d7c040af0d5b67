"""The seller as documents show it: who it is, its terms, its numbers, its accounts; pure."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from stdnum import iban as iban_number

from veilleur.domain.billing.parties import EU_COUNTRIES, Line, Party
from veilleur.domain.invoicing.documents.document import Bank, Note
from veilleur.domain.invoicing.documents.mentions import DISCOUNT, INDEMNITY, PENALTY
from veilleur.kernel.messages import Language, msg

SeriesKind = Literal["invoice", "credit_note", "quote"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _check_iban(value: str) -> str:
    if not iban_number.is_valid(value):
        raise ValueError(msg("is not an IBAN"))
    return str(iban_number.compact(value))


Sentence = Annotated[str, Field(min_length=1, max_length=1_000)]
Account = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,20}$")]
Journal = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,10}$")]


class BankAccount(_Part):
    iban: Annotated[str, Field(max_length=42), AfterValidator(_check_iban)]
    bic: Annotated[str, Field(pattern=r"^[A-Z0-9]{8}([A-Z0-9]{3})?$")] | None = None
    holder: Line | None = None


class Bilingual(_Part):
    fr: Sentence
    en: Sentence


class Terms(_Part):
    """What the law wants said of late and early payment."""

    late_penalty: Bilingual | None = None
    recovery_indemnity: Bilingual | None = None
    early_payment: Bilingual | None = None


class NumberFormat(_Part):
    """`prefix` may hold `{year}`: the count then begins anew each year. Letters, digits and `- + _ /` (BR-FR-02)."""

    prefix: Annotated[str, Field(pattern=r"^(\{year\}|[A-Za-z0-9+_/-]){0,20}$")] = "{year}-"
    digits: Annotated[int, Field(ge=1, le=10)] = 6


class Numbering(_Part):
    invoice: NumberFormat = NumberFormat()
    credit_note: NumberFormat = NumberFormat(prefix="A{year}-")
    quote: NumberFormat = NumberFormat(prefix="D{year}-", digits=4)


class Accounts(_Part):
    """Where the journal books to; the defaults are those of the French general chart."""

    sales_journal: Journal = "VE"
    bank_journal: Journal = "BQ"
    receivables: Account = "411000"
    revenue: Account = "706000"
    vat: Account = "445710"
    bank: Account = "512000"


class Profile(_Part):
    seller: Party
    bank: BankAccount | None = None
    language: Language = "fr"
    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#1f3a5f"
    terms: Terms = Terms()
    vat_regime: Literal["standard", "debits", "franchise"] = "standard"
    """`debits`: VAT is due when invoiced; `franchise`: none is charged (art. 293 B CGI)."""
    e_invoice: Literal["factur-x", "none"] | None = None
    """None: Factur-X where the seller is in the EU."""
    final_invoice: Literal["draft", "finalise"] = "draft"
    """Of a client that leaves: left as a draft for somebody to look at, or numbered at once when nothing is missing."""
    numbering: Numbering = Numbering()
    accounts: Accounts = Accounts()


def notes_of(profile: Profile) -> tuple[Note, ...]:
    terms = profile.terms
    named = ((PENALTY, terms.late_penalty), (INDEMNITY, terms.recovery_indemnity), (DISCOUNT, terms.early_payment))
    return tuple(Note(code, {"fr": text.fr, "en": text.en}) for code, text in named if text is not None)


def bank_of(profile: Profile) -> Bank | None:
    bank = profile.bank
    return Bank(bank.iban, bank.bic, bank.holder or profile.seller.name) if bank else None


def wants_einvoice(profile: Profile) -> bool:
    if profile.e_invoice is None:
        return profile.seller.country in EU_COUNTRIES
    return profile.e_invoice == "factur-x"


def write_number(shape: NumberFormat, year: int, number: int) -> str:
    return f"{shape.prefix.replace('{year}', str(year))}{number:0{shape.digits}}"
