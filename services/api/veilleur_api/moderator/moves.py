"""Where else a case in hand may go: to somebody else, up, or to the client with a question."""

from typing import Annotated

from pydantic import BaseModel, Field
from starlette.responses import Response

from veilleur.domain.review.ask import ask_client, describe_question
from veilleur.domain.review.escalate import Escalation, escalate_case
from veilleur.domain.review.hand_over import hand_over, list_colleagues
from veilleur.domain.review.lease import find_assignment
from veilleur.domain.review.models import Case
from veilleur.domain.review.skip import SkipReason, skip_case
from veilleur.kernel.ids import parse_id, read_id, show_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.moderator.documents import FenceIn
from veilleur_api.principals import authorise_member
from veilleur_api.words import Said, Sentence

router = guarded_router("/moderator/v1", authorise_member, "assignments")


class SkipIn(FenceIn):
    """`language`: with `wrong_language`, what the item is written in."""

    reason: SkipReason
    language: Annotated[str, Field(pattern=r"^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$")] | None = None


class HandOverIn(FenceIn):
    to: Annotated[str, Field(max_length=64)]


class ColleagueOut(BaseModel):
    id: str
    name: str


class ColleaguesOut(BaseModel):
    data: list[ColleagueOut]


class EscalateIn(FenceIn):
    """A queue by its code, or the lowest one of a tier."""

    queue: Annotated[str, Field(max_length=64)] | None = None
    tier: int | None = Field(default=None, ge=1, le=5)
    note: Sentence


class AskIn(FenceIn):
    """With `choices` the client answers one of them; without, anything."""

    question: Sentence
    choices: list[Annotated[str, Field(min_length=1, max_length=500), Said]] = Field(
        default_factory=list, max_length=20
    )


@router.post("/assignments/{assignment_id}/skip", status_code=204, **needs("cases:work"))
async def skip_assignment(assignment_id: str, skip: SkipIn, caller: Member, session: Tx) -> Response:
    """Leave the case to somebody else. It keeps its due time and doesn't come back to me."""
    identifier = read_id("asg", assignment_id)
    await skip_case(session, caller.agency_id, caller.member_id, identifier, skip.fence, skip.reason, skip.language)
    return Response(status_code=204)


@router.post("/assignments/{assignment_id}/handover", **needs("cases:work"))
async def hand_over_assignment(assignment_id: str, handover: HandOverIn, caller: Member, session: Tx) -> Response:
    """Give the case to a colleague, who is handed it first. `to` is null when they are off: the pool has it then."""
    identifier, to = read_id("asg", assignment_id), parse_id("mem", handover.to)
    given = await hand_over(session, caller.agency_id, caller.member_id, identifier, handover.fence, to)
    return JsonAnswer({"case": show_id("cas", given.case_id), "to": show_id("mem", given.to) if given.to else None})


@router.get("/assignments/{assignment_id}/colleagues", responses={200: {"model": ColleaguesOut}}, **needs("cases:work"))
async def list_assignment_colleagues(assignment_id: str, caller: Member, session: Tx) -> Response:
    """Who else may have the case: those a handover may name."""
    assignment = await find_assignment(session, caller.agency_id, caller.member_id, read_id("asg", assignment_id))
    case = await session.get_one(Case, (caller.agency_id, assignment.case_id))
    found = await list_colleagues(session, case, caller.member_id)
    return JsonAnswer({"data": [{"id": show_id("mem", one.id), "name": one.name} for one in found]})


@router.post("/assignments/{assignment_id}/escalate", **needs("cases:work"))
async def escalate_assignment(assignment_id: str, asked: EscalateIn, caller: Member, session: Tx) -> Response:
    """Send the case to a queue or tier that knows more, with a note."""
    identifier = read_id("asg", assignment_id)
    escalation = Escalation(asked.note, asked.queue, asked.tier)
    queue = await escalate_case(session, caller.agency_id, caller.member_id, identifier, asked.fence, escalation)
    return JsonAnswer({"queue": queue.code, "tier": queue.tier})


@router.post("/assignments/{assignment_id}/ask", status_code=201, **needs("cases:work"))
async def ask_about_assignment(assignment_id: str, ask: AskIn, caller: Member, session: Tx) -> Response:
    """Ask the client. The case leaves my hands, its deadline waits, and it comes back to me first."""
    identifier = read_id("asg", assignment_id)
    asked = await ask_client(
        session, caller.agency_id, caller.member_id, identifier, ask.fence, ask.question, ask.choices
    )
    return JsonAnswer({"case": show_id("cas", asked.case_id)} | describe_question(asked), 201)
