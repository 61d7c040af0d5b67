"""Who I am, and the guides of the clients I serve."""

from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.review.claim import list_held
from veilleur.domain.review.guide import describe_guide, load_guides
from veilleur.domain.review.search import SEARCHED_BY, Wanted, search_items
from veilleur.domain.review.staff import load_person
from veilleur.domain.review.wellbeing import CareChange, change_care, check_opt_outs, load_care
from veilleur.domain.tenancy.members import find_member, list_grants, require_service
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.paging import PageRequest, read_cursor
from veilleur_api.answers import JsonAnswer
from veilleur_api.care import CareOut, OwnCareIn, describe_care
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.moderator.documents import FoundItemsOut, GuideOut, MeOut
from veilleur_api.principals import authorise_member

router = guarded_router("/moderator/v1", authorise_member, "desk")


@router.get("/me", responses={200: {"model": MeOut}}, **needs("cases:work"))
async def get_me(caller: Member, session: Tx) -> Response:
    """My own record, how many cases I hold, and whether I am on duty."""
    return JsonAnswer(await describe_me(session, caller))


async def describe_me(session: Tx, caller: Member) -> dict[str, Any]:
    member = await find_member(session, caller.agency_id, caller.member_id)
    grants = await list_grants(session, caller.agency_id, caller.member_id)
    held = await list_held(session, caller.agency_id, caller.member_id)
    person, present = await load_person(session, member)
    return {
        "id": caller.name,
        "name": member.name,
        "email": member.email,
        "roles": member.roles,
        "languages": member.languages,
        "skills": member.skills,
        "tier": member.tier,
        "capacity": member.capacity,
        "clients": "all" if member.serves_all else [show_id("cli", client_id) for client_id in grants],
        "held": len(held),
        "status": member.status,
        "status_since": member.status_since,
        "on_duty": person.is_on_duty(present),
    }


@router.get("/me/care", responses={200: {"model": CareOut}}, **needs("cases:work"))
async def get_own_care(caller: Member, session: Tx) -> Response:
    """The limits that hold for me, and what I chose."""
    care = await load_care(session, caller.agency_id, [caller.member_id])
    return JsonAnswer(describe_care(care[caller.member_id]))


@router.put("/me/care", responses={200: {"model": CareOut}}, **needs("cases:work"))
async def set_own_care(wanted: OwnCareIn, caller: Member, session: Tx) -> Response:
    """Choose whether images are blurred at first, and policies I am not handed; no reason is asked for."""
    member = await find_member(session, caller.agency_id, caller.member_id)
    serves = None if member.serves_all else await list_grants(session, caller.agency_id, caller.member_id)
    await check_opt_outs(session, caller.agency_id, wanted.opt_outs or (), serves)
    change = CareChange(blur=wanted.blur, opt_outs=wanted.opt_outs)
    care = await change_care(session, caller.agency_id, caller.member_id, change, caller.name)
    return JsonAnswer(describe_care(care))


@router.get("/clients/{client_id}/guide", responses={200: {"model": GuideOut}}, **needs("cases:work"))
async def get_guide(client_id: str, caller: Member, session: Tx, request: Request) -> Response:
    """The client's policies, actions, saved replies and manners. `If-None-Match` with the last ETag answers 304."""
    client = await require_service(session, caller.agency_id, caller.member_id, read_id("cli", client_id))
    guides = await load_guides(session, caller.agency_id, [client.id])
    guide = describe_guide(guides[client.id])
    headers = {"etag": f'"{guide["version"]}"'}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return JsonAnswer(guide, 200, headers)


@router.get("/items", responses={200: {"model": FoundItemsOut}}, **needs("cases:work"))
async def search_client_items(  # noqa: PLR0917 - what FastAPI hands in
    caller: Member,
    session: Tx,
    client: Annotated[str, Query(max_length=64)],
    external_id: Annotated[str | None, Query(max_length=256)] = None,
    author: Annotated[str | None, Query(max_length=256)] = None,
    url: Annotated[str | None, Query(max_length=2_048)] = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Items of a client I serve, by their id there, their author or their address; newest first."""
    found = await require_service(session, caller.agency_id, caller.member_id, read_id("cli", client))
    wanted = Wanted(found.id, external_id, author, url)
    request = PageRequest(limit, read_cursor(after, parts=2) if after else None)
    page = await search_items(session, caller.agency_id, wanted, request)
    # What was looked for may be a person's name: the trail says by what, and how much was shown.
    details = {"by": [name for name in SEARCHED_BY if getattr(wanted, name) is not None], "items": len(page.data)}
    deed = Deed(caller.name, "items.searched", show_id("cli", found.id), found.id, details)
    await record_deeds(session, caller.agency_id, [deed])
    return JsonAnswer({"data": page.data, "next": page.next})
