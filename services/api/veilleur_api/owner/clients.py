"""Clients: the platforms the agency serves."""

from typing import Any

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.custody.set_data_policy import keep_events_for
from veilleur.domain.onboarding.start import NewClient, start_client
from veilleur.domain.sla.adopt import Application, apply_terms, read_application
from veilleur.domain.sla.mistakes import Mistakes
from veilleur.domain.sla.models import CalendarVersion
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import Conflict, InputError, Invalid
from veilleur.kernel.ids import parse_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.answer_documents import ClientOut, ClientsOut
from veilleur_api.owner.common import find_client, page_by_id, require_match
from veilleur_api.owner.documents import ClientIn, ClientPatch
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "clients")


@router.post("/clients", status_code=201, responses={201: {"model": ClientOut}}, **needs("clients:write"))
async def create_client(new: ClientIn, caller: Member, session: Tx) -> Response:
    """Start a client with a default queue, calendar, SLA policy and catalogue, and no rule set yet."""
    calendar_id = await _read_calendar(session, caller, new.calendar)
    wanted = NewClient(new.slug, new.name, new.time_zone, tuple(new.languages), new.interim, calendar_id)
    try:
        async with session.begin_nested():
            client = await start_client(session, caller.agency_id, wanted, caller.name)
    except IntegrityError:
        raise Conflict(msg("The slug {slug} is taken", slug=new.slug), slug="slug-taken") from None
    return JsonAnswer(describe_client(client), 201, {"etag": _etag(client)})


@router.get("/clients", responses={200: {"model": ClientsOut}}, **needs("clients:read"))
async def list_clients(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """All clients, page by page."""
    query = select(Client).where(Client.agency_id == caller.agency_id)
    return JsonAnswer(await page_by_id(session, query, Client, limit, after, describe_client))


@router.get("/clients/{client_id}", responses={200: {"model": ClientOut}}, **needs("clients:read"))
async def get_client(client_id: str, caller: Member, session: Tx) -> Response:
    """One client; its ETag is what `If-Match` of a change refers to."""
    client = await find_client(session, caller.agency_id, client_id)
    return JsonAnswer(describe_client(client), 200, {"etag": _etag(client)})


@router.patch("/clients/{client_id}", responses={200: {"model": ClientOut}}, **needs("clients:write"))
async def change_client(client_id: str, patch: ClientPatch, caller: Member, session: Tx, request: Request) -> Response:
    """Change what is named; the rest stays. Usage already recorded keeps its day and zone."""
    client = await find_client(session, caller.agency_id, client_id)
    await session.refresh(client, with_for_update=True)
    require_match(request, _etag(client))
    application = _read_application(patch)
    aside = {"calendar", "apply_to", "open_since"}
    changes = patch.model_dump(exclude_unset=True, exclude=aside, exclude_none=True)
    if patch.calendar is not None:
        changes["calendar_id"] = await _read_calendar(session, caller, patch.calendar)
    if "guaranteed_slots" in patch.model_fields_set:
        changes["guaranteed_slots"] = patch.guaranteed_slots
    if patch.payload_days is not None:
        await keep_events_for(session, client, patch.payload_days, caller.name)
    for name, value in changes.items():
        setattr(client, name, value)
    client.version += 1
    await session.flush()
    deed = Deed(caller.name, "client.changed", show_id("cli", client.id), client.id, {"fields": sorted(changes)})
    await record_deeds(session, caller.agency_id, [deed])
    if "calendar_id" in changes:
        await apply_terms(session, caller.agency_id, client.id, "calendar", caller.name, application)
    return JsonAnswer(describe_client(client), 200, {"etag": _etag(client)})


def describe_client(client: Client) -> dict[str, Any]:
    return {
        "id": show_id("cli", client.id),
        "slug": client.slug,
        "name": client.name,
        "time_zone": client.time_zone,
        "languages": client.languages,
        "interim": client.interim,
        "blast_limit_percent": client.blast_limit_percent,
        "calendar": show_id("cal", client.calendar_id),
        "strike_days": client.strike_days,
        "default_severity": client.default_severity,
        "share_sla": client.share_sla,
        "guaranteed_slots": client.guaranteed_slots,
        "send_after_s": client.send_after_s,
        "payload_days": client.payload_days,
        "house_rules": client.house_rules,
        "tone": client.tone,
        "contacts": client.contacts,
        "created_at": client.created_at,
    }


def _read_application(patch: ClientPatch) -> Application:
    mistakes = Mistakes()
    application = read_application(patch.apply_to, patch.open_since, mistakes)
    if mistakes.found:
        raise Invalid(msg("The client can't be kept like this"), errors=mistakes.found)
    return application


def _etag(client: Client) -> str:
    return f'"{client.version}"'


async def _read_calendar(session: Tx, caller: Member, shown: str | None) -> Any:
    if shown is None:
        return None
    calendar_id = parse_id("cal", shown)
    calendar = await session.get(CalendarVersion, (caller.agency_id, calendar_id)) if calendar_id else None
    if calendar is None:
        error = InputError("/calendar", msg("there is no such calendar"), msg("GET /owner/v1/calendars lists them"))
        raise Invalid(msg("The client can't be kept like this"), errors=[error])
    return calendar.id
