"""What the agency sells under its own name: its profile, quotes, invoices with their numbers and files, payments."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, Numeric, UniqueConstraint, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted, reference

InvoiceState = Literal["draft", "finalised", "sent", "paid"]
QuoteState = Literal["draft", "sent", "accepted", "refused"]
ISSUED = ("finalised", "sent", "paid")


class BillingProfile(Tenanted):
    """The seller, and how its documents look and count; one an agency."""

    __tablename__ = "billing_profiles"

    document: Mapped[JsonObject]
    """`profile.Profile`."""
    logo: Mapped[bytes | None] = mapped_column(LargeBinary)
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (UniqueConstraint("agency_id"),)


class NumberSeries(Tenanted):
    """The next number of a series. Taken under its row's lock by what is committed with it: no gap, no order lost."""

    __tablename__ = "number_series"

    name: Mapped[str]
    next: Mapped[int] = mapped_column(default=1)
    last_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("agency_id", "name"), CheckConstraint("next > 0", name="next"))


class Quote(Tenanted):
    """What a client is offered: a plan with the terms it would be signed under."""

    __tablename__ = "quotes"

    client_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(server_default="draft")
    number: Mapped[str | None]
    offer: Mapped[JsonObject]
    """`quote.Offer`, as the owner wrote it."""
    valid_until: Mapped[date]
    digest: Mapped[str | None]
    """SHA-256 of the page that was sent: what is accepted is exactly that."""
    page: Mapped[bytes | None] = mapped_column(LargeBinary)
    sent_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    answer: Mapped[JsonObject | None]
    """Who signed, or why it was refused."""
    contract_id: Mapped[UUID | None]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("client_id", "clients"),
        reference("contract_id", "contracts"),
        reference("created_by", "members"),
        UniqueConstraint("agency_id", "number"),
        Index(None, "agency_id", "client_id"),
        CheckConstraint("state IN ('draft', 'sent', 'accepted', 'refused')", name="state"),
        CheckConstraint("(state = 'draft') = (number IS NULL)", name="number"),
        CheckConstraint("(number IS NULL) = (page IS NULL OR digest IS NULL OR sent_at IS NULL)", name="sent"),
        CheckConstraint("(state = 'accepted') = (contract_id IS NOT NULL)", name="contract"),
    )


class BillingRun(Tenanted):
    """A month end: for every client a draft, or what keeps it from one."""

    __tablename__ = "billing_runs"

    period: Mapped[str]
    results: Mapped[list[JsonObject]]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    finalised_at: Mapped[datetime | None]

    __table_args__ = (reference("created_by", "members"), Index(None, "agency_id", "period"))


class Invoice(Tenanted):
    """An invoice (380) or credit note (381). Once it has a number, nothing of it changes but whether it was sent and
    paid: the database refuses.
    """

    __tablename__ = "invoices"

    client_id: Mapped[UUID]
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="draft")
    number: Mapped[str | None]
    contract_id: Mapped[UUID | None]
    period_id: Mapped[UUID | None]
    run_id: Mapped[UUID | None]
    credits_id: Mapped[UUID | None]
    """The invoice that is credited."""
    records: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), server_default=text("'{}'"))
    """Usage records a credit note gives back."""
    document: Mapped[JsonObject]
    """`documents.document.InvoiceDocument`: as it would be issued, then as it was."""
    manual: Mapped[list[JsonObject]] = mapped_column(server_default="[]")
    """Lines added by hand, with who added and who approved them."""
    issued_on: Mapped[date | None]
    due_on: Mapped[date | None]
    currency: Mapped[str]
    total: Mapped[Decimal] = mapped_column(Numeric(16, 2))
    digest: Mapped[str | None]
    """SHA-256 of the document."""
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    finalised_by: Mapped[UUID | None]
    finalised_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("contract_id", "contracts"),
        reference("period_id", "billing_periods"),
        reference("run_id", "billing_runs"),
        reference("credits_id", "invoices"),
        reference("created_by", "members"),
        reference("finalised_by", "members"),
        UniqueConstraint("agency_id", "number"),
        Index("uq_invoices_period", "agency_id", "period_id", unique=True, postgresql_where="kind = '380'"),
        Index(None, "agency_id", "client_id", "issued_on"),
        Index(None, "agency_id", "issued_on"),
        Index(None, "agency_id", "credits_id"),
        CheckConstraint("kind IN ('380', '381')", name="kind"),
        CheckConstraint("state IN ('draft', 'finalised', 'sent', 'paid')", name="state"),
        CheckConstraint("(kind = '381') = (credits_id IS NOT NULL)", name="credits"),
        CheckConstraint("(state = 'draft') = (number IS NULL)", name="number"),
        CheckConstraint(
            "(number IS NULL) = (issued_on IS NULL OR due_on IS NULL OR digest IS NULL OR finalised_at IS NULL)",
            name="finalised",
        ),
    )


class InvoiceFile(Tenanted):
    """A form of an issued invoice, byte for byte; never changed."""

    __tablename__ = "invoice_files"

    client_id: Mapped[UUID]
    invoice_id: Mapped[UUID]
    name: Mapped[str]
    """`pdf-fr`, `pdf-en`, `factur-x`."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[str]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("invoice_id", "invoices"),
        UniqueConstraint("agency_id", "invoice_id", "name"),
    )


class InvoiceMail(Tenanted):
    """An issued invoice on its way to somebody's mailbox: `waiting` → `sending` → `sent`, or `failed` for good.

    To one address it goes once; only what failed can be asked for again.
    """

    __tablename__ = "invoice_mails"

    client_id: Mapped[UUID]
    invoice_id: Mapped[UUID]
    recipient: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="waiting")
    due_at: Mapped[datetime | None]
    """When to try (waiting) or when the lease of a sender that vanished ends (sending); none once it is over."""
    attempts: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    first_attempt_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    """Of SMTP."""
    last_error: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("client_id", "clients"),
        reference("invoice_id", "invoices"),
        reference("created_by", "members"),
        CheckConstraint("state IN ('waiting', 'sending', 'sent', 'failed')", name="state"),
        CheckConstraint("(due_at IS NULL) = (state IN ('sent', 'failed'))", name="due"),
        CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sent"),
        Index("uq_invoice_mails_once", "agency_id", "invoice_id", "recipient", unique=True,
              postgresql_where="state <> 'failed'"),
        Index("ix_invoice_mails_due", "agency_id", "due_at", postgresql_where="due_at IS NOT NULL"),
    )  # fmt: skip


class Payment(Tenanted):
    """Money that came in, negative where it went back; never changed."""

    __tablename__ = "payments"

    client_id: Mapped[UUID]
    invoice_id: Mapped[UUID]
    amount: Mapped[Decimal] = mapped_column(Numeric(16, 2))
    paid_on: Mapped[date]
    method: Mapped[str]
    remittance: Mapped[str | None]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("client_id", "clients"),
        reference("invoice_id", "invoices"),
        reference("created_by", "members"),
        CheckConstraint("amount <> 0", name="amount"),
        Index(None, "agency_id", "invoice_id"),
        Index(None, "agency_id", "paid_on"),
    )


class CostRate(Tenanted):
    """What an hour of a member costs the agency, from a day on."""

    __tablename__ = "cost_rates"

    member_id: Mapped[UUID]
    from_on: Mapped[date]
    per_hour: Mapped[Decimal] = mapped_column(Numeric(12, 4))
    currency: Mapped[str]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("member_id", "members"),
        reference("created_by", "members"),
        UniqueConstraint("agency_id", "member_id", "from_on"),
        CheckConstraint("per_hour >= 0", name="per_hour"),
    )
