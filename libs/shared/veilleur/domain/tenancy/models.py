"""Agencies, clients, sources, members and their credentials."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, JsonObject, Tenanted, reference
from veilleur.kernel.ids import new_id

Role = Literal["owner", "lead", "moderator", "auditor", "accountant"]
Interim = Literal["publish", "withhold"]


class Agency(Base):
    """The tenant. Its own row is visible to itself alone."""

    __tablename__ = "agencies"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    time_zone: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())


def of_agency() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["agency_id"], ["agencies.agency_id"])


class Client(Tenanted):
    """A platform the agency serves."""

    __tablename__ = "clients"

    slug: Mapped[str]
    name: Mapped[str]
    time_zone: Mapped[str]
    languages: Mapped[list[str]]
    interim: Mapped[str]
    calendar_id: Mapped[UUID]
    queue_id: Mapped[UUID]
    """Where cases go that no rule routes."""
    share_sla: Mapped[bool] = mapped_column(default=False)
    """Whether the client is told of warnings and breaches."""
    blast_limit_percent: Mapped[float] = mapped_column(Double(), default=5.0, server_default=text("5"))
    """Share of the traffic whose fate one person alone may change by publishing a rule set."""
    guaranteed_slots: Mapped[int | None]
    """How many cases of this client may always be in hand at once; None: an equal part of all."""
    send_after_s: Mapped[int] = mapped_column(server_default="0")
    """So long a person's decision waits before anybody is told: a correction meanwhile wins."""
    payload_days: Mapped[int] = mapped_column(server_default="30")
    """How long the bodies of its events are kept: its data policy's `events`, and stored nowhere else."""
    house_rules: Mapped[str] = mapped_column(server_default="")
    tone: Mapped[str] = mapped_column(server_default="")
    contacts: Mapped[list[JsonObject]] = mapped_column(server_default="[]")
    """Whom moderators may ask: `[{"name", "role"?, "email"?, "phone"?, "note"?}]`."""
    automation: Mapped[str] = mapped_column(server_default="act")
    """What rules may do: `act`, `advise` (people decide what they would restrict or remove), `off`."""
    automation_note: Mapped[JsonObject | None]
    """`{"reason", "by", "at"}` of the last change."""
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    strike_days: Mapped[int] = mapped_column(default=90, server_default="90")
    """How long a restriction or removal counts against its author."""
    default_severity: Mapped[int] = mapped_column(default=1, server_default="1")
    """How hard its content may be to look at where no policy is suspected, 1 to 5."""
    counter_epoch: Mapped[int] = mapped_column(default=0, server_default="0")
    """Grows when items were screened without being counted: the client's counters are then recounted."""

    __table_args__ = (
        of_agency(),
        UniqueConstraint("agency_id", "slug"),
        CheckConstraint("automation IN ('act', 'advise', 'off')", name="automation"),
        CheckConstraint("interim IN ('publish', 'withhold')", name="interim"),
        CheckConstraint("send_after_s BETWEEN 0 AND 3600", name="send_after_s"),
        CheckConstraint("payload_days BETWEEN 1 AND 30", name="payload_days"),
        CheckConstraint("default_severity BETWEEN 1 AND 5", name="default_severity"),
        CheckConstraint("strike_days BETWEEN 1 AND 3650", name="strike_days"),
        CheckConstraint("blast_limit_percent BETWEEN 0 AND 100", name="blast_limit_percent"),
        CheckConstraint("guaranteed_slots BETWEEN 0 AND 10000", name="guaranteed_slots"),
        reference("calendar_id", "calendars"),
        reference("queue_id", "queues"),
    )


class Source(Tenanted):
    """Where a client's content comes from; `kind` names the module that verifies and reads it."""

    __tablename__ = "sources"

    client_id: Mapped[UUID]
    kind: Mapped[str]
    name: Mapped[str]
    mode: Mapped[str] = mapped_column(default="live")
    settings: Mapped[JsonObject] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "client_id", "name"),
        CheckConstraint("mode IN ('live', 'test', 'observe', 'paused', 'closed')", name="mode"),
    )


class SourceSecret(Tenanted):
    """A sealed signing secret; several live at once while one is rotated."""

    __tablename__ = "source_secrets"

    source_id: Mapped[UUID]
    client_id: Mapped[UUID]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    expires_at: Mapped[datetime | None]

    __table_args__ = (
        reference("source_id", "sources"),
        reference("client_id", "clients"),
        Index(None, "agency_id", "source_id"),
    )


class Credential(Tenanted):
    """An API key or OAuth client of one client platform, known by the hash of its secret."""

    __tablename__ = "credentials"

    client_id: Mapped[UUID]
    kind: Mapped[str]
    name: Mapped[str]
    hint: Mapped[str]
    """The first characters of the key, to tell it from others."""
    secret_hash: Mapped[bytes] = mapped_column()
    scopes: Mapped[list[str]]
    test: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "secret_hash"),
        Index("ix_credentials_lookup", "secret_hash"),
        CheckConstraint("kind IN ('api_key', 'oauth_client')", name="kind"),
    )


class Member(Tenanted):
    """A person of the agency."""

    __tablename__ = "members"

    email: Mapped[str]
    name: Mapped[str]
    roles: Mapped[list[str]]
    languages: Mapped[list[str]] = mapped_column(default=list)
    skills: Mapped[list[str]] = mapped_column(default=list)
    capacity: Mapped[int] = mapped_column(default=5)
    """How many cases this person may hold at once."""
    tier: Mapped[int] = mapped_column(server_default=text("1"))
    """Works queues up to this tier."""
    grade: Mapped[str | None]
    """What this person's work is priced as (`junior`, `senior`), where a rate plan has prices by grade."""
    status: Mapped[str] = mapped_column(server_default=text("'available'"))
    status_since: Mapped[datetime] = mapped_column(server_default=func.app_now())
    serves_all: Mapped[bool] = mapped_column(default=False)
    """Serves every client, present and future; otherwise `grants` names them."""
    attentive_since: Mapped[datetime | None]
    """When this person last finished with a case: review seconds of the next one count from here at the earliest."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    disabled_at: Mapped[datetime | None]

    __table_args__ = (
        of_agency(),
        UniqueConstraint("agency_id", "email"),
        CheckConstraint("capacity BETWEEN 1 AND 50", name="capacity"),
        CheckConstraint("tier BETWEEN 1 AND 5", name="tier"),
        CheckConstraint("status IN ('available', 'break', 'off')", name="status"),
    )


class Grant(Tenanted):
    """A member serves a client."""

    __tablename__ = "grants"

    member_id: Mapped[UUID]
    client_id: Mapped[UUID]

    __table_args__ = (
        reference("member_id", "members"),
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "member_id", "client_id"),
    )


class LoginCode(Tenanted):
    """A one-time code that a member turns into a token."""

    __tablename__ = "login_codes"

    member_id: Mapped[UUID]
    code_hash: Mapped[bytes]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (
        reference("member_id", "members"),
        UniqueConstraint("agency_id", "code_hash"),
        Index("ix_login_codes_lookup", "code_hash"),
    )


class DataKey(Tenanted):
    """The key that an agency's secrets are sealed with, or one client's; itself sealed by a master key."""

    __tablename__ = "data_keys"

    client_id: Mapped[UUID | None]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    retired_at: Mapped[datetime | None]
    """Opens what it sealed, and seals nothing more."""

    __table_args__ = (
        reference("client_id", "clients"),
        Index(
            "uq_data_keys_current", "agency_id", "client_id",
            unique=True, postgresql_nulls_not_distinct=True, postgresql_where="retired_at IS NULL",
        ),
    )  # fmt: skip


class IssuerKey(Base):
    """A key of the built-in token issuer; the private half is sealed."""

    __tablename__ = "issuer_keys"

    kid: Mapped[str] = mapped_column(primary_key=True)
    public_jwk: Mapped[JsonObject]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    signs_from: Mapped[datetime] = mapped_column(server_default=func.app_now())
    """Published before it signs, so that whoever keeps our keys has it in time."""
    retired_at: Mapped[datetime | None]
    """From then on nothing it signed is good."""


class WorkHint(Base):
    """See `veilleur.infra.worklist`."""

    __tablename__ = "work_hints"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime] = mapped_column(primary_key=True)
