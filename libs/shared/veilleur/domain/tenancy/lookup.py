"""What must be found before the tenant is known: a source by its id, a credential by its hash.

Answers are kept for at most five seconds, so that a revocation bites within five seconds everywhere.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import and_, func, select, text

from veilleur.domain.tenancy.bearer import Terms
from veilleur.domain.tenancy.connect_provider import find_linked, login_aad
from veilleur.domain.tenancy.identity_models import MemberSession
from veilleur.domain.tenancy.keyring import Keyring
from veilleur.domain.tenancy.models import Credential, Member
from veilleur.infra.db.session import NOBODY, Database, Scope
from veilleur.infra.kept import Kept
from veilleur.infra.security.api_keys import hash_secret

STRANGERS = 3
"""Connections that look-ups on nobody's word may take of those that are for people: the others stay theirs."""
STRANGERS_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class FoundSource:
    """A source with its client's facts that intake needs, secrets opened."""

    source_id: UUID
    agency_id: UUID
    client_id: UUID
    kind: str
    mode: str
    time_zone: str
    interim: str
    secrets: tuple[bytes, ...]
    """The newest first."""
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FoundCredential:
    credential_id: UUID
    agency_id: UUID
    client_id: UUID
    kind: str
    scopes: frozenset[str]
    test: bool


@dataclass(frozen=True, slots=True)
class FoundMember:
    """A member who is not disabled, with the roles of now."""

    member_id: UUID
    agency_id: UUID
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class FoundProvider:
    """A provider that an agency trusts; with `login_client_id` people can log in by it."""

    provider_id: UUID
    agency_id: UUID
    terms: Terms
    audience: str | None
    jwks_uri: str | None
    login_client_id: str | None = None
    login_secret: str | None = None


def source_aad(agency_id: UUID, source_id: UUID) -> str:
    """What a source's sealed secret is bound to: it opens nowhere else."""
    return f"{agency_id}|source_secrets|{source_id}"


class Lookups:
    """The cached look-ups of one process."""

    def __init__(self, database: Database, keyring: Keyring, *, intake: Database | None = None) -> None:
        """`intake` is what client platforms are looked up by, so that members never stand in their line."""
        self._database = database
        self._intake = intake or database
        self._keyring = keyring
        self._strangers = asyncio.Semaphore(STRANGERS)
        self._sources: Kept[UUID, FoundSource] = Kept(self._load_source)
        self._credentials: Kept[bytes, FoundCredential] = Kept(self._load_credential)
        self._issued: Kept[tuple[UUID, UUID], UUID] = Kept(self._load_issued)
        self._members: Kept[tuple[UUID, UUID, UUID | None], FoundMember] = Kept(self._load_member)
        self._providers: Kept[str, tuple[FoundProvider, ...]] = Kept(self._load_providers)
        self._linked: Kept[tuple[UUID, UUID, str], UUID] = Kept(self._load_linked)

    async def find_source(self, source_id: UUID) -> FoundSource | None:
        return await self._sources.get(source_id)

    async def find_credential(self, secret_hash: bytes) -> FoundCredential | None:
        return await self._credentials.get(secret_hash)

    async def is_live(self, agency_id: UUID, credential_id: UUID) -> bool:
        """Whether the credential that a token was issued to still holds."""
        return await self._issued.get((agency_id, credential_id)) is not None

    async def find_member(self, agency_id: UUID, member_id: UUID, session_id: UUID | None = None) -> FoundMember | None:
        """A member; with a `session_id` only while that log-in lasts, and with the roles it left."""
        return await self._members.get((agency_id, member_id, session_id))

    async def find_providers(self, issuer: str) -> tuple[FoundProvider, ...]:
        """Who trusts this issuer, agency by agency."""
        return await self._providers.get(issuer) or ()

    async def find_linked_member(self, provider: FoundProvider, subject: str) -> UUID | None:
        return await self._linked.get((provider.agency_id, provider.provider_id, subject))

    async def find_login_provider(self, provider_id: UUID) -> FoundProvider | None:
        """A provider that people log in by, with its secret opened; not kept."""
        row = await self._ask("find_login_provider", provider_id)
        if row is None:
            return None
        secret = None
        if row.login_secret is not None:
            sealer = await self._keyring.sealer_for(row.agency_id, [row.login_secret])
            secret = sealer.open(row.login_secret, login_aad(row.agency_id, row.id)).decode()
        return _read_provider(row, row.login_client_id, secret)

    async def find_secret(self, look_up: Literal["find_login_code", "find_refresh_token"], secret: str) -> Any:
        """What a secret opens that anybody may have made up; None for nothing, and not kept."""
        return await self._ask(look_up, hash_secret(secret))

    def forget(self) -> None:
        """Drop everything that is kept; the next look-ups ask the database."""
        for kept in (self._sources, self._credentials, self._issued, self._members, self._providers, self._linked):
            kept.clear()

    async def _load_source(self, source_id: UUID) -> FoundSource | None:
        row = await _find(self._intake, "find_source", source_id)
        if row is None:
            return None
        aad = source_aad(row.agency_id, source_id)
        sealer = await self._keyring.sealer_for(row.agency_id, row.secrets)
        return FoundSource(
            source_id=source_id,
            agency_id=row.agency_id,
            client_id=row.client_id,
            kind=row.kind,
            mode=row.mode,
            time_zone=row.time_zone,
            interim=row.interim,
            secrets=tuple(sealer.open(sealed, aad) for sealed in row.secrets),
            settings=row.settings,
        )

    async def _load_credential(self, secret_hash: bytes) -> FoundCredential | None:
        row = await _find(self._intake, "find_credential", secret_hash)
        if row is None:
            return None
        return FoundCredential(row.id, row.agency_id, row.client_id, row.kind, frozenset(row.scopes), row.test)

    async def _load_issued(self, key: tuple[UUID, UUID]) -> UUID | None:
        agency_id, credential_id = key
        live = select(Credential.id).where(
            Credential.agency_id == agency_id,
            Credential.id == credential_id,
            Credential.revoked_at.is_(None),
            func.coalesce(Credential.expires_at > func.app_now(), True),
        )
        async with self._intake.transaction(Scope(agency_id)) as session:
            return (await session.scalars(live)).one_or_none()

    async def _load_member(self, key: tuple[UUID, UUID, UUID | None]) -> FoundMember | None:
        agency_id, member_id, session_id = key
        mine = (Member.agency_id == agency_id, Member.id == member_id, Member.disabled_at.is_(None))
        query = select(Member.roles, MemberSession.roles.label("left")).where(*mine)
        lasting = and_(
            MemberSession.agency_id == agency_id,
            MemberSession.member_id == Member.id,
            MemberSession.id == session_id,
            MemberSession.ended_at.is_(None),
            MemberSession.expires_at > func.app_now(),
        )
        query = query.join(MemberSession, lasting, isouter=session_id is None)
        async with self._database.transaction(Scope(agency_id)) as session:
            row = (await session.execute(query)).one_or_none()
        if row is None:
            return None
        roles = frozenset(row.roles)
        return FoundMember(member_id, agency_id, roles if row.left is None else roles & frozenset(row.left))

    async def _load_providers(self, issuer: str) -> tuple[FoundProvider, ...] | None:
        statement = text("SELECT * FROM find_identity_providers(:wanted)")
        async with self._strangers, self._database.transaction(NOBODY) as session:
            rows = await session.execute(statement, {"wanted": issuer})
        return tuple(_read_provider(row) for row in rows) or None

    async def _ask(self, look_up: str, wanted: object) -> Any:
        async with asyncio.timeout(STRANGERS_WAIT_S), self._strangers:
            return await _find(self._database, look_up, wanted)

    async def _load_linked(self, key: tuple[UUID, UUID, str]) -> UUID | None:
        async with self._database.transaction(Scope(key[0])) as session:
            return await find_linked(session, *key)


async def _find(database: Database, look_up: str, wanted: object) -> Any:
    async with database.transaction(NOBODY) as session:
        return (await session.execute(text(f"SELECT * FROM {look_up}(:wanted)"), {"wanted": wanted})).one_or_none()


def _read_provider(row: Any, login_client_id: str | None = None, login_secret: str | None = None) -> FoundProvider:
    terms = Terms(row.issuer, tuple(row.algorithms), row.role_claim, row.role_map)
    return FoundProvider(row.id, row.agency_id, terms, row.audience, row.jwks_uri, login_client_id, login_secret)
