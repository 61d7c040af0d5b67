"""Who members are elsewhere, how long they stay logged in, and who may look in for a while."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.domain.tenancy.models import of_agency
from veilleur.infra.db.base import JsonObject, Tenanted, reference


class IdentityProvider(Tenanted):
    """An OpenID Connect provider whose word an agency takes for who its members are."""

    __tablename__ = "identity_providers"

    name: Mapped[str]
    issuer: Mapped[str]
    """Compared character by character with `iss`."""
    audience: Mapped[str | None]
    """The `aud` of access tokens that are accepted as bearers; None: people log in, tokens of theirs open nothing."""
    algorithms: Mapped[list[str]]
    jwks_uri: Mapped[str | None]
    """None: what the provider's metadata name."""
    role_claim: Mapped[str | None]
    """The path to a claim with roles, such as `realm_access.roles`."""
    role_map: Mapped[JsonObject] = mapped_column(default=dict)
    """What that claim calls our roles: `{"mods": "moderator"}`."""
    login_client_id: Mapped[str | None]
    login_secret: Mapped[bytes | None]
    """Sealed."""
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    disabled_at: Mapped[datetime | None]

    __table_args__ = (
        of_agency(),
        UniqueConstraint("agency_id", "issuer"),
        Index("ix_identity_providers_lookup", "issuer"),
        CheckConstraint("cardinality(algorithms) > 0", name="algorithms"),
        CheckConstraint("audience IS NOT NULL OR login_client_id IS NOT NULL", name="use"),
    )


class MemberIdentity(Tenanted):
    """`subject` at a provider is this member."""

    __tablename__ = "member_identities"

    provider_id: Mapped[UUID]
    member_id: Mapped[UUID]
    subject: Mapped[str]
    linked_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("provider_id", "identity_providers"),
        reference("member_id", "members"),
        UniqueConstraint("agency_id", "provider_id", "subject"),
        UniqueConstraint("agency_id", "member_id", "provider_id"),
    )


class MemberSession(Tenanted):
    """One log-in and every token that came of it."""

    __tablename__ = "member_sessions"

    member_id: Mapped[UUID]
    provider_id: Mapped[UUID | None]
    """Who vouched; None: a login code."""
    roles: Mapped[list[str] | None]
    """What the provider's role claim left of the member's roles; None: all of them."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None]

    __table_args__ = (
        reference("member_id", "members"),
        reference("provider_id", "identity_providers"),
        Index(None, "agency_id", "member_id"),
        Index(None, "agency_id", "expires_at"),
        CheckConstraint("ended_because IN ('logout', 'reuse', 'provider')", name="ended_because"),
    )


class RefreshToken(Tenanted):
    """Good once: whoever brings one that was used is not alone, and the session ends."""

    __tablename__ = "refresh_tokens"

    session_id: Mapped[UUID]
    token_hash: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    used_at: Mapped[datetime | None]

    __table_args__ = (
        reference("session_id", "member_sessions"),
        UniqueConstraint("agency_id", "token_hash"),
        Index("ix_refresh_tokens_lookup", "token_hash"),
        Index(None, "agency_id", "session_id"),
    )


class BreakGlassGrant(Tenanted):
    """The operator may look into an agency until `expires_at`; the agency sees it, and can end it."""

    __tablename__ = "break_glass_grants"

    reason: Mapped[str]
    granted_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]

    __table_args__ = (
        of_agency(),
        CheckConstraint("expires_at <= granted_at + interval '1 hour'", name="at_most_an_hour"),
    )
