"""What must be found before the tenant is known: a source by its id, a credential by its hash.

Answers are kept for at most five seconds, so that a revocation bites within five seconds everywhere.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import func, select, text

from veilleur.domain.tenancy.keyring import Keyring
from veilleur.domain.tenancy.models import Credential, Member
from veilleur.infra.db.session import NOBODY, Database, Scope

TTL_S = 5.0
PATIENCE_S = 1.5
"""How long a caller waits for a database that hangs."""
MAX_KEPT = 10_000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


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


def source_aad(agency_id: UUID, source_id: UUID) -> str:
    """What a source's sealed secret is bound to: it opens nowhere else."""
    return f"{agency_id}|source_secrets|{source_id}"


class Lookups:
    """The cached look-ups of one process."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._sources: _Kept[UUID, FoundSource] = _Kept(self._load_source)
        self._credentials: _Kept[bytes, FoundCredential] = _Kept(self._load_credential)
        self._issued: _Kept[tuple[UUID, UUID], UUID] = _Kept(self._load_issued)
        self._members: _Kept[tuple[UUID, UUID], FoundMember] = _Kept(self._load_member)

    async def find_source(self, source_id: UUID) -> FoundSource | None:
        return await self._sources.get(source_id)

    async def find_credential(self, secret_hash: bytes) -> FoundCredential | None:
        return await self._credentials.get(secret_hash)

    async def is_live(self, agency_id: UUID, credential_id: UUID) -> bool:
        """Whether the credential that a token was issued to still holds."""
        return await self._issued.get((agency_id, credential_id)) is not None

    async def find_member(self, agency_id: UUID, member_id: UUID) -> FoundMember | None:
        return await self._members.get((agency_id, member_id))

    def forget(self) -> None:
        """Drop everything that is kept; the next look-ups ask the database."""
        for kept in (self._sources, self._credentials, self._members):
            kept.clear()

    async def _load_source(self, source_id: UUID) -> FoundSource | None:
        row = await self._one("SELECT * FROM find_source(:wanted)", source_id)
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
        row = await self._one("SELECT * FROM find_credential(:wanted)", secret_hash)
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
        async with self._database.transaction(Scope(agency_id)) as session:
            return (await session.scalars(live)).one_or_none()

    async def _load_member(self, key: tuple[UUID, UUID]) -> FoundMember | None:
        agency_id, member_id = key
        async with self._database.transaction(Scope(agency_id)) as session:
            member = await session.get(Member, (agency_id, member_id))
        if member is None or member.disabled_at is not None:
            return None
        return FoundMember(member_id, agency_id, frozenset(member.roles))

    async def _one(self, query: str, wanted: object) -> Any:
        async with self._database.transaction(NOBODY) as session:
            return (await session.execute(text(query), {"wanted": wanted})).one_or_none()


class _Kept(Generic[K, V]):
    """A small cache by time; absences are kept too, so that guessing ids costs the database little.

    Callers that miss the same key at once share one look-up, which goes on when they have lost their patience.
    """

    def __init__(self, load: Callable[[K], Awaitable[V | None]]) -> None:
        self._load = load
        self._kept: dict[K, tuple[float, V | None]] = {}
        self._loading: dict[K, asyncio.Task[V | None]] = {}

    def clear(self) -> None:
        self._kept.clear()

    async def get(self, key: K) -> V | None:
        kept = self._kept.get(key)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        loading = self._loading.get(key)
        if loading is None:
            loading = self._loading[key] = asyncio.create_task(self._fetch(key))
            loading.add_done_callback(_look_at_failure)
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.shield(loading)

    async def _fetch(self, key: K) -> V | None:
        try:
            value = await self._load(key)
        finally:
            del self._loading[key]
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[key] = (time.monotonic() + TTL_S, value)
        return value


def _look_at_failure(task: "asyncio.Task[Any]") -> None:
    """Those who waited may be gone: a failure that nobody fetches would be logged as forgotten."""
    if not task.cancelled():
        task.exception()
