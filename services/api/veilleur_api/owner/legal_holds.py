"""What may not be erased, whoever asks, until an owner says otherwise."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.intake.models import LegalHold
from veilleur.domain.review.lift_hold import Lift, describe_hold, lift_hold
from veilleur.kernel.ids import read_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.principals import authorise_member
from veilleur_api.words import Sentence

router = guarded_router("/owner/v1", authorise_member, "legal holds")


class LiftIn(BaseModel):
    """Why the hold is lifted; kept in the trail."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Sentence


class HoldOut(BaseModel):
    """A hold, standing while `lifted_at` is null."""

    model_config = ConfigDict(extra="allow")

    id: str
    client: str
    item: str
    placed_by: str
    placed_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None
    reason: str | None


class HoldsOut(BaseModel):
    data: list[HoldOut]
    next: str | None


@router.get("/legal-holds", responses={200: {"model": HoldsOut}}, **needs("holds:write"))
async def list_legal_holds(
    caller: Member,
    session: Tx,
    state: Literal["standing", "lifted"] | None = None,
    client: str | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Legal holds in the order they were placed."""
    query = select(LegalHold).where(LegalHold.agency_id == caller.agency_id)
    if state is not None:
        query = query.where(LegalHold.lifted_at.is_(None) if state == "standing" else LegalHold.lifted_at.is_not(None))
    if client is not None:
        query = query.where(LegalHold.client_id == (await find_client(session, caller.agency_id, client)).id)
    return JsonAnswer(await page_by_id(session, query, LegalHold, limit, after, describe_hold))


@router.post("/legal-holds/{hold_id}/lift", responses={200: {"model": HoldOut}}, **needs("holds:write"))
async def lift_legal_hold(hold_id: str, wanted: LiftIn, caller: Member, session: Tx) -> Response:
    """Let the item be like any other again: its media are shown, its clock runs on, it may be erased."""
    hold = await lift_hold(session, caller.agency_id, read_id("hld", hold_id), Lift(caller.member_id, wanted.reason))
    return JsonAnswer(describe_hold(hold))
