"""Whom an erasure or an access is about."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.tenancy.keyring import hash_subject
from veilleur.domain.tenancy.models import Source
from veilleur.infra.security.sealing import Sealer
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg

ERASED = "erased:"
"""What replaces an id that names a person begins so."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An author of one client, of one source of it where one is named."""

    client_id: UUID
    author: str
    source_id: UUID | None = None

    def write(self) -> str:
        return json.dumps([str(self.client_id), None if self.source_id is None else str(self.source_id), self.author])

    @classmethod
    def read(cls, written: str) -> "Subject":
        client, source, author = json.loads(written)
        return cls(UUID(client), author, None if source is None else UUID(source))

    def owns(self, agency_id: UUID) -> list[ColumnElement[bool]]:
        """Conditions on items: those the author wrote."""
        conditions: list[ColumnElement[bool]] = [
            Item.agency_id == agency_id,
            Item.client_id == self.client_id,
            Item.author_external_id == self.author,
        ]
        return conditions if self.source_id is None else [*conditions, Item.source_id == self.source_id]

    def values(self, agency_id: UUID) -> dict[str, Any]:
        return {
            "agency_id": agency_id, "client_id": self.client_id, "author": self.author, "source_id": self.source_id,
        }  # fmt: skip


async def require_source(session: AsyncSession, agency_id: UUID, client_id: UUID, source_id: UUID | None) -> None:
    """A source that is named must be the client's."""
    if source_id is None:
        return
    query = select(Source.id).where(
        Source.agency_id == agency_id, Source.client_id == client_id, Source.id == source_id
    )
    if (await session.scalars(query)).one_or_none() is None:
        raise NotFound(msg("There is no source {id}", id=show_id("src", source_id)))


async def pseudonym(session: AsyncSession, masters: Sealer, agency_id: UUID, name: str) -> str:
    """What an external id becomes that must not be read any more, and must still be told from others."""
    return ERASED + (await hash_subject(session, masters, agency_id, name)).hex()[:32]
