"""Being there: my status, and the queues that have something for me."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.review.models import Queue
from veilleur.domain.review.needs import find_fit
from veilleur.domain.review.piles import COUNT_CAP, count_ready, load_floor, read_queue
from veilleur.domain.review.presence import Status
from veilleur.domain.review.staff import load_person
from veilleur.domain.review.step_off import set_status
from veilleur.domain.tenancy.members import find_member
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.moderator.desk import describe_me
from veilleur_api.moderator.documents import MeOut, Shape
from veilleur_api.principals import authorise_member

router = guarded_router("/moderator/v1", authorise_member, "presence")


class StatusIn(Shape):
    status: Status


class QueueOut(BaseModel):
    """`ready` counts what I may be handed now, up to 1,000; `more` when there is more than that."""

    code: str
    name: str
    tier: int
    ready: int
    more: bool
    next_due_at: datetime | None


class QueuesOut(BaseModel):
    data: list[QueueOut]


@router.put("/me/status", responses={200: {"model": MeOut}}, **needs("cases:work"))
async def set_my_status(wanted: StatusIn, caller: Member, session: Tx) -> Response:
    """`break` brings nothing new; `off` frees all I hold at once, and it counts against nobody."""
    await set_status(session, caller.agency_id, caller.member_id, wanted.status)
    return JsonAnswer(await describe_me(session, caller))


@router.get("/queues", responses={200: {"model": QueuesOut}}, **needs("cases:work"))
async def list_my_queues(caller: Member, session: Tx) -> Response:
    """The queues I may work in, with how much is ready there for me and when the first of it is due."""
    member = await find_member(session, caller.agency_id, caller.member_id)
    able = (await load_person(session, member))[0].able
    floor = await load_floor(session, caller.agency_id)
    mine = [pile for pile in floor.piles if find_fit(able, pile.client_id, pile.queue, pile.needs) == "primary"]
    counted = await count_ready(session, caller.agency_id, mine)
    shown = []
    for queue in await session.scalars(select(Queue).where(Queue.agency_id == caller.agency_id).order_by(Queue.code)):
        if able.may_enter(read_queue(queue)):
            here = [(ready, due) for pile, ready, due in counted if pile.queue.id == queue.id]
            shown.append(_describe_queue(queue, here))
    return JsonAnswer({"data": shown})


def _describe_queue(queue: Queue, piles: list[tuple[int, datetime | None]]) -> dict[str, Any]:
    ready = sum(count for count, _ in piles)
    return {
        "code": queue.code,
        "name": queue.name,
        "tier": queue.tier,
        "ready": min(ready, COUNT_CAP),
        "more": ready > COUNT_CAP or any(count == COUNT_CAP for count, _ in piles),
        "next_due_at": min((due for _, due in piles if due is not None), default=None),
    }
