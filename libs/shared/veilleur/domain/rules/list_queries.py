"""The lists that rule sets share, found by code: a client's own hides the agency's of the same code."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.lists import SharedLists
from veilleur.domain.rules.models import SharedList, SharedListVersion


async def lock_lists(session: AsyncSession, agency_id: UUID) -> None:
    """Nobody brings a rule set into use, nobody changes another list, to the end of the transaction."""
    await _lock(session, agency_id, "pg_advisory_xact_lock")


async def hold_lists(session: AsyncSession, agency_id: UUID) -> None:
    """The agency's lists stay as they are to the end of the transaction."""
    await _lock(session, agency_id, "pg_advisory_xact_lock_shared")


async def load_lists(
    session: AsyncSession, agency_id: UUID, client_id: UUID | None, codes: Collection[str]
) -> dict[str, dict[str, Any]]:
    """The documents of these lists, by code; without a client the agency's own."""
    return await _load_documents(session, agency_id, codes, _visible(client_id))


async def load_owned_lists(
    session: AsyncSession, agency_id: UUID, client_id: UUID | None, codes: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Those among them that are this client's own; without a client the agency's."""
    return await _load_documents(session, agency_id, codes, SharedList.client_id.is_not_distinct_from(client_id))


async def load_known_lists(
    session: AsyncSession, agency_id: UUID, client_id: UUID | None, codes: Collection[str]
) -> SharedLists:
    """As `load_lists`, and an empty document for every other code there is: to suggest one where none was meant."""
    query = select(SharedList.code).where(SharedList.agency_id == agency_id, _visible(client_id))
    others: dict[str, dict[str, Any]] = {code: {} for code in await session.scalars(query)}
    return others | await load_lists(session, agency_id, client_id, codes)


async def load_list_digests(
    session: AsyncSession, agency_id: UUID, wanted: Mapping[UUID, Collection[str]]
) -> dict[UUID, dict[str, str]]:
    """What each client's codes stand for now, by client and code."""
    codes = {code for some in wanted.values() for code in some}
    if not codes:
        return {}
    query = (
        select(SharedList.client_id, SharedList.code, SharedList.digest)
        .where(SharedList.agency_id == agency_id, SharedList.code.in_(codes))
        .where(or_(SharedList.client_id.is_(None), SharedList.client_id.in_(wanted)))
    )
    found = {(row.client_id, row.code): row.digest for row in await session.execute(query)}
    return {
        client_id: {
            code: digest
            for code in some
            if (digest := found.get((client_id, code)) or found.get((None, code))) is not None
        }
        for client_id, some in wanted.items()
    }


async def load_lists_as_they_were(
    session: AsyncSession, agency_id: UUID, client_id: UUID, digests: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """What lists held when these were their digests, by code; also of lists that are gone."""
    table = SharedListVersion
    query = select(table.code, table.document).where(
        table.agency_id == agency_id,
        or_(table.client_id.is_(None), table.client_id == client_id),
        tuple_(table.code, table.digest).in_(list(digests.items())),
    )
    return {row.code: row.document for row in await session.execute(query)} if digests else {}


async def _load_documents(
    session: AsyncSession, agency_id: UUID, codes: Collection[str], owner: ColumnElement[bool]
) -> dict[str, dict[str, Any]]:
    if not codes:
        return {}
    query = (
        select(SharedList.code, SharedListVersion.document)
        .join(SharedListVersion, _newest())
        .where(SharedList.agency_id == agency_id, owner, SharedList.code.in_(codes))
        .order_by(SharedList.client_id.nulls_first())
    )
    return {row.code: row.document for row in await session.execute(query)}


async def _lock(session: AsyncSession, agency_id: UUID, function: str) -> None:
    await session.execute(text(f"SELECT {function}(hashtextextended(:key, 0))"), {"key": f"lists|{agency_id}"})


def _newest() -> ColumnElement[bool]:
    return and_(
        SharedListVersion.agency_id == SharedList.agency_id,
        SharedListVersion.list_id == SharedList.id,
        SharedListVersion.version == SharedList.version,
    )


def _visible(client_id: UUID | None) -> ColumnElement[bool]:
    own = SharedList.client_id == client_id
    return SharedList.client_id.is_(None) if client_id is None else or_(SharedList.client_id.is_(None), own)
