"""What clients are promised: policies in immutable versions, and the classes that laws name."""

from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.review.models import Queue
from veilleur.domain.sla.adopt import NewPolicy, adopt_policy, find_policy, list_retargets, read_application
from veilleur.domain.sla.mistakes import Mistakes
from veilleur.domain.sla.models import SlaPolicyVersion, SlaRetarget
from veilleur.domain.sla.policy_conditions import Known
from veilleur.domain.sla.policy_document import read_policy
from veilleur.domain.sla.statutory import STATUTORY
from veilleur.domain.tenancy.models import Source
from veilleur.kernel.errors import Invalid
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import bound_version, find_client, page_by_id
from veilleur_api.owner.documents import SlaPolicyIn
from veilleur_api.owner.work_answers import AppliedSlaPolicyOut, SlaClassesOut, SlaPoliciesOut, SlaPolicyOut
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "sla")


@router.post(
    "/clients/{client_id}/sla-policies", status_code=201, responses={201: {"model": SlaPolicyOut}}, **needs("sla:write")
)
async def create_sla_policy(client_id: str, new: SlaPolicyIn, caller: Member, session: Tx) -> Response:
    """Put the next version in force for new cases, and for open ones only where `apply_to` says so."""
    client = await find_client(session, caller.agency_id, client_id)
    mistakes = Mistakes()
    application = read_application(new.apply_to, new.open_since, mistakes)
    known = await _load_known(session, caller.agency_id, client.id)
    document = read_policy(new.policy, known, "/policy", mistakes)
    if mistakes.found:
        raise Invalid(msg("The SLA policy has mistakes"), errors=mistakes.found)
    policy = NewPolicy(client.id, document, new.note, caller.name)
    row = await adopt_policy(session, caller.agency_id, policy, application)
    return JsonAnswer(_describe_policy(row) | {"policy": row.document}, 201)


@router.get("/clients/{client_id}/sla-policies", responses={200: {"model": SlaPoliciesOut}}, **needs("clients:read"))
async def list_sla_policies(
    client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """The versions of a client's policy, oldest first, without their documents; the last one is in force."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(SlaPolicyVersion).where(
        SlaPolicyVersion.agency_id == caller.agency_id, SlaPolicyVersion.client_id == client.id
    )
    return JsonAnswer(await page_by_id(session, query, SlaPolicyVersion, limit, after, _describe_policy))


@router.get(
    "/clients/{client_id}/sla-policies/{version}",
    responses={200: {"model": AppliedSlaPolicyOut}},
    **needs("clients:read"),
)
async def get_sla_policy(client_id: str, version: int, caller: Member, session: Tx) -> Response:
    """One version with its document, and how far open clocks have come to count by it."""
    client = await find_client(session, caller.agency_id, client_id)
    row = await find_policy(session, caller.agency_id, client.id, bound_version(version))
    retargets = await list_retargets(session, caller.agency_id, client.id, row.id)
    applied = [_describe_retarget(one) for one in retargets]
    return JsonAnswer(_describe_policy(row) | {"policy": row.document, "retargets": applied})


@router.get("/sla-classes", responses={200: {"model": SlaClassesOut}}, **needs("clients:read"))
async def list_sla_classes(request: Request) -> Response:
    """Promises that laws and codes make, to be named as `statutory` in a rule."""
    language = choose_language(request.headers.get("accept-language"))
    return JsonAnswer(
        {
            "data": [
                {
                    "code": one.code,
                    "title": one.title.render(language),
                    "decision": one.to_target(),
                    "fixed": one.fixed,
                    "sources": list(one.sources),
                }
                for one in STATUTORY.values()
            ]
        }
    )


async def _load_known(session: AsyncSession, agency_id: UUID, client_id: UUID) -> Known:
    sources = await session.scalars(
        select(Source.id).where(Source.agency_id == agency_id, Source.client_id == client_id)
    )
    queues = await session.scalars(select(Queue.code).where(Queue.agency_id == agency_id))
    return Known(frozenset(show_id("src", one) for one in sources), frozenset(queues))


def _describe_policy(row: SlaPolicyVersion) -> dict[str, Any]:
    return {
        "id": show_id("sla", row.id),
        "version": row.version,
        "note": row.note,
        "author": row.author,
        "created_at": row.created_at,
    }


def _describe_retarget(row: SlaRetarget) -> dict[str, Any]:
    return {
        "reason": row.reason,
        "open_since": row.since,
        "clocks": row.clocks,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }
