"""The agency's queues."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.review.models import Queue
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import page_by_id
from veilleur_api.owner.documents import QueueIn
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "desk")


@router.post("/queues", status_code=201, **needs("queues:write"))
async def create_queue(new: QueueIn, caller: Member, session: Tx) -> Response:
    """Add a queue; rules and moderators name it by its code."""
    queue = Queue(agency_id=caller.agency_id, id=new_id(), code=new.code, name=new.name, lease_s=new.lease_s)
    try:
        async with session.begin_nested():
            session.add(queue)
            await session.flush()
    except IntegrityError:
        raise Conflict(msg("The code {code} is taken", code=new.code), slug="code-taken") from None
    await record_deeds(session, caller.agency_id, [Deed(caller.name, "queue.created", show_id("que", queue.id))])
    return JsonAnswer(_describe_queue(queue), 201)


@router.get("/queues", **needs("clients:read"))
async def list_queues(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """All queues."""
    query = select(Queue).where(Queue.agency_id == caller.agency_id)
    return JsonAnswer(await page_by_id(session, query, Queue, limit, after, _describe_queue))


def _describe_queue(queue: Queue) -> dict[str, Any]:
    return {"id": show_id("que", queue.id), "code": queue.code, "name": queue.name, "lease_s": queue.lease_s}
