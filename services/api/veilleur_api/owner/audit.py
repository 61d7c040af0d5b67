"""The agency's trail, and the signed heads that prove it was not rewritten."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.audit.models import AuditEntry, AuditSeal
from veilleur.domain.custody.seal_audit import describe_seal
from veilleur.domain.intake.envelope import Timestamp
from veilleur.kernel.ids import show_id
from veilleur.kernel.paging import PageRequest, cut_page, read_cursor
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "audit")

Word = Annotated[str | None, Query(max_length=100)]


class EntryOut(BaseModel):
    id: str
    at: datetime
    actor: str
    action: str
    subject: str
    client: str | None
    details: dict[str, Any]


class EntriesOut(BaseModel):
    data: list[EntryOut]
    next: str | None


class HeadOut(BaseModel):
    """A seal over a run of the trail. Keep it elsewhere: the signature is a JWS (ES256) of the published keys."""

    number: int
    first_place: int
    last_place: int
    root: str
    previous: str | None
    sealed_at: datetime
    kid: str
    signature: str


class HeadsOut(BaseModel):
    data: list[HeadOut]
    next: str | None


@router.get("/audit", responses={200: {"model": EntriesOut}}, **needs("audit:read"))
async def list_audit_entries(  # noqa: PLR0917 - filters, by name in the query
    caller: Member,
    session: Tx,
    actor: Word = None,
    action: Word = None,
    subject: Word = None,
    client: Annotated[str | None, Query(max_length=64)] = None,
    since: Annotated[Timestamp | None, Query(alias="from")] = None,
    until: Annotated[Timestamp | None, Query(alias="to")] = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Who did what to what, in the order it was done; `to` is exclusive."""
    query = select(AuditEntry).where(AuditEntry.agency_id == caller.agency_id)
    for column, wanted in (
        (AuditEntry.actor, actor),
        (AuditEntry.action, action),
        (AuditEntry.subject, subject),
    ):
        query = query if wanted is None else query.where(column == wanted)
    if client is not None:
        query = query.where(AuditEntry.client_id == (await find_client(session, caller.agency_id, client)).id)
    if since is not None:
        query = query.where(AuditEntry.at >= since)
    if until is not None:
        query = query.where(AuditEntry.at < until)
    return JsonAnswer(await page_by_id(session, query, AuditEntry, limit, after, _describe))


@router.get("/audit/heads", responses={200: {"model": HeadsOut}}, **needs("audit:read"))
async def list_audit_heads(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """The seals, newest first."""
    page = PageRequest(limit, read_cursor(after, parts=1) if after else None)
    query = select(AuditSeal).where(AuditSeal.agency_id == caller.agency_id)
    if page.after is not None:
        query = query.where(AuditSeal.number < _read_number(page.after[0]))
    rows = (await session.scalars(query.order_by(AuditSeal.number.desc()).limit(limit + 1))).all()
    cut = cut_page(rows, page, lambda seal: [str(seal.number)])
    return JsonAnswer({"data": [describe_seal(seal) for seal in cut.data], "next": cut.next})


def _describe(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": show_id("aud", entry.id),
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "client": None if entry.client_id is None else show_id("cli", entry.client_id),
        "details": entry.details,
    }


def _read_number(text: str) -> int:
    """A number of a seal; nothing comes before what is none."""
    return int(text) if text.isdecimal() and len(text) < 19 else 0
