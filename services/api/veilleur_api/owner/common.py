"""What the owner's routers share: finding a client of the agency, versions as ETags, pages of rows."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from fastapi import Request
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.tenancy.models import Client, Source
from veilleur.kernel.errors import NotFound, PreconditionFailed
from veilleur.kernel.ids import read_id
from veilleur.kernel.messages import msg
from veilleur.kernel.paging import PageRequest, cut_page, read_cursor, read_uuid

Row = TypeVar("Row")


async def find_client(session: AsyncSession, agency_id: UUID, shown: str) -> Client:
    client = await session.get(Client, (agency_id, read_id("cli", shown)))
    if client is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return client


async def find_client_source(session: AsyncSession, agency_id: UUID, client: str, shown: str) -> Source:
    client_id = (await find_client(session, agency_id, client)).id
    source = await session.get(Source, (agency_id, read_id("src", shown)))
    if source is None or source.client_id != client_id:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return source


def require_match(request: Request, etag: str) -> None:
    """Refuse a change whose `If-Match` names another version; without the header the last writer wins."""
    wanted = request.headers.get("if-match")
    if wanted is not None and wanted.strip() not in (etag, "*"):
        raise PreconditionFailed(msg("It is now at version {etag}; read it again, then change it", etag=etag))


async def page_by_id(
    session: AsyncSession,
    query: Select[Any],
    table: Any,
    limit: int,
    after: str | None,
    describe: Callable[[Any], dict[str, Any]],
) -> dict[str, Any]:
    """A keyset page over the rows of `table` in the order they were made."""
    request = PageRequest(limit, read_cursor(after, parts=1) if after else None)
    if request.after is not None:
        query = query.where(table.id > read_uuid(request.after[0]))
    rows: Sequence[Any] = (await session.scalars(query.order_by(table.id).limit(limit + 1))).all()
    page = cut_page(rows, request, lambda row: [str(row.id)])
    return {"data": [describe(row) for row in page.data], "next": page.next}


def bound_version(version: int) -> int:
    """A version number beyond the column's range names nothing rather than failing in the database."""
    if not 0 < version < 2**31:
        raise NotFound(msg("There is no version {version} here", version=version))
    return version
