"""Lists that rule sets share: the agency's, and a client's own, which stand for the agency's of the same code."""

from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.rules.list_queries import lock_lists
from veilleur.domain.rules.models import SharedList, SharedListVersion
from veilleur.domain.screening.change_lists import ListText, create_list, delete_list, replace_list
from veilleur.domain.screening.list_users import find_users
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import BULK_BODY, guarded_router, needs
from veilleur_api.owner.common import bound_version, find_client, page_by_id, require_match
from veilleur_api.owner.documents import ListChange, ListIn
from veilleur_api.owner.list_documents import ListOut, ListsOut, WholeListOut
from veilleur_api.principals import MemberCaller, authorise_member

router = guarded_router("/owner/v1", authorise_member, "lists")

VERSIONS_SHOWN = 100

CLIENT_LISTS = "/clients/{client_id}/lists"
CREATED: dict[str, Any] = {"status_code": 201, "responses": {201: {"model": ListOut}}}
CHANGED: dict[str, Any] = {"responses": {200: {"model": ListOut}}}
PAGE: dict[str, Any] = {"responses": {200: {"model": ListsOut}}}
WHOLE: dict[str, Any] = {"responses": {200: {"model": WholeListOut}}}


@router.post("/lists", **CREATED, **needs("rules:write", body=BULK_BODY))
async def create_agency_list(new: ListIn, caller: Member, session: Tx) -> Response:
    """Keep a list that every client's rule set may refer to."""
    return await _create(session, caller, None, new)


@router.get("/lists", **PAGE, **needs("rules:read"))
async def list_agency_lists(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """The agency's lists, without what they hold."""
    return await _show_page(session, caller, None, limit, after)


@router.get("/lists/{list_id}", **WHOLE, **needs("rules:read"))
async def get_agency_list(list_id: str, caller: Member, session: Tx, version: int | None = None) -> Response:
    """A list with what it holds, or held in `version`, and who uses it; its ETag is for `If-Match`."""
    return await _show(session, await _find(session, caller, None, list_id), version)


@router.put("/lists/{list_id}", **CHANGED, **needs("rules:write", body=BULK_BODY))
async def replace_agency_list(list_id: str, new: ListChange, caller: Member, session: Tx, request: Request) -> Response:
    """Let a list hold something else, everywhere at once; 422 where that would break a published rule set."""
    shared = await _find_to_change(session, caller, None, list_id, request)
    return await _replace(session, caller, shared, new)


@router.delete("/lists/{list_id}", status_code=204, **needs("rules:write"))
async def delete_agency_list(list_id: str, caller: Member, session: Tx, request: Request) -> Response:
    """Take a list away that no rule set in use refers to."""
    await delete_list(session, await _find_to_change(session, caller, None, list_id, request), caller.name)
    return Response(status_code=204)


@router.post(CLIENT_LISTS, **CREATED, **needs("rules:write", body=BULK_BODY))
async def create_client_list(client_id: str, new: ListIn, caller: Member, session: Tx) -> Response:
    """Keep a list for this client alone; it stands for the agency's of the same code."""
    client = await find_client(session, caller.agency_id, client_id)
    return await _create(session, caller, client.id, new)


@router.get(CLIENT_LISTS, **PAGE, **needs("rules:read"))
async def list_client_lists(
    client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """The client's own lists, without what they hold."""
    client = await find_client(session, caller.agency_id, client_id)
    return await _show_page(session, caller, client.id, limit, after)


@router.get(CLIENT_LISTS + "/{list_id}", **WHOLE, **needs("rules:read"))
async def get_client_list(
    client_id: str, list_id: str, caller: Member, session: Tx, version: int | None = None
) -> Response:
    """A client's own list with what it holds, or held in `version`."""
    client = await find_client(session, caller.agency_id, client_id)
    return await _show(session, await _find(session, caller, client.id, list_id), version)


@router.put(CLIENT_LISTS + "/{list_id}", **CHANGED, **needs("rules:write", body=BULK_BODY))
async def replace_client_list(
    client_id: str, list_id: str, new: ListChange, caller: Member, session: Tx, request: Request
) -> Response:
    """Let a client's list hold something else; 422 where that would break its published rule set."""
    client = await find_client(session, caller.agency_id, client_id)
    shared = await _find_to_change(session, caller, client.id, list_id, request)
    return await _replace(session, caller, shared, new)


@router.delete(CLIENT_LISTS + "/{list_id}", status_code=204, **needs("rules:write"))
async def delete_client_list(client_id: str, list_id: str, caller: Member, session: Tx, request: Request) -> Response:
    """Take a client's list away that its rule sets in use do not refer to."""
    client = await find_client(session, caller.agency_id, client_id)
    await delete_list(session, await _find_to_change(session, caller, client.id, list_id, request), caller.name)
    return Response(status_code=204)


async def _create(session: AsyncSession, caller: MemberCaller, client_id: UUID | None, new: ListIn) -> Response:
    shared = await create_list(session, caller.agency_id, client_id, new.code, _read_text(caller, new))
    return JsonAnswer(_describe(shared), 201, {"etag": _etag(shared)})


async def _replace(session: AsyncSession, caller: MemberCaller, shared: SharedList, new: ListChange) -> Response:
    await replace_list(session, shared, _read_text(caller, new))
    return JsonAnswer(_describe(shared), 200, {"etag": _etag(shared)})


async def _show_page(
    session: AsyncSession, caller: MemberCaller, client_id: UUID | None, limit: int, after: str | None
) -> Response:
    query = select(SharedList).where(
        SharedList.agency_id == caller.agency_id, SharedList.client_id.is_not_distinct_from(client_id)
    )
    return JsonAnswer(await page_by_id(session, query, SharedList, limit, after, _describe))


async def _show(session: AsyncSession, shared: SharedList, version: int | None) -> Response:
    table = SharedListVersion
    mine = (table.agency_id == shared.agency_id, table.list_id == shared.id)
    number = shared.version if version is None else bound_version(version)
    document = (await session.scalars(select(table.document).where(*mine, table.version == number))).one_or_none()
    if document is None:
        raise NotFound(msg("The list {code} has no version {version}", code=shared.code, version=number))
    columns = (table.version, table.digest, table.note, table.author, table.created_at)
    newest = select(*columns).where(*mine).order_by(table.version.desc()).limit(VERSIONS_SHOWN)
    users = await find_users(session, shared.agency_id, shared.client_id, shared.code)
    whole = _describe(shared) | {
        "shown_version": number,
        "versions": [dict(row) for row in (await session.execute(newest)).mappings()],
        "used_by": [
            {"client": show_id("cli", user.client_id), "version": user.version, "state": user.state} for user in users
        ],
        "list": document,
    }
    return JsonAnswer(whole, 200, {"etag": _etag(shared)})


async def _find_to_change(
    session: AsyncSession, caller: MemberCaller, client_id: UUID | None, list_id: str, request: Request
) -> SharedList:
    await lock_lists(session, caller.agency_id)
    shared = await _find(session, caller, client_id, list_id)
    require_match(request, _etag(shared))
    return shared


async def _find(session: AsyncSession, caller: MemberCaller, client_id: UUID | None, list_id: str) -> SharedList:
    shared = await session.get(SharedList, (caller.agency_id, read_id("lst", list_id)))
    if shared is None or shared.client_id != client_id:
        raise NotFound(msg("There is no {id} here", id=list_id[:64]))
    return shared


def _read_text(caller: MemberCaller, new: ListChange) -> ListText:
    return ListText(new.title, new.list, new.note, caller.name)


def _describe(shared: SharedList) -> dict[str, Any]:
    return {
        "id": show_id("lst", shared.id),
        "client": None if shared.client_id is None else show_id("cli", shared.client_id),
        "code": shared.code,
        "title": shared.title,
        "kind": shared.kind,
        "entries": shared.entries,
        "version": shared.version,
        "digest": shared.digest,
        "created_at": shared.created_at,
        "changed_at": shared.changed_at,
    }


def _etag(shared: SharedList) -> str:
    return f'"{shared.version}"'
