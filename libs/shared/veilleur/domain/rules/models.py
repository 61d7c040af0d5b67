"""Rule sets of a client, and the lists that rule sets share: both in immutable, numbered versions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted, reference


class RuleSetVersion(Tenanted):
    """`draft` → `published` → `retired`; a client has at most one published version.

    `pending` stands between the first two while a second person is waited for. A version may run in shadow, beside the
    published one, in whatever state it is; at most one does.
    """

    __tablename__ = "rule_sets"

    client_id: Mapped[UUID]
    version: Mapped[int]
    digest: Mapped[str]
    document: Mapped[JsonObject]
    lists: Mapped[list[str]] = mapped_column(default=list, server_default="{}")
    """The codes of the shared lists that the document refers to."""
    note: Mapped[str]
    state: Mapped[str] = mapped_column(default="draft")
    author: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    restores: Mapped[int | None]
    """The version whose document this one puts back in force."""
    requested_by: Mapped[str | None]
    """Who asked to publish it and has to wait for somebody else, with `blast`: what was measured, and against what."""
    requested_at: Mapped[datetime | None]
    blast: Mapped[JsonObject | None]
    published_by: Mapped[str | None]
    approved_by: Mapped[str | None]
    published_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    shadow_since: Mapped[datetime | None]
    shadow_until: Mapped[datetime | None]
    """When it last ran in shadow; `shadow_until` is none while it does."""

    __table_args__ = (
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "client_id", "version"),
        CheckConstraint("state IN ('draft', 'pending', 'published', 'retired')", name="state"),
        Index(
            "uq_rule_sets_published", "agency_id", "client_id",
            unique=True, postgresql_where="state = 'published'",
        ),
        Index(
            "uq_rule_sets_shadow", "agency_id", "client_id",
            unique=True, postgresql_where="shadow_since IS NOT NULL AND shadow_until IS NULL",
        ),
    )  # fmt: skip


class SharedList(Tenanted):
    """Phrases, domains or hashes that rule sets name by `code`: the whole agency's, or one client's own.

    What it holds is in the version of that number.
    """

    __tablename__ = "lists"

    client_id: Mapped[UUID | None]
    code: Mapped[str]
    title: Mapped[str]
    kind: Mapped[str]
    """Never changes: conditions are written for it."""
    entries: Mapped[int]
    version: Mapped[int]
    digest: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("client_id", "clients"),
        CheckConstraint("kind IN ('phrases', 'domains', 'hashes')", name="kind"),
        Index(
            "uq_lists_code", "agency_id", "client_id", "code",
            unique=True, postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip


class SharedListVersion(Tenanted):
    """What a list held; kept when the list is gone, so that an old evaluation can be done again."""

    __tablename__ = "list_versions"

    client_id: Mapped[UUID | None]
    list_id: Mapped[UUID]
    code: Mapped[str]
    version: Mapped[int]
    digest: Mapped[str]
    document: Mapped[JsonObject]
    note: Mapped[str]
    author: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "list_id", "version"),
        Index(None, "agency_id", "code", "digest"),
    )
