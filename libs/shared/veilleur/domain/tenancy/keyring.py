"""Envelope encryption: data is sealed with data keys, and data keys with the installation's master keys.

An agency has a data key of its own and one for each client, made when they are first needed. Changing the master key
seals the data keys anew (`rewrap_keys`) and touches no data; destroying a client's data key makes everything unreadable
that was sealed with it, in every copy.

A process keeps what it has opened for `TTL_S`, so that a destroyed key is forgotten everywhere within that time.
"""

import hashlib
import hmac
import os
import time
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.tenancy.models import DataKey
from veilleur.infra.db.session import Database, Scope
from veilleur.infra.security.sealing import Sealer, read_key_id
from veilleur.kernel.ids import new_id

TTL_S = 5.0
MAX_KEPT = 1_000

Keys = dict[str, bytes]
"""Data keys, opened, by their shown ids."""


class Keyring:
    """The data keys of one process."""

    def __init__(self, database: Database, masters: Sealer) -> None:
        self._database = database
        self._masters = masters
        self._kept: dict[UUID, tuple[float, Keys]] = {}

    async def sealer_for(self, agency_id: UUID, sealed: Iterable[bytes]) -> Sealer:
        """What opens these values of the agency. Outside of any transaction: it may have to ask the database."""
        expires, keys = self._kept.get(agency_id, (0.0, {}))
        wanted = {read_key_id(blob) for blob in sealed} - set(self._masters.key_ids)
        if expires <= time.monotonic() or not wanted <= keys.keys():
            async with self._database.transaction(Scope(agency_id)) as session:
                keys = await _load(session, self._masters, agency_id)
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[agency_id] = (time.monotonic() + TTL_S, keys)
        return self._masters.extend(keys)

    async def sealer_in(self, session: AsyncSession, agency_id: UUID, client_id: UUID | None) -> Sealer:
        """What seals for this client, for the agency itself where none is named; it opens what they have as well.

        A key that is made here is committed with what it seals, or not at all.
        """
        return await find_sealer(session, self._masters, agency_id, client_id)


async def find_sealer(session: AsyncSession, masters: Sealer, agency_id: UUID, client_id: UUID | None) -> Sealer:
    """As `Keyring.sealer_in`, for those who have no keyring."""
    current = await _find_current(session, agency_id, client_id)
    if current is None:
        identifier = new_id()
        sealed = masters.seal(os.urandom(32), _place(agency_id, identifier))
        new = {"agency_id": agency_id, "id": identifier, "client_id": client_id, "sealed": sealed}
        await session.execute(upsert(DataKey).values(new).on_conflict_do_nothing())
        current = await _find_current(session, agency_id, client_id)
    return masters.extend(await _load(session, masters, agency_id), str(current))


async def hash_subject(session: AsyncSession, masters: Sealer, agency_id: UUID, subject: str) -> bytes:
    """A keyed hash that says the same of the same subject, and nothing to who has not the agency's key."""
    await find_sealer(session, masters, agency_id, None)
    query = select(DataKey).where(DataKey.agency_id == agency_id, DataKey.client_id.is_(None))
    first = (await session.scalars(query.order_by(DataKey.created_at, DataKey.id).limit(1))).one()
    key = masters.open(first.sealed, _place(agency_id, first.id))
    derived = hmac.digest(key, b"veilleur keyed hashes", hashlib.sha256)
    return hmac.digest(derived, subject.encode("utf-8", "surrogatepass"), hashlib.sha256)


async def rewrap_keys(session: AsyncSession, masters: Sealer, agency_id: UUID) -> int:
    """Seal the data keys with the current master key; how many were sealed with another. Data stays as it is."""
    query = select(DataKey).where(DataKey.agency_id == agency_id).with_for_update()
    rewrapped = 0
    for key in (await session.scalars(query)).all():
        if read_key_id(key.sealed) != masters.current:
            place = _place(agency_id, key.id)
            mine = (DataKey.agency_id == agency_id, DataKey.id == key.id)
            sealed = masters.seal(masters.open(key.sealed, place), place)
            await session.execute(update(DataKey).where(*mine).values(sealed=sealed))
            rewrapped += 1
    return rewrapped


async def _find_current(session: AsyncSession, agency_id: UUID, client_id: UUID | None) -> UUID | None:
    whose = DataKey.client_id.is_(None) if client_id is None else DataKey.client_id == client_id
    query = select(DataKey.id).where(DataKey.agency_id == agency_id, whose, DataKey.retired_at.is_(None))
    return (await session.scalars(query)).one_or_none()


async def _load(session: AsyncSession, masters: Sealer, agency_id: UUID) -> Keys:
    query = select(DataKey.id, DataKey.sealed).where(DataKey.agency_id == agency_id)
    return {str(row.id): masters.open(row.sealed, _place(agency_id, row.id)) for row in await session.execute(query)}


def _place(agency_id: UUID, key_id: UUID) -> str:
    return f"{agency_id}|data_keys|{key_id}"
