"""What I have decided, and putting it right."""

from fastapi import Request
from starlette.responses import Response

from veilleur.domain.catalogue.queries import load_catalogue
from veilleur.domain.decisions.shape import decision_payload
from veilleur.domain.delivery.action_shape import describe_action
from veilleur.domain.review.made import describe_own, list_made
from veilleur.domain.review.mend import LEADS, Mending, correct_decision
from veilleur.domain.review.stop_actions import stop_actions
from veilleur.kernel.ids import read_id
from veilleur.kernel.messages import choose_language
from veilleur.kernel.paging import PageRequest, read_cursor
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.moderator.documents import CorrectionIn, MadeOut, MadesOut, PlatformActionsOut
from veilleur_api.principals import authorise_member

router = guarded_router("/moderator/v1", authorise_member, "decisions")


@router.get("/decisions", responses={200: {"model": MadesOut}}, **needs("cases:work"))
async def list_decisions(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """My decisions, newest first, each with the time until which I may correct it."""
    request = PageRequest(limit, read_cursor(after, parts=2) if after else None)
    page = await list_made(session, caller.agency_id, caller.member_id, request)
    return JsonAnswer({"data": page.data, "next": page.next})


@router.post(
    "/decisions/{decision_id}/correct", status_code=201, responses={201: {"model": MadeOut}}, **needs("cases:work")
)
async def correct_made_decision(decision_id: str, correction: CorrectionIn, caller: Member, session: Tx) -> Response:
    """Put a decision right: my own for 15 minutes, as a lead any. If nothing has left yet, the old one never will."""
    mending = Mending(correction.to_ruling(), correction.reason, as_lead=bool(LEADS & caller.roles))
    identifier = read_id("dec", decision_id)
    made = await correct_decision(session, caller.agency_id, caller.member_id, identifier, mending)
    catalogue = await load_catalogue(session, caller.agency_id, made.client_id)
    return JsonAnswer(decision_payload(made, catalogue.policies) | describe_own(made), 201)


@router.post(
    "/decisions/{decision_id}/cancel-actions", responses={200: {"model": PlatformActionsOut}}, **needs("cases:work")
)
async def cancel_decision_actions(decision_id: str, request: Request, caller: Member, session: Tx) -> Response:
    """Call off, while they are held back, what this decision would have done on the platform; the decision stands.

    The answer says what became of each: what has left can be taken back by a correction only.
    """
    identifier = read_id("dec", decision_id)
    actions = await stop_actions(session, caller.agency_id, caller.member_id, identifier)
    language = choose_language(request.headers.get("accept-language"))
    return JsonAnswer({"actions": [describe_action(action, language) for action in actions]})
