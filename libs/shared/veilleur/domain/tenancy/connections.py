"""A client's connections: sources with their sealed secrets, and credentials known by hash."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.tenancy.lookup import source_aad
from veilleur.domain.tenancy.models import Client, Credential, Source, SourceSecret
from veilleur.domain.tenancy.secret_limit import refuse_too_many_secrets
from veilleur.infra.security.api_keys import hash_secret, new_api_key, new_client_secret, show_prefix
from veilleur.infra.security.sealing import Sealer
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class NewSource:
    kind: str
    name: str
    mode: str = "live"
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewCredential:
    """`test`: what comes in with it has fixed outcomes, no human and no bill."""

    kind: Literal["api_key", "oauth_client"]
    name: str
    scopes: tuple[str, ...]
    test: bool = False


async def add_source(
    session: AsyncSession, sealer: Sealer, client: Client, new: NewSource, key: bytes, actor: str
) -> Source:
    """Open a source with the first key that its deliveries are proven with."""
    source = Source(
        agency_id=client.agency_id,
        id=new_id(),
        client_id=client.id,
        kind=new.kind,
        name=new.name,
        mode=new.mode,
        settings=dict(new.settings),
    )
    session.add(source)
    await session.flush()
    session.add(_seal(sealer, source, key))
    await session.flush()
    await session.refresh(source)
    deed = Deed(actor, "source.created", show_id("src", source.id), client.id, {"kind": new.kind})
    await record_deeds(session, client.agency_id, [deed])
    return source


async def rotate_source_secret(
    session: AsyncSession, sealer: Sealer, source: Source, key: bytes, overlap: timedelta, actor: str
) -> None:
    """Add a key; those that stand end after `overlap`, or earlier if they already were to.

    Each is tried with every delivery: beyond `MOST_SECRETS` it is a `Conflict` (`secret-limit`).
    """
    await session.execute(
        update(SourceSecret)
        .where(SourceSecret.agency_id == source.agency_id, SourceSecret.source_id == source.id)
        .values(expires_at=func.least(SourceSecret.expires_at, func.app_now() + overlap))
    )
    session.add(_seal(sealer, source, key))
    await session.flush()
    live = select(func.count()).where(
        SourceSecret.agency_id == source.agency_id,
        SourceSecret.source_id == source.id,
        func.coalesce(SourceSecret.expires_at > func.app_now(), True),
    )
    refuse_too_many_secrets((await session.execute(live)).scalar_one())
    deed = Deed(actor, "source.secret_rotated", show_id("src", source.id), source.client_id)
    await record_deeds(session, source.agency_id, [deed])


async def issue_credential(
    session: AsyncSession, client: Client, new: NewCredential, actor: str
) -> tuple[str, Credential]:
    """A new secret, shown once, and the row that knows its hash."""
    secret = new_api_key(test=new.test) if new.kind == "api_key" else new_client_secret()
    credential = Credential(
        agency_id=client.agency_id,
        id=new_id(),
        client_id=client.id,
        kind=new.kind,
        name=new.name,
        hint=show_prefix(secret),
        secret_hash=hash_secret(secret),
        scopes=list(new.scopes),
        test=new.test,
    )
    session.add(credential)
    await session.flush()
    await session.refresh(credential)
    deed = Deed(actor, "credential.issued", show_id("key", credential.id), client.id, {"scopes": list(new.scopes)})
    await record_deeds(session, client.agency_id, [deed])
    return secret, credential


async def revoke_credential(session: AsyncSession, client: Client, credential_id: UUID, actor: str) -> None:
    """End a credential; ending it again changes nothing."""
    mine = (
        Credential.agency_id == client.agency_id,
        Credential.client_id == client.id,
        Credential.id == credential_id,
    )
    credential = (await session.scalars(select(Credential).where(*mine).with_for_update())).one_or_none()
    if credential is None:
        raise NotFound(msg("There is no {id} here", id=show_id("key", credential_id)))
    if credential.revoked_at is None:
        await session.execute(update(Credential).where(*mine).values(revoked_at=func.app_now()))
        deed = Deed(actor, "credential.revoked", show_id("key", credential.id), client.id)
        await record_deeds(session, client.agency_id, [deed])


def _seal(sealer: Sealer, source: Source, key: bytes) -> SourceSecret:
    return SourceSecret(
        agency_id=source.agency_id,
        id=new_id(),
        source_id=source.id,
        client_id=source.client_id,
        sealed=sealer.seal(key, source_aad(source.agency_id, source.id)),
    )
