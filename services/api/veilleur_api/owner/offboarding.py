"""Clients that leave: one call, its progress, the archive, and a way back until the term is over."""

import time
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from starlette.responses import Response, StreamingResponse

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.custody.archive import write_archive
from veilleur.domain.custody.load_receipt import load_receipt
from veilleur.domain.custody.models import Offboarding
from veilleur.domain.custody.offboard import (
    Leaving,
    begin_offboarding,
    cancel_offboarding,
    describe_offboarding,
    find_offboarding,
)
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, PartsOf, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.billing_runs import RunFinding
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "offboarding")

ARCHIVE: dict[str, Any] = {"content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}}}


class OffboardIn(BaseModel):
    """`mode`: moderators `finish` open cases, or they are `return`ed undecided (`case.returned`). `on`: the first day
    without service, in the client's zone; at once without it. `term_days` later everything is erased; without a term
    nobody could take the archive, so none is only taken together with `waive_archive`.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    mode: Literal["finish", "return"]
    on: Annotated[date | None, Field(strict=False)] = None
    term_days: int = Field(default=30, ge=0, le=3_650)
    waive_archive: bool = False


class FinalInvoiceOut(BaseModel):
    """The last period of the contract and its invoice; without one, what kept it from being made and what to do.

    `unbilled`: earlier periods of the contract without an invoice.
    """

    period: dict[str, str] | None
    invoice: dict[str, Any] | None
    blockers: list[RunFinding]
    next_step: str | None
    unbilled: list[dict[str, str]]


class OffboardingOut(BaseModel):
    id: str
    client: str
    mode: str
    state: Literal["scheduled", "closing", "waiting", "erasing", "finished", "cancelled"]
    starts_at: datetime
    term_days: int
    erase_at: datetime | None
    progress: dict[str, Any]
    final_invoice: FinalInvoiceOut | None
    """Null as long as the service goes on, and in lists."""
    erasure: dict[str, Any] | None
    """What was erased, by table, and what a legal hold keeps; null in lists."""
    requested_by: str
    requested_at: datetime
    ended_at: datetime | None


class Offboardings(BaseModel):
    data: list[OffboardingOut]
    next: str | None


@router.post(
    "/clients/{client_id}/offboard",
    status_code=202,
    responses={202: {"model": OffboardingOut}},
    **needs("custody:write"),
)
async def offboard_client(client_id: str, wanted: OffboardIn, caller: Member, session: Tx) -> Response:
    """Let a client go. From its day on its sources are closed and its keys dead; the rest follows by itself."""
    client = await find_client(session, caller.agency_id, client_id)
    leaving = Leaving(wanted.mode, wanted.on, wanted.term_days, waive_archive=wanted.waive_archive)
    row = await begin_offboarding(session, client, leaving, caller.name)
    shown = describe_offboarding(row)
    path = f"/owner/v1/clients/{shown['client']}/offboarding/{shown['id']}"
    return JsonAnswer(shown, 202, {"location": path})


@router.get("/clients/{client_id}/offboarding", responses={200: {"model": Offboardings}}, **needs("clients:read"))
async def list_offboardings(
    client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """Every time this client left or was about to, the first one first."""
    client = await find_client(session, caller.agency_id, client_id)
    mine = select(Offboarding).where(Offboarding.agency_id == caller.agency_id, Offboarding.client_id == client.id)
    return JsonAnswer(await page_by_id(session, mine, Offboarding, limit, after, describe_offboarding))


@router.get(
    "/clients/{client_id}/offboarding/{offboarding_id}",
    responses={200: {"model": OffboardingOut}},
    **needs("clients:read"),
)
async def get_offboarding(
    client_id: str, offboarding_id: str, caller: Member, session: Tx, request: Request
) -> Response:
    """How far it has come."""
    client = await find_client(session, caller.agency_id, client_id)
    row = await find_offboarding(session, caller.agency_id, client.id, read_id("ofb", offboarding_id))
    language = choose_language(request.headers.get("accept-language"))
    return JsonAnswer(await load_receipt(session, row, language))


@router.post(
    "/clients/{client_id}/offboarding/{offboarding_id}/cancel",
    responses={200: {"model": OffboardingOut}},
    **needs("custody:write"),
)
async def cancel_client_offboarding(client_id: str, offboarding_id: str, caller: Member, session: Tx) -> Response:
    """Call it off, up to the end of the term. Sources open again; keys stay dead and an ended contract stays ended: new
    ones can be issued, and signed.
    """
    client = await find_client(session, caller.agency_id, client_id)
    row = await find_offboarding(session, caller.agency_id, client.id, read_id("ofb", offboarding_id))
    return JsonAnswer(describe_offboarding(await cancel_offboarding(session, row, caller.name)))


@router.get(
    "/clients/{client_id}/offboarding/{offboarding_id}/archive",
    response_class=Response,
    responses={200: ARCHIVE},
    **needs("custody:write"),
)
async def get_archive(client_id: str, offboarding_id: str, caller: Member, session: Tx, parts: PartsOf) -> Response:
    """Everything of the client as NDJSON in a tar, `client/` to hand over and `agency/` to keep, hashes in
    `manifest.json`; during the term. It is noted who took it.
    """
    client = await find_client(session, caller.agency_id, client_id)
    row = await find_offboarding(session, caller.agency_id, client.id, read_id("ofb", offboarding_id))
    if row.state != "waiting":
        raise Conflict(msg("There is an archive during the term only; the state is {state}", state=row.state))
    deed = Deed(caller.name, "archive.read", show_id("ofb", row.id), client.id)
    await record_deeds(session, caller.agency_id, [deed])
    archive = write_archive(parts.database, caller.agency_id, client.id, int(time.time()))
    headers = {"content-disposition": f'attachment; filename="{client.slug}.tar"', "cache-control": "no-store"}
    return StreamingResponse(archive, media_type="application/x-tar", headers=headers)
