"""Shapes of the owner's calls about the seller, invoices and what is paid."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from veilleur.domain.billing.numbers import Price, Quantity
from veilleur.domain.invoicing.profile import Profile
from veilleur.kernel.messages import Language, msg
from veilleur_api.owner.billing_documents import Day
from veilleur_api.owner.documents import Email, Shape

MOST_LOGO = 200_000
LARGEST = Decimal(10) ** 11

Reason = Annotated[str, Field(min_length=1, max_length=2_000)]
LineId = Annotated[str, Field(min_length=1, max_length=300)]
RecordId = Annotated[str, Field(pattern=r"^usg_[0-9a-hjkmnp-tv-z]{26}$")]


def _bound(value: Decimal) -> Decimal:
    if abs(value) >= LARGEST:
        raise ValueError(msg("is beyond what an invoice can hold"))
    return value


def _require_cents(value: Decimal) -> Decimal:
    if value != value.quantize(Decimal("0.01")):
        raise ValueError(msg("must be an amount with at most two decimals"))
    return value


def _require_positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError(msg("must be more than 0"))
    return value


Amount = Annotated[Price, AfterValidator(_bound), AfterValidator(_require_cents)]
UnitPrice = Annotated[Price, AfterValidator(_bound), Field(ge=0)]
Count = Annotated[Quantity, AfterValidator(_bound), AfterValidator(_require_positive)]
Rate = Annotated[Price, AfterValidator(_bound), AfterValidator(_require_positive)]


class BillingProfileIn(Profile):
    """The seller with its terms, numbers and accounts. `logo`: a PNG or JPEG in base64; null removes it, without it the
    one that is there stays. What is read of it (`has_logo`, `version`, `changed_at`) may come back and says nothing.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    logo: Annotated[str, Field(max_length=MOST_LOGO)] | None = None
    has_logo: bool | None = None
    version: int | None = None
    changed_at: Annotated[str, Field(max_length=64)] | None = None


class BillingProfileOut(Profile):
    model_config = ConfigDict(extra="allow")

    has_logo: bool
    version: int
    changed_at: datetime


class InvoiceIn(Shape):
    """`period`: the month it begins in (`2026-11`), or one of its days; without it lines are added by hand."""

    period: Annotated[str, Field(max_length=10)] | None = None
    language: Language | None = None


class Description(Shape):
    """In one language or both."""

    fr: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    en: Annotated[str, Field(min_length=1, max_length=500)] | None = None

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if self.fr is None and self.en is None:
            raise ValueError(msg("say it in French, English or both"))
        return self

    def to_texts(self) -> dict[str, str]:
        return {"fr": self.fr or self.en or "", "en": self.en or self.fr or ""}


class ManualLineIn(Shape):
    """A line added by hand, priced at `vat`'s rate in the contract; somebody else approves it. `to` is the last day."""

    description: Description
    quantity: Count
    unit_price: UnitPrice
    vat: Literal["standard", "reduced", "exempt"] = "standard"
    unit: Literal["C62", "HUR", "DAY", "MON", "MIN", "SEC"] = "C62"
    from_: Day | None = Field(default=None, alias="from")
    to: Day | None = None

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        if (self.from_ is None) != (self.to is None) or (self.from_ and self.to and self.to < self.from_):
            raise ValueError(msg("`from` and `to` are the first and the last day of service: both, in this order"))
        return self


class ExchangeIn(Shape):
    """So much of the seller's own currency for one of the invoice's, on a day, by a source such as the ECB."""

    rate: Rate
    on: Day
    source: Annotated[str, Field(min_length=1, max_length=100)]


class CreditedLine(Shape):
    """`quantity`: how much of it is given back; without it all."""

    id: LineId
    quantity: Count | None = None


class CreditNoteIn(Shape):
    """Give back `lines`, or what `records` (usage records) cost, or with neither the whole invoice. Tried first."""

    reason: Reason
    lines: Annotated[list[CreditedLine], Field(min_length=1, max_length=500)] | None = None
    records: Annotated[list[RecordId], Field(min_length=1, max_length=5_000)] | None = None
    dry_run: bool = True

    @model_validator(mode="after")
    def _choose(self) -> Self:
        if self.lines is not None and self.records is not None:
            raise ValueError(msg("name lines or records, not both"))
        return self


class PaymentIn(Shape):
    """Money that came in; a negative `amount` went back."""

    amount: Amount
    paid_on: Day
    method: Literal["transfer", "card", "direct_debit", "cheque", "cash", "other"] = "transfer"
    reference: Annotated[str, Field(max_length=200)] | None = None


class SendIn(Shape):
    """Who is mailed; without it the buyer's own address. It stands in the trail."""

    to: Email | None = None


class PaymentOut(BaseModel):
    id: str
    amount: str
    paid_on: date
    method: str
    reference: str | None
    recorded_by: str
    recorded_at: datetime


class PaymentsOut(BaseModel):
    data: list[PaymentOut]


class InvoiceOut(BaseModel):
    """An invoice or credit note; the charged lines are in `document`."""

    model_config = ConfigDict(extra="allow")

    id: str
    type: str
    state: Literal["draft", "finalised", "sent", "paid", "overdue"]
    number: str | None
    client: str
    contract: str | None
    billing_period: str | None
    credits: str | None
    issued_on: date | None
    due_on: date | None
    total: str
    currency: str
    credited: str
    paid: str
    open: str
    digest: str | None


class InvoicesOut(BaseModel):
    data: list[InvoiceOut]
    next: str | None


class InvoiceMailOut(BaseModel):
    """`next_at`: when it is tried again. `last_status` is SMTP's own, `last_error` why there was none."""

    to: str
    state: Literal["waiting", "sending", "sent", "failed"]
    attempts: int
    last_status: int | None
    last_error: str | None
    next_at: datetime | None
    sent_at: datetime | None
    requested_at: datetime


class InvoiceDetailOut(InvoiceOut):
    document: dict[str, Any]
    manual_lines: list[dict[str, Any]]
    files: list[dict[str, Any]]
    mails: list[InvoiceMailOut]


class SentInvoiceOut(InvoiceDetailOut):
    """`mail` says what becomes of it: that it is mailed, or why nobody is."""

    mail: str


class CreditNoteOut(BaseModel):
    """`dry_run`: nothing was kept; otherwise `credit_note` is the draft."""

    model_config = ConfigDict(extra="allow")

    dry_run: bool
    document: dict[str, Any]
    credit_note: str | None
