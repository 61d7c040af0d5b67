"""Claim, keep, release, decide."""

import asyncio
import random
import time
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.catalogue.queries import load_catalogue
from veilleur.domain.decisions.shape import decision_payload
from veilleur.domain.intake.models import Item
from veilleur.domain.review.claim import InHand, claim_next, list_held
from veilleur.domain.review.context import describe_assignments
from veilleur.domain.review.decide import Decided, DecisionRequest, decide_case
from veilleur.domain.review.decide_alike import ApplyTo
from veilleur.domain.review.known_queues import require_queues
from veilleur.domain.review.lease import Beat, beat, find_assignment, release
from veilleur.domain.review.models import Case
from veilleur.domain.review.notes import add_note
from veilleur.domain.review.quarantine import QUARANTINE, Finding, quarantine_case
from veilleur.domain.review.similar import SimilarBy, find_similar
from veilleur.domain.review.surroundings import SHOWN, list_others
from veilleur.infra.figures import CLAIMS
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import parse_id, read_id, show_id
from veilleur.kernel.messages import Language, choose_language, msg
from veilleur.kernel.strict_json import canonical_digest
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Member, PartsOf, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.moderator.documents import (
    BeatsOut,
    ClaimIn,
    DecisionIn,
    FenceIn,
    HeartbeatIn,
    InHandOut,
    NoteIn,
    QuarantinedOut,
    QuarantineIn,
    SimilarOut,
)
from veilleur_api.parts import Parts
from veilleur_api.principals import MemberCaller, authorise_member
from veilleur_api.problems import describe_problem
from veilleur_api.waits import OF_A_MEMBER

router = guarded_router("/moderator/v1", authorise_member, "assignments")

POLL_S = (0.2, 0.5)
"""Between two looks of a long poll, jittered so that waiting moderators don't look together."""


@router.post("/assignments", responses={200: {"model": InHandOut}}, **needs("cases:work"))
async def claim_assignments(claim: ClaimIn, caller: Member, parts: PartsOf, request: Request) -> Response:
    """Fill my hands up to `hold`, the most urgent first; what I already hold comes first and keeps its fence."""
    if claim.queues is not None:
        async with parts.database.transaction(caller.scope) as session:
            await require_queues(session, caller.agency_id, claim.queues, "/queues/{place}")
    with parts.waits.hold(caller.member_id, claim.wait, OF_A_MEMBER) as wait_s:
        until = time.monotonic() + wait_s
        while True:
            answer = await _claim(parts, caller, claim.hold, claim.queues)
            waits = not answer["assignments"] and answer["reason"] == "empty"
            if not waits or time.monotonic() >= until or await request.is_disconnected():
                CLAIMS.labels(answer["reason"] or "assigned").inc()
                return JsonAnswer(answer)
            await asyncio.sleep(min(random.uniform(*POLL_S), max(0.0, until - time.monotonic())))  # noqa: S311 - jitter


@router.get("/assignments", responses={200: {"model": InHandOut}}, **needs("cases:work"))
async def list_assignments(caller: Member, session: Tx) -> Response:
    """What I hold."""
    held = await list_held(session, caller.agency_id, caller.member_id)
    assignments = await describe_assignments(session, caller.agency_id, held)
    return JsonAnswer({"assignments": assignments, "reason": None})


@router.post("/heartbeat", responses={200: {"model": BeatsOut}}, **needs("cases:work"))
async def send_heartbeat(heartbeat: HeartbeatIn, caller: Member, session: Tx, request: Request) -> Response:
    """Keep leases alive; one answer a lease, and what is no lease at all costs the others nothing."""
    named = [(held.id, parse_id("asg", held.id), held.fence) for held in heartbeat.assignments]
    pairs = [(identifier, fence) for _, identifier, fence in named if identifier is not None]
    beats = iter(await beat(session, caller.agency_id, caller.member_id, pairs))
    language = choose_language(request.headers.get("accept-language"))
    answers = [
        {"id": shown} | _describe_beat(next(beats) if identifier is not None else _refuse_beat(shown), language)
        for shown, identifier, _ in named
    ]
    return JsonAnswer({"assignments": answers})


@router.post("/assignments/{assignment_id}/decision", status_code=201, **needs("cases:work"))
async def decide_assignment(assignment_id: str, decision: DecisionIn, caller: Member, parts: PartsOf) -> Response:
    """Decide the case. Sent again it answers `200` with the same decision; with `hold` the next comes along.

    `reason` is the decision's own; `hold_reason` says why no more is in hand, as `reason` does where cases are claimed.
    """
    identifier = read_id("asg", assignment_id)
    request = _to_request(decision)
    async with parts.database.transaction(caller.scope) as session:
        decided = await decide_case(session, caller.agency_id, caller.member_id, identifier, request)
        answer = await _describe_decision(session, caller, decided)
        if decision.apply_to is not None:
            answer["applied"] = _describe_applied(decided)
    if decision.hold is not None:
        claimed = await _claim(parts, caller, decision.hold, None)
        answer |= {"assignments": claimed["assignments"], "hold_reason": claimed["reason"]}
    return JsonAnswer(answer, 200 if decided.repeated else 201)


@router.post("/assignments/{assignment_id}/release", status_code=204, **needs("cases:work"))
async def release_assignment(assignment_id: str, fence: FenceIn, caller: Member, session: Tx) -> Response:
    """Give the case back to its queue."""
    await release(session, caller.agency_id, caller.member_id, read_id("asg", assignment_id), fence.fence)
    return Response(status_code=204)


@router.post("/assignments/{assignment_id}/notes", status_code=201, **needs("cases:work"))
async def write_note(assignment_id: str, note: NoteIn, caller: Member, session: Tx) -> Response:
    """Pin a note to the case or to its author, for colleagues only."""
    identifier = read_id("asg", assignment_id)
    written = await add_note(session, caller.agency_id, caller.member_id, identifier, note.text, note.pin)
    return JsonAnswer({"text": written.text, "pin": note.pin, "by": caller.name, "at": written.created_at}, 201)


@router.post(
    "/assignments/{assignment_id}/quarantine", responses={200: {"model": QuarantinedOut}}, **needs("cases:work")
)
async def quarantine_assignment(assignment_id: str, wanted: QuarantineIn, caller: Member, session: Tx) -> Response:
    """Child abuse, threat to life, terror: out of my hands into the restricted queue, under a legal hold."""
    identifier = read_id("asg", assignment_id)
    case = await quarantine_case(
        session, caller.agency_id, caller.member_id, identifier, Finding(wanted.fence, wanted.hold_class)
    )
    shown = {"case_id": show_id("cas", case.id), "item_id": show_id("itm", case.item_id)}
    return JsonAnswer(shown | {"queue": QUARANTINE, "break_offered": True})


@router.get("/assignments/{assignment_id}/similar", responses={200: {"model": SimilarOut}}, **needs("cases:work"))
async def list_similar(
    assignment_id: str, caller: Member, session: Tx, by: Annotated[SimilarBy, Query()] = "near_dup"
) -> Response:
    """How many open cases a decision with `apply_to` would take along, with samples.

    `near_dup`: the same letters and digits, whatever case, spacing and punctuation. What is merely much alike, owners
    find by an item's `near-duplicates`; nobody decides about it unseen.
    """
    assignment = await find_assignment(session, caller.agency_id, caller.member_id, read_id("asg", assignment_id))
    case = await session.get_one(Case, (caller.agency_id, assignment.case_id))
    item = await session.get_one(Item, (caller.agency_id, case.item_id))
    found = await find_similar(session, caller.agency_id, item, by, caller.member_id)
    samples = await list_others(session, caller.agency_id, [one.item_id for one in found.free[:SHOWN]])
    shown = {"by": by, "count": len(found.free), "held": len(found.held), "more": found.more, "samples": samples}
    return JsonAnswer(shown)


def _refuse_beat(shown: str) -> Beat:
    return Beat(UUID(int=0), problem=NotFound(msg("There is no {id} here", id=shown[:64])))


def _describe_beat(one: Beat, language: Language) -> dict[str, Any]:
    if one.problem is not None:
        return {"problem": describe_problem(one.problem, language)}
    return {"expires_at": one.expires_at, "item_revision": one.item_revision}


async def _claim(parts: Parts, caller: MemberCaller, hold: int, queues: list[str] | None) -> dict[str, Any]:
    async with parts.database.transaction(caller.scope) as session:
        in_hand: InHand = await claim_next(session, caller.agency_id, caller.member_id, hold=hold, queues=queues)
        assignments = await describe_assignments(session, caller.agency_id, in_hand.cases)
    return {"assignments": assignments, "reason": in_hand.reason}


async def _describe_decision(session: AsyncSession, caller: MemberCaller, decided: Decided) -> dict[str, Any]:
    decision = decided.decision
    catalogue = await load_catalogue(session, caller.agency_id, decision.client_id)
    return decision_payload(decision, catalogue.policies) | {
        "item_id": show_id("itm", decision.item_id),
        "revision": decision.item_revision,
        "note": decision.note,
    }


def _describe_applied(decided: Decided) -> dict[str, Any]:
    """A repetition no longer knows what was skipped."""
    return {
        "count": len(decided.applied),
        "decisions": [
            {"id": show_id("dec", one.id), "item_id": show_id("itm", one.item_id)} for one in decided.applied
        ],
        "skipped": [
            {"case_id": show_id("cas", case.id), "item_id": show_id("itm", case.item_id)} for case in decided.skipped
        ],
    }


def _to_request(decision: DecisionIn) -> DecisionRequest:
    document = decision.model_dump(mode="json", exclude_none=True)
    asked = {name: value for name, value in document.items() if name != "hold"}
    return DecisionRequest(
        fence=decision.fence,
        revision=decision.revision,
        ruling=decision.to_ruling(),
        explanation=decision.explanation,
        note=decision.note,
        macro=decision.macro,
        apply_to=ApplyTo(decision.apply_to.by, decision.apply_to.expect) if decision.apply_to else None,
        digest=canonical_digest(asked),
    )
