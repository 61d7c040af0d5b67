"""A client's policies and actions."""

from typing import Literal

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.catalogue.check import check_default_actions
from veilleur.domain.catalogue.documents import CatalogueActionIn, PolicyChangeIn, PolicyIn
from veilleur.domain.catalogue.models import Action, Policy
from veilleur.domain.catalogue.queries import load_catalogue
from veilleur.domain.catalogue.shape import describe_action, describe_policy
from veilleur.domain.onboarding.announce_changes import CatalogueChange, announce_changes
from veilleur.domain.onboarding.change_policies import change_policy, retire_policy
from veilleur.kernel.errors import Conflict, Invalid
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.answer_documents import CatalogueActionOut, CatalogueActionsOut, PoliciesOut, PolicyOut
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.principals import MemberCaller, authorise_member

router = guarded_router("/owner/v1", authorise_member, "catalogue")


@router.post(
    "/clients/{client_id}/policies", status_code=201, responses={201: {"model": PolicyOut}}, **needs("catalogue:write")
)
async def create_policy(client_id: str, new: PolicyIn, caller: Member, session: Tx) -> Response:
    """Add a policy that content may break."""
    client = await find_client(session, caller.agency_id, client_id)
    catalogue = await load_catalogue(session, caller.agency_id, client.id)
    errors = check_default_actions(new.default_actions, catalogue.actions, "/default_actions")
    if errors:
        raise Invalid(msg("Some values can't be accepted"), errors=errors)
    policy = Policy(agency_id=caller.agency_id, id=new_id(), client_id=client.id, **new.model_dump())
    await _add(session, caller, policy, new.code)
    return JsonAnswer(describe_policy(policy), 201)


@router.get("/clients/{client_id}/policies", responses={200: {"model": PoliciesOut}}, **needs("clients:read"))
async def list_policies(
    client_id: str, caller: Member, session: Tx, limit: Limit = 200, after: After = None
) -> Response:
    """The client's policies."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(Policy).where(Policy.agency_id == caller.agency_id, Policy.client_id == client.id)
    return JsonAnswer(await page_by_id(session, query, Policy, limit, after, describe_policy))


@router.patch(
    "/clients/{client_id}/policies/{policy_code}", responses={200: {"model": PolicyOut}}, **needs("catalogue:write")
)
async def change_client_policy(
    client_id: str, policy_code: str, changes: PolicyChangeIn, caller: Member, session: Tx
) -> Response:
    """Change what is named of a policy. Decisions keep its code."""
    client = await find_client(session, caller.agency_id, client_id)
    named = changes.model_dump(exclude_unset=True)
    return JsonAnswer(await change_policy(session, client, policy_code, named, caller.name))


@router.delete("/clients/{client_id}/policies/{policy_code}", status_code=204, **needs("catalogue:write"))
async def retire_client_policy(client_id: str, policy_code: str, caller: Member, session: Tx) -> Response:
    """Take a policy out of the catalogue. Decisions keep its code; refused while the rules name it."""
    client = await find_client(session, caller.agency_id, client_id)
    await retire_policy(session, client, policy_code, caller.name)
    return Response(status_code=204)


@router.post(
    "/clients/{client_id}/actions",
    status_code=201,
    responses={201: {"model": CatalogueActionOut}},
    **needs("catalogue:write"),
)
async def create_action(client_id: str, new: CatalogueActionIn, caller: Member, session: Tx) -> Response:
    """Add something the client's platform can do."""
    client = await find_client(session, caller.agency_id, client_id)
    action = Action(agency_id=caller.agency_id, id=new_id(), client_id=client.id, **new.model_dump())
    await _add(session, caller, action, new.code)
    return JsonAnswer(describe_action(action), 201)


@router.get("/clients/{client_id}/actions", responses={200: {"model": CatalogueActionsOut}}, **needs("clients:read"))
async def list_actions(
    client_id: str, caller: Member, session: Tx, limit: Limit = 200, after: After = None
) -> Response:
    """The client's actions."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(Action).where(Action.agency_id == caller.agency_id, Action.client_id == client.id)
    return JsonAnswer(await page_by_id(session, query, Action, limit, after, describe_action))


async def _add(session: AsyncSession, caller: MemberCaller, row: Policy | Action, code: str) -> None:
    try:
        async with session.begin_nested():
            session.add(row)
            await session.flush()
    except IntegrityError:
        raise Conflict(msg("The code {code} is taken", code=code), slug="code-taken") from None
    deed = Deed(caller.name, "catalogue.changed", show_id("cli", row.client_id), row.client_id, {"code": code})
    await record_deeds(session, caller.agency_id, [deed])
    kind: Literal["policy", "action"] = "policy" if isinstance(row, Policy) else "action"
    await announce_changes(session, caller.agency_id, row.client_id, [CatalogueChange(kind, code, "added")])
