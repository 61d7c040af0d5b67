"""Items and the receipts of the webhooks that brought them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, JsonObject, Small, Tenanted, reference


class ItemState(StrEnum):
    """`received` (not screened yet) → `decided`, or → `in_review` (a case is open) → `decided`."""

    RECEIVED = "received"
    IN_REVIEW = "in_review"
    DECIDED = "decided"
    DELETED = "deleted"


URL_KEY = "hashtextextended(body ->> 'url', 0)"
LINK_KEY = (
    r"""hashtextextended(rtrim(regexp_replace(lower(substring(body ->> 'text' FROM """
    r"""'(?i)https?://([^\s<>"''?#]+)')), '^www[.]', ''), '/.,;:!)]'), 0)"""
)


class Item(Tenanted):
    """A piece of content in its current revision; its identity is `(source, external_id)`."""

    __tablename__ = "items"

    client_id: Mapped[UUID]
    source_id: Mapped[UUID]
    external_id: Mapped[str]
    revision: Mapped[int] = mapped_column(default=1)
    kind: Mapped[str]
    language: Mapped[str | None]
    author_external_id: Mapped[str | None]
    thread_id: Mapped[str | None]
    text_key: Mapped[int | None] = mapped_column(BigInteger)
    """Equal for texts that differ in case, spacing and punctuation only."""
    url_key: Mapped[int | None] = mapped_column(BigInteger, Computed(URL_KEY, persisted=True))
    """Equal for equal `url`s. Typed, because under row-level security no index on `body` is used."""
    link_key: Mapped[int | None] = mapped_column(BigInteger, Computed(LINK_KEY, persisted=True))
    """Equal for texts whose first link leads to the same host and path."""
    body: Mapped[JsonObject]
    """The item as the contract shapes it, without `external_id` and `revision`."""
    digest: Mapped[bytes]
    """SHA-256 of the canonical content: the same content again is a duplicate."""
    mode: Mapped[str] = mapped_column(default="live")
    """`live`, `test` (fixed outcomes, no human, no usage) or `observe` (judged, nothing done); fixed at receipt."""
    state: Mapped[str] = mapped_column(default=ItemState.RECEIVED)
    interim: Mapped[str]
    decisions: Mapped[int] = mapped_column(Small, default=0)
    """How many decisions this item has had: the `sequence` of its callbacks."""
    attempts: Mapped[int] = mapped_column(Small, default=0)
    """How often screening was begun; counted apart from its transaction, so that a crash is counted too."""
    forgiven: Mapped[int] = mapped_column(Small, server_default="0")
    """How many attempts were taken back because the database had failed them."""
    attempted_at: Mapped[datetime | None]
    screen_after: Mapped[datetime | None]
    """Not screened before: until then its answer from a provider is waited for. None: at once."""
    observed: Mapped[JsonObject | None]
    """In `observe` mode: what would have been decided."""
    received_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    asked_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    """When the present question came: the receipt, the last edit or report. Clocks start here."""
    deleted_at: Mapped[datetime | None]
    """When the client said it is gone; the worker then closes what is open."""
    closed_at: Mapped[datetime | None]
    acted_at: Mapped[datetime | None]
    """When we last did something to it on its platform: what comes back soon after may be our own doing."""
    removed_at: Mapped[datetime | None]
    """The same, when what we did last was to take it away."""
    hold_class: Mapped[str | None]
    """Why the item is under a legal hold: kept, and its media shown in restricted queues only."""
    erased_at: Mapped[datetime | None]
    """When it was erased for its author: what is left says only that it was here."""
    expired_at: Mapped[datetime | None]
    """When its content was past keeping and dropped; who wrote it and what was decided stays."""
    traceparent: Mapped[str | None] = mapped_column(String(55))
    """Where the present question stands in its sender's trace (W3C Trace Context); callbacks carry it on."""

    __table_args__ = (
        reference("client_id", "clients"),
        reference("source_id", "sources"),
        UniqueConstraint("agency_id", "source_id", "external_id"),
        CheckConstraint("state IN ('received', 'in_review', 'decided', 'deleted')", name="state"),
        CheckConstraint("interim IN ('publish', 'withhold')", name="interim"),
        CheckConstraint("mode IN ('live', 'test', 'observe')", name="mode"),
        CheckConstraint("hold_class IN ('csam', 'threat_to_life', 'terror')", name="hold_class"),
        Index("ix_items_unscreened", "agency_id", "asked_at", postgresql_where="state = 'received'"),
        Index("ix_items_author", "agency_id", "client_id", "author_external_id", "received_at"),
        Index(
            "ix_items_thread", "agency_id", "source_id", "thread_id", "received_at",
            postgresql_where="thread_id IS NOT NULL",
        ),
        Index("ix_items_text", "agency_id", "client_id", "text_key", postgresql_where="text_key IS NOT NULL"),
        Index("ix_items_url", "agency_id", "client_id", "url_key", postgresql_where="url_key IS NOT NULL"),
        Index("ix_items_link", "agency_id", "client_id", "link_key", postgresql_where="link_key IS NOT NULL"),
        {"postgresql_with": {"fillfactor": "85"}},
    )  # fmt: skip


class ItemRevision(Tenanted):
    """What an item said before it was edited: copied here when a newer revision takes its place."""

    __tablename__ = "item_revisions"

    client_id: Mapped[UUID]
    item_id: Mapped[UUID]
    revision: Mapped[int]
    body: Mapped[JsonObject]
    digest: Mapped[bytes]
    replaced_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("item_id", "items"),
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "item_id", "revision"),
    )


class Report(Tenanted):
    """Somebody pointed at an item. One reporter's same reason counts once, whatever the revision."""

    __tablename__ = "reports"

    client_id: Mapped[UUID]
    item_id: Mapped[UUID]
    source: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[str | None]
    reporter_external_id: Mapped[str | None]
    received_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("client_id", "clients"),
        reference("item_id", "items"),
        CheckConstraint("source IN ('user', 'trusted_flagger', 'authority', 'platform')", name="source"),
        Index(
            "uq_reports_once", "agency_id", "item_id", "reporter_external_id", "reason",
            unique=True, postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip


class WebhookReceipt(Base):
    """A webhook id of a source with the digest of what it said: the same id never says two things."""

    __tablename__ = "webhook_receipts"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    source_id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[UUID]
    digest: Mapped[bytes]
    received_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        ForeignKeyConstraint(["agency_id", "source_id"], ["sources.agency_id", "sources.id"]),
        reference("client_id", "clients"),
        Index(None, "agency_id", "source_id", "received_at"),
    )


class SourcePoll(Base):
    """Where a source is asked for what its webhooks missed, with the key for it sealed, and how far that went."""

    __tablename__ = "source_polls"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    source_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[UUID]
    url: Mapped[str]
    username: Mapped[str]
    sealed: Mapped[bytes]
    every_s: Mapped[int]
    fence: Mapped[int]
    settings: Mapped[JsonObject] = mapped_column(default=dict, server_default="{}")
    """What besides address and key the platform's reader needs: a subreddit, a channel."""
    cursor: Mapped[int | None] = mapped_column(BigInteger)
    marks: Mapped[JsonObject] = mapped_column(default=dict, server_default="{}")
    """What else the reader remembers."""
    due_at: Mapped[datetime]
    polled_at: Mapped[datetime | None]
    last_error: Mapped[str | None]

    __table_args__ = (
        ForeignKeyConstraint(["agency_id", "source_id"], ["sources.agency_id", "sources.id"]),
        reference("client_id", "clients"),
    )


class UnstoredDelivery(Tenanted):
    """A delivery that stored nothing: `refused`, or `ignored` because it holds no case. Never its body."""

    __tablename__ = "unstored_deliveries"

    source_id: Mapped[UUID]
    client_id: Mapped[UUID]
    outcome: Mapped[str]
    slug: Mapped[str | None]
    detail: Mapped[JsonObject | None]
    """Why, by language, and the `webhook_id` it came under."""
    size: Mapped[int]
    headers: Mapped[list[str]]
    """Names only."""
    received_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("source_id", "sources"),
        reference("client_id", "clients"),
        Index(None, "agency_id", "source_id", "received_at"),
        CheckConstraint("outcome IN ('refused', 'ignored')", name="outcome"),
    )


class LegalHold(Tenanted):
    """An item is kept, whoever asks for its erasure, from `placed_at` until somebody lifts it."""

    __tablename__ = "legal_holds"

    client_id: Mapped[UUID]
    item_id: Mapped[UUID]
    hold_class: Mapped[str]
    member_id: Mapped[UUID]
    """Who placed it."""
    placed_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[UUID | None]
    lift_reason: Mapped[str | None]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("item_id", "items"),
        reference("member_id", "members"),
        reference("lifted_by", "members"),
        CheckConstraint("(lifted_at IS NULL) = (lifted_by IS NULL AND lift_reason IS NULL)", name="lifted"),
        CheckConstraint("hold_class IN ('csam', 'threat_to_life', 'terror')", name="hold_class"),
        Index("uq_legal_holds_standing", "agency_id", "item_id", unique=True, postgresql_where="lifted_at IS NULL"),
    )
