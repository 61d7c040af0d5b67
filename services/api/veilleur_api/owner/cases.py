"""All cases of the agency, and the lead's levers on them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from veilleur.domain.catalogue.documents import Code
from veilleur.domain.intake.envelope import Timestamp
from veilleur.domain.review.known_queues import require_queues
from veilleur.domain.review.models import Case
from veilleur.domain.review.overview import (
    Filter,
    ListedState,
    describe_assignments_of,
    describe_cases,
    list_cases,
    sort_key,
)
from veilleur.domain.review.steer import assign_case, close_case, free_case, prioritise_case, route_case
from veilleur.domain.sla.policy import Priority
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import parse_id, read_id
from veilleur.kernel.messages import msg
from veilleur.kernel.paging import MAX_LIMIT, PageRequest, cut_page, read_cursor, read_moment
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client
from veilleur_api.owner.documents import Shape
from veilleur_api.owner.work_answers import CaseOut, CasesOut, WholeCaseOut
from veilleur_api.principals import authorise_member
from veilleur_api.words import Reason

router = guarded_router("/owner/v1", authorise_member, "cases")


class AssignIn(Shape):
    member: Annotated[str, Field(max_length=64)]


class PriorityIn(Shape):
    """`retarget`: its clocks count by what is promised for that priority from now on."""

    priority: Priority
    retarget: bool = False


class RouteIn(Shape):
    queue: Code


class CloseIn(Shape):
    reason: Reason


class CasesQuery(BaseModel):
    """`flagged`: what needs a lead."""

    state: ListedState = "open"
    client: Annotated[str, Field(max_length=64)] | None = None
    queue: Annotated[str, Field(max_length=64)] | None = None
    due_before: Timestamp | None = None
    flagged: bool | None = None
    limit: int = Field(default=50, ge=1, le=MAX_LIMIT)
    after: Annotated[str, Field(max_length=1_000)] | None = None


@router.get("/cases", responses={200: {"model": CasesOut}}, **needs("cases:steer"))
async def list_all_cases(asked: Annotated[CasesQuery, Query()], caller: Member, session: Tx) -> Response:
    """Open cases by due time; those that are over by when they ended."""
    client_id = (await find_client(session, caller.agency_id, asked.client)).id if asked.client is not None else None
    if asked.queue is not None:
        await require_queues(session, caller.agency_id, [asked.queue], "/queue")
    wanted = Filter(asked.state, client_id, asked.queue, asked.due_before, asked.flagged)
    cases = await list_cases(session, caller.agency_id, wanted, asked.limit, _read_after(asked.after))
    page = cut_page(cases, PageRequest(asked.limit), lambda case: sort_key(case, wanted))
    return JsonAnswer({"data": await describe_cases(session, caller.agency_id, page.data), "next": page.next})


@router.get("/cases/{case_id}", responses={200: {"model": WholeCaseOut}}, **needs("cases:steer"))
async def get_case(case_id: str, caller: Member, session: Tx) -> Response:
    """One case, with everybody who has had it."""
    case = await session.get(Case, (caller.agency_id, read_id("cas", case_id)))
    if case is None:
        raise NotFound(msg("There is no {id} here", id=case_id[:64]))
    [shown] = await describe_cases(session, caller.agency_id, [case])
    return JsonAnswer(shown | {"assignments": await describe_assignments_of(session, case)})


@router.post("/cases/{case_id}/assign", responses={200: {"model": CaseOut}}, **needs("cases:steer"))
async def assign_case_to(case_id: str, wanted: AssignIn, caller: Member, session: Tx) -> Response:
    """Keep the case for a member, who is handed it before anything else."""
    identifier, member_id = read_id("cas", case_id), parse_id("mem", wanted.member)
    return await _answer(session, await assign_case(session, caller.agency_id, identifier, member_id, caller.name))


@router.post("/cases/{case_id}/release", responses={200: {"model": CaseOut}}, **needs("cases:steer"))
async def release_case(case_id: str, caller: Member, session: Tx) -> Response:
    """Back to the pool, out of any hand; flags are gone, and who skipped it may be handed it again."""
    return await _answer(session, await free_case(session, caller.agency_id, read_id("cas", case_id), caller.name))


@router.post("/cases/{case_id}/priority", responses={200: {"model": CaseOut}}, **needs("cases:steer"))
async def set_case_priority(case_id: str, wanted: PriorityIn, caller: Member, session: Tx) -> Response:
    """Change the priority, and the deadline with it where `retarget` says so."""
    case = await prioritise_case(
        session, caller.agency_id, read_id("cas", case_id), wanted.priority, caller.name, retarget=wanted.retarget
    )
    return await _answer(session, case)


@router.post("/cases/{case_id}/route", responses={200: {"model": CaseOut}}, **needs("cases:steer"))
async def route_case_to(case_id: str, wanted: RouteIn, caller: Member, session: Tx) -> Response:
    """Move the case to another queue; its due time stays."""
    identifier = read_id("cas", case_id)
    return await _answer(session, await route_case(session, caller.agency_id, identifier, wanted.queue, caller.name))


@router.post("/cases/{case_id}/close", responses={200: {"model": CaseOut}}, **needs("cases:steer"))
async def close_case_undecided(case_id: str, wanted: CloseIn, caller: Member, session: Tx) -> Response:
    """End the case without a decision: what the client shows stays as it is, and no clock runs on."""
    identifier = read_id("cas", case_id)
    return await _answer(session, await close_case(session, caller.agency_id, identifier, wanted.reason, caller.name))


async def _answer(session: Tx, case: Case) -> Response:
    [shown] = await describe_cases(session, case.agency_id, [case])
    return JsonAnswer(shown)


def _read_after(after: str | None) -> tuple[datetime, UUID] | None:
    if after is None:
        return None
    return read_moment(read_cursor(after, parts=2))
