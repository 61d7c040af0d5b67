"""Erasure and access for one author, on behalf of whom it concerns.

An id stands in the path, slashes and all, as long as it is percent-encoded. What lies between may still change a path
(libraries resolve `..`, proxies join slashes), so that any id may stand in the query instead, which nobody touches.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel
from starlette.responses import Response

from veilleur.domain.custody.access import open_file
from veilleur.domain.custody.request_erasure import describe_erasure, erase_author, find_erasure
from veilleur.domain.custody.subject import Subject
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.paging import PageRequest, read_cursor
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Client, Limit, PartsOf
from veilleur_api.guard import guarded_router, needs
from veilleur_api.parts import Parts
from veilleur_api.principals import ClientCaller, authorise_client

router = guarded_router("/ingest/v1", authorise_client, "authors")

Author = Annotated[str, Path(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]
Named = Annotated[str, Query(alias="external_id", min_length=1, max_length=256, description="the id you gave them")]
Of = Annotated[str | None, Query(max_length=64, description="one of your sources; without it all of them")]


class ErasureRequestedOut(BaseModel):
    erasure_id: str


class KeptOut(BaseModel):
    kind: str
    count: int
    reason: str


class ErasureOut(BaseModel):
    """The receipt. `subject` is a keyed hash; `held` means that a legal hold keeps the rest until it is lifted."""

    id: str
    kind: str
    state: str
    subject: str
    requested_at: datetime
    finished_at: datetime | None
    erased: dict[str, int]
    kept: list[KeptOut]


class AuthorOut(BaseModel):
    """Everything held: counts by kind, and the items page by page with revisions, decisions, reports and media."""

    author: str
    held: dict[str, int]
    data: list[dict[str, Any]]
    next: str | None


# A client's own transaction may only read; these are the agency's, and confined to the client by hand.


@router.delete(
    "/authors/{external_id:path}",
    status_code=202,
    responses={202: {"model": ErasureRequestedOut}},
    **needs("erasure:write"),
)
async def erase_author_data(external_id: Author, caller: Client, parts: PartsOf, source: Of = None) -> Response:
    """Erase what an author wrote, and what names them anywhere else. Asked again meanwhile, it is the same erasure."""
    return await _erase(parts, caller, _read_subject(caller, external_id, source))


@router.delete("/authors", status_code=202, responses={202: {"model": ErasureRequestedOut}}, **needs("erasure:write"))
async def erase_named_author_data(external_id: Named, caller: Client, parts: PartsOf, source: Of = None) -> Response:
    """Erase an author whose id does not travel well in a path: `.`, `..`, slashes at its ends or side by side."""
    return await _erase(parts, caller, _read_subject(caller, external_id, source))


@router.get("/erasures/{erasure_id}", responses={200: {"model": ErasureOut}}, **needs("erasure:write"))
async def get_erasure(erasure_id: str, caller: Client, parts: PartsOf) -> Response:
    """How far an erasure has come: what was erased, and what a legal hold keeps."""
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        erasure = await find_erasure(session, caller.agency_id, caller.client_id, read_id("ers", erasure_id))
    return JsonAnswer(describe_erasure(erasure))


@router.get("/authors/{external_id:path}", responses={200: {"model": AuthorOut}}, **needs("erasure:write"))
async def get_author_data(
    external_id: Author, caller: Client, parts: PartsOf, source: Of = None, limit: Limit = 50, after: After = None
) -> Response:
    """Everything that is held of an author. What colleagues noted among themselves is counted, not shown."""
    return await _open(parts, caller, _read_subject(caller, external_id, source), limit, after)


@router.get("/authors", responses={200: {"model": AuthorOut}}, **needs("erasure:write"))
async def get_named_author_data(
    external_id: Named, caller: Client, parts: PartsOf, source: Of = None, limit: Limit = 50, after: After = None
) -> Response:
    """Everything that is held of an author whose id does not travel well in a path."""
    return await _open(parts, caller, _read_subject(caller, external_id, source), limit, after)


async def _erase(parts: Parts, caller: ClientCaller, subject: Subject) -> Response:
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        erasure = await erase_author(session, parts.sealer, caller.agency_id, subject, _name(caller))
    shown = show_id("ers", erasure.id)
    return JsonAnswer({"erasure_id": shown}, 202, {"location": f"/ingest/v1/erasures/{shown}"})


async def _open(parts: Parts, caller: ClientCaller, subject: Subject, limit: int, after: str | None) -> Response:
    page = PageRequest(limit, read_cursor(after, parts=1) if after else None)
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        return JsonAnswer(await open_file(session, caller.agency_id, subject, page, _name(caller)))


def _read_subject(caller: ClientCaller, external_id: str, source: str | None) -> Subject:
    return Subject(caller.client_id, external_id, None if source is None else read_id("src", source))


def _name(caller: ClientCaller) -> str:
    return show_id("key", caller.credential_id)
