"""The people of the agency."""

from typing import Any

from sqlalchemy import func, select
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.review.step_off import free_hands, free_unserved
from veilleur.domain.tenancy.log_in import shut_out
from veilleur.domain.tenancy.members import (
    NewMember,
    add_member,
    find_member,
    issue_login_code,
    keep_an_owner,
    list_grants,
    set_grants,
)
from veilleur.domain.tenancy.models import Member as MemberRow
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import parse_id, read_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.grants import LOGIN_CODE
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.answer_documents import LoginCodeOut, MemberOut, MembersOut
from veilleur_api.owner.common import page_by_id
from veilleur_api.owner.documents import MemberIn, MemberPatch
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "members")


@router.post("/members", status_code=201, responses={201: {"model": MemberOut}}, **needs("members:write"))
async def create_member(new: MemberIn, caller: Member, session: Tx) -> Response:
    """Add a person; `clients` names those served, or `"all"`."""
    wanted = NewMember(
        email=new.email,
        name=new.name,
        roles=tuple(new.roles),
        languages=tuple(new.languages),
        skills=tuple(new.skills),
        clients=_read_clients(new.clients),
        capacity=new.capacity,
        tier=new.tier,
        grade=new.grade,
    )
    member = await add_member(session, caller.agency_id, wanted, caller.name)
    return JsonAnswer(await _describe(session, member), 201)


@router.get("/members", responses={200: {"model": MembersOut}}, **needs("members:read"))
async def list_members(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """Everybody of the agency."""
    query = select(MemberRow).where(MemberRow.agency_id == caller.agency_id)
    return JsonAnswer(await page_by_id(session, query, MemberRow, limit, after, describe_member))


@router.get("/members/{member_id}", responses={200: {"model": MemberOut}}, **needs("members:read"))
async def get_member(member_id: str, caller: Member, session: Tx) -> Response:
    """One person, with the clients served."""
    member = await find_member(session, caller.agency_id, read_id("mem", member_id))
    return JsonAnswer(await _describe(session, member))


@router.patch("/members/{member_id}", responses={200: {"model": MemberOut}}, **needs("members:write"))
async def change_member(member_id: str, patch: MemberPatch, caller: Member, session: Tx) -> Response:
    """Change what is named. `active: false` shuts the person out within five seconds and frees what is in hand, as do
    clients that are no longer served. The last active owner stays one: 409 `last-owner`.
    """
    member = await find_member(session, caller.agency_id, read_id("mem", member_id))
    if patch.active is False or (patch.roles is not None and "owner" not in patch.roles):
        await keep_an_owner(session, caller.agency_id, besides=member.id)
    # As claims do: what is claimed meanwhile is claimed by who this person then is.
    await session.refresh(member, with_for_update={"key_share": True})
    changes = patch.model_dump(exclude_unset=True, exclude_none=True)
    for name in ("name", "roles", "languages", "skills", "capacity", "tier", "grade"):
        if name in changes:
            setattr(member, name, changes[name])
    if patch.active is not None:
        await _set_active(session, caller, member, active=patch.active)
    if patch.clients is not None:
        await _set_clients(session, member, _read_clients(patch.clients))
    await session.flush()
    deed = Deed(caller.name, "member.changed", show_id("mem", member.id), None, {"fields": sorted(changes)})
    await record_deeds(session, caller.agency_id, [deed])
    return JsonAnswer(await _describe(session, member))


@router.post(
    "/members/{member_id}/tokens", status_code=201, responses={201: {"model": LoginCodeOut}}, **needs("members:write")
)
async def create_login_code(member_id: str, caller: Member, session: Tx) -> Response:
    """A one-time code that the member trades for a token at `/oauth/token`."""
    code, row = await issue_login_code(session, caller.agency_id, read_id("mem", member_id), caller.name)
    return JsonAnswer({"code": code, "grant_type": LOGIN_CODE, "expires_at": row.expires_at}, 201)


async def _set_active(session: Tx, caller: Member, member: MemberRow, *, active: bool) -> None:
    present = (await session.execute(select(func.app_now()))).scalar_one()
    member.disabled_at = None if active else present
    await session.flush()
    if not active:
        await shut_out(session, caller.agency_id, member.id, caller.name)
        await free_hands(session, caller.agency_id, member.id)


async def _set_clients(session: Tx, member: MemberRow, wanted: Any) -> None:
    """None serves all."""
    member.serves_all = wanted is None
    await session.flush()
    await set_grants(session, member.agency_id, member.id, wanted or ())
    await free_unserved(session, member.agency_id, member.id)


def describe_member(member: MemberRow) -> dict[str, Any]:
    return {
        "id": show_id("mem", member.id),
        "email": member.email,
        "name": member.name,
        "roles": member.roles,
        "languages": member.languages,
        "skills": member.skills,
        "capacity": member.capacity,
        "tier": member.tier,
        "grade": member.grade,
        "status": member.status,
        "active": member.disabled_at is None,
        "created_at": member.created_at,
    }


async def _describe(session: Tx, member: MemberRow) -> dict[str, Any]:
    await session.refresh(member)
    grants = await list_grants(session, member.agency_id, member.id)
    clients = "all" if member.serves_all else [show_id("cli", client_id) for client_id in grants]
    return describe_member(member) | {"clients": clients}


def _read_clients(shown: list[str] | str) -> Any:
    if isinstance(shown, str):
        return None
    ids = [parse_id("cli", one) for one in shown]
    errors = [
        InputError(f"/clients/{position}", msg("there is no such client"))
        for position, one in enumerate(ids)
        if one is None
    ]
    if errors:
        raise Invalid(msg("The member can't be kept like this"), errors=errors)
    return tuple(ids)
