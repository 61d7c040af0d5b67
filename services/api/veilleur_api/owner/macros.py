"""Saved replies of a client."""

from typing import Any

from fastapi import Request
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.catalogue.documents import MacroIn
from veilleur.domain.catalogue.macros import check_texts
from veilleur.domain.catalogue.models import Macro
from veilleur.domain.catalogue.shape import describe_macro
from veilleur.kernel.errors import Conflict, Invalid, NotFound
from veilleur.kernel.ids import new_id, read_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client, page_by_id, require_match
from veilleur_api.owner.documents import MacroOut, MacrosOut
from veilleur_api.principals import MemberCaller, authorise_member

router = guarded_router("/owner/v1", authorise_member, "macros")


@router.post(
    "/clients/{client_id}/macros", status_code=201, responses={201: {"model": MacroOut}}, **needs("catalogue:write")
)
async def create_macro(client_id: str, new: MacroIn, caller: Member, session: Tx) -> Response:
    """Add a saved reply; moderators name it by its code."""
    client = await find_client(session, caller.agency_id, client_id)
    _check(new)
    macro = Macro(agency_id=caller.agency_id, id=new_id(), client_id=client.id, version=1, **new.model_dump())
    session.add(macro)
    await _keep(session, caller, macro, "created")
    return JsonAnswer(_describe(macro), 201, {"etag": _etag(macro)})


@router.get("/clients/{client_id}/macros", responses={200: {"model": MacrosOut}}, **needs("clients:read"))
async def list_macros(client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """The client's saved replies."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(Macro).where(Macro.agency_id == caller.agency_id, Macro.client_id == client.id)
    return JsonAnswer(await page_by_id(session, query, Macro, limit, after, _describe))


@router.get("/clients/{client_id}/macros/{macro_id}", responses={200: {"model": MacroOut}}, **needs("clients:read"))
async def get_macro(client_id: str, macro_id: str, caller: Member, session: Tx) -> Response:
    """One saved reply; its ETag is what `If-Match` of a change refers to."""
    macro = await _find(session, caller, client_id, macro_id)
    return JsonAnswer(_describe(macro), 200, {"etag": _etag(macro)})


@router.put("/clients/{client_id}/macros/{macro_id}", responses={200: {"model": MacroOut}}, **needs("catalogue:write"))
async def replace_macro(
    client_id: str, macro_id: str, new: MacroIn, caller: Member, session: Tx, request: Request
) -> Response:
    """Write a saved reply anew. Decisions it explained keep their words."""
    macro = await _find(session, caller, client_id, macro_id)
    await session.refresh(macro, with_for_update=True)
    require_match(request, _etag(macro))
    _check(new)
    macro.code, macro.title, macro.texts = new.code, new.title, dict(new.texts)
    macro.version += 1
    await _keep(session, caller, macro, "changed")
    return JsonAnswer(_describe(macro), 200, {"etag": _etag(macro)})


@router.delete("/clients/{client_id}/macros/{macro_id}", status_code=204, **needs("catalogue:write"))
async def delete_macro(client_id: str, macro_id: str, caller: Member, session: Tx) -> Response:
    """Take a saved reply out of the guide. Decisions it explained keep their words."""
    macro = await _find(session, caller, client_id, macro_id)
    await session.execute(delete(Macro).where(Macro.agency_id == caller.agency_id, Macro.id == macro.id))
    await _tell(session, caller, macro, "deleted")
    return Response(status_code=204)


async def _find(session: AsyncSession, caller: MemberCaller, client_id: str, macro_id: str) -> Macro:
    client = await find_client(session, caller.agency_id, client_id)
    macro = await session.get(Macro, (caller.agency_id, read_id("mac", macro_id)))
    if macro is None or macro.client_id != client.id:
        raise NotFound(msg("There is no {id} here", id=macro_id[:64]))
    return macro


def _check(new: MacroIn) -> None:
    errors = check_texts(new.texts, "/texts")
    if errors:
        raise Invalid(msg("The macro can't be kept like this"), errors=errors)


async def _keep(session: AsyncSession, caller: MemberCaller, macro: Macro, verb: str) -> None:
    code = macro.code
    try:
        async with session.begin_nested():
            await session.flush()
    except IntegrityError:
        raise Conflict(msg("The code {code} is taken", code=code), slug="code-taken") from None
    await _tell(session, caller, macro, verb)


async def _tell(session: AsyncSession, caller: MemberCaller, macro: Macro, verb: str) -> None:
    details = {"code": macro.code}
    deed = Deed(caller.name, f"macro.{verb}", show_id("mac", macro.id), macro.client_id, details)
    await record_deeds(session, caller.agency_id, [deed])


def _describe(macro: Macro) -> dict[str, Any]:
    return {"id": show_id("mac", macro.id)} | describe_macro(macro)


def _etag(macro: Macro) -> str:
    return f'"{macro.version}"'
