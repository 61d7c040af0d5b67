"""The agency's queues: what each asks of who works there, and how long a case stays in one pair of hands."""

from typing import Any

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.review.models import Queue
from veilleur.kernel.errors import Conflict, InputError, Invalid, NotFound
from veilleur.kernel.ids import new_id, read_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.answer_documents import WorkQueueOut, WorkQueuesOut
from veilleur_api.owner.common import page_by_id, require_match
from veilleur_api.owner.work_documents import QueueIn, QueuePatch
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "queues")


@router.post("/queues", status_code=201, responses={201: {"model": WorkQueueOut}}, **needs("queues:write"))
async def create_queue(new: QueueIn, caller: Member, session: Tx) -> Response:
    """Add a queue; rules and moderators name it by its code."""
    _check_cap(new.lease_s, new.hold_cap_s)
    queue = Queue(agency_id=caller.agency_id, id=new_id(), **new.model_dump())
    try:
        async with session.begin_nested():
            session.add(queue)
            await session.flush()
    except IntegrityError:
        raise Conflict(msg("The code {code} is taken", code=new.code), slug="code-taken") from None
    await session.refresh(queue)
    await record_deeds(session, caller.agency_id, [Deed(caller.name, "queue.created", show_id("que", queue.id))])
    return JsonAnswer(_describe_queue(queue), 201, {"etag": _etag(queue)})


@router.get("/queues", responses={200: {"model": WorkQueuesOut}}, **needs("clients:read"))
async def list_queues(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """All queues."""
    query = select(Queue).where(Queue.agency_id == caller.agency_id)
    return JsonAnswer(await page_by_id(session, query, Queue, limit, after, _describe_queue))


@router.get("/queues/{queue_id}", responses={200: {"model": WorkQueueOut}}, **needs("clients:read"))
async def get_queue(queue_id: str, caller: Member, session: Tx) -> Response:
    """One queue; its ETag is what `If-Match` of a change refers to."""
    queue = await _find_queue(session, caller, queue_id)
    return JsonAnswer(_describe_queue(queue), 200, {"etag": _etag(queue)})


@router.patch("/queues/{queue_id}", responses={200: {"model": WorkQueueOut}}, **needs("queues:write"))
async def change_queue(queue_id: str, patch: QueuePatch, caller: Member, session: Tx, request: Request) -> Response:
    """Change what is named. It counts from the next claim on, for cases that wait here as well."""
    queue = await _find_queue(session, caller, queue_id)
    await session.refresh(queue, with_for_update={"key_share": True})
    require_match(request, _etag(queue))
    changes = patch.model_dump(exclude_unset=True, exclude_none=True)
    _check_cap(changes.get("lease_s", queue.lease_s), changes.get("hold_cap_s", queue.hold_cap_s))
    for name, value in changes.items():
        setattr(queue, name, value)
    queue.version += 1
    await session.flush()
    deed = Deed(caller.name, "queue.changed", show_id("que", queue.id), None, {"fields": sorted(changes)})
    await record_deeds(session, caller.agency_id, [deed])
    return JsonAnswer(_describe_queue(queue), 200, {"etag": _etag(queue)})


def _describe_queue(queue: Queue) -> dict[str, Any]:
    return {
        "id": show_id("que", queue.id),
        "code": queue.code,
        "name": queue.name,
        "lease_s": queue.lease_s,
        "hold_cap_s": queue.hold_cap_s,
        "skills": queue.skills,
        "languages": queue.languages,
        "tier": queue.tier,
        "relax_percent": queue.relax_percent,
    }


def _etag(queue: Queue) -> str:
    return f'"{queue.version}"'


async def _find_queue(session: Tx, caller: Member, shown: str) -> Queue:
    queue = await session.get(Queue, (caller.agency_id, read_id("que", shown)))
    if queue is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return queue


def _check_cap(lease_s: int, hold_cap_s: int) -> None:
    if hold_cap_s < lease_s:
        error = InputError(
            "/hold_cap_s", msg("is shorter than a lease"), msg("at least {least} seconds", least=lease_s)
        )
        raise Invalid(msg("The queue can't be kept like this"), errors=[error])
