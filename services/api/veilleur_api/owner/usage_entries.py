"""Work done outside: entered by one person, approved or refused by another, taken back by a record of its own."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.billing.numbers import Quantity
from veilleur.domain.intake.envelope import Timestamp
from veilleur.domain.metering.enter import NewEntry, decide_entry, enter_usage, reverse_entry
from veilleur.domain.metering.models import UsageEntry
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer, show_decimal
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.owner.documents import Shape
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "usage")

Reason = Annotated[str, Field(min_length=1, max_length=2_000)]


class UsageEntryIn(Shape):
    """`dims` tell it apart on the bill: `{"format": "video_pro"}`, `{"grade": "senior"}`."""

    meter: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$", max_length=64)]
    quantity: Quantity
    occurred_at: Timestamp
    note: Reason
    dims: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], Annotated[str, Field(max_length=200)]],
        Field(max_length=20),
    ] = Field(default_factory=dict)


class EntryReason(Shape):
    reason: Reason


class UsageEntryOut(BaseModel):
    id: str
    client: str
    meter: str
    quantity: str
    occurred_at: datetime
    dims: dict[str, str]
    note: str
    state: Literal["pending", "approved", "refused", "reversed"]
    created_by: str
    created_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    reversed_by: str | None


class UsageEntriesOut(BaseModel):
    data: list[UsageEntryOut]
    next: str | None


BASE = "/clients/{client_id}/usage-entries"
ONE: dict[str, Any] = {"responses": {200: {"model": UsageEntryOut}}}


@router.post(BASE, status_code=201, responses={201: {"model": UsageEntryOut}}, **needs("usage:write"))
async def create_usage_entry(client_id: str, new: UsageEntryIn, caller: Member, session: Tx) -> Response:
    """Say what was done outside. It counts once somebody else approves it."""
    client = await find_client(session, caller.agency_id, client_id)
    wanted = NewEntry(new.meter, new.quantity, new.occurred_at, new.note, new.dims)
    return JsonAnswer(_describe(await enter_usage(session, client, wanted, caller.member_id)), 201)


@router.get(BASE, responses={200: {"model": UsageEntriesOut}}, **needs("usage:read"))
async def list_usage_entries(
    client_id: str,
    caller: Member,
    session: Tx,
    state: Literal["pending", "approved", "refused", "reversed"] | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """What was entered for the client, in that order."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(UsageEntry).where(UsageEntry.agency_id == caller.agency_id, UsageEntry.client_id == client.id)
    if state is not None:
        query = query.where(UsageEntry.state == state)
    return JsonAnswer(await page_by_id(session, query, UsageEntry, limit, after, _describe))


@router.post(BASE + "/{entry_id}/approve", **ONE, **needs("usage:write"))
async def approve_usage_entry(client_id: str, entry_id: str, caller: Member, session: Tx) -> Response:
    """Let it count, on the day it was done. Not by who entered it."""
    entry = await _find(session, caller, client_id, entry_id)
    await decide_entry(session, entry, "approved", caller.member_id)
    return JsonAnswer(_describe(entry))


@router.post(BASE + "/{entry_id}/refuse", **ONE, **needs("usage:write"))
async def refuse_usage_entry(client_id: str, entry_id: str, why: EntryReason, caller: Member, session: Tx) -> Response:
    """Let it never count. Not by who entered it."""
    entry = await _find(session, caller, client_id, entry_id)
    await decide_entry(session, entry, "refused", caller.member_id, why.reason)
    return JsonAnswer(_describe(entry))


@router.post(BASE + "/{entry_id}/reverse", **ONE, **needs("usage:write"))
async def reverse_usage_entry(client_id: str, entry_id: str, why: EntryReason, caller: Member, session: Tx) -> Response:
    """Take back what it counts by a second record; the first one stays."""
    entry = await _find(session, caller, client_id, entry_id)
    await reverse_entry(session, entry, caller.member_id, why.reason)
    return JsonAnswer(_describe(entry))


async def _find(session: Tx, caller: Member, client: str, shown: str) -> UsageEntry:
    client_id = (await find_client(session, caller.agency_id, client)).id
    entry = await session.get(UsageEntry, (caller.agency_id, read_id("uen", shown)))
    if entry is None or entry.client_id != client_id:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return entry


def _describe(entry: UsageEntry) -> dict[str, Any]:
    return {
        "id": show_id("uen", entry.id),
        "client": show_id("cli", entry.client_id),
        "meter": entry.meter,
        "quantity": show_decimal(entry.quantity),
        "occurred_at": entry.occurred_at,
        "dims": entry.dims,
        "note": entry.note,
        "state": entry.state,
        "created_by": show_id("mem", entry.created_by),
        "created_at": entry.created_at,
        "decided_by": show_id("mem", entry.decided_by) if entry.decided_by is not None else None,
        "decided_at": entry.decided_at,
        "reason": entry.reason,
        "reversed_by": show_id("mem", entry.reversed_by) if entry.reversed_by is not None else None,
    }
