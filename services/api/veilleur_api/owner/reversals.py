"""The bad rule at two in the morning: stop it, then take back what it did."""

from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.decisions.candidates import Wrong, rehearse_reversal
from veilleur.domain.decisions.models import ReversalJob
from veilleur.domain.decisions.reverse_many import (
    cancel_reversal,
    describe_reversal,
    find_reversal,
    start_reversal,
)
from veilleur.domain.screening.automation import describe_automation, set_automation
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import parse_id, read_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.endpoint_answers import read_since
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.owner.documents import AutomationIn, ReversalFilterIn, ReversalIn
from veilleur_api.owner.work_answers import AutomationOut
from veilleur_api.principals import MemberCaller, authorise_member

router = guarded_router("/owner/v1", authorise_member, "rules")

MOST_NAMED = 200

_RULES = text("""
SELECT DISTINCT rule ->> 'id' AS id FROM rule_sets, jsonb_array_elements(document -> 'rules') AS rule
WHERE agency_id = :agency_id AND client_id = :client_id ORDER BY 1
""")


@router.get("/clients/{client_id}/automation", responses={200: {"model": AutomationOut}}, **needs("rules:read"))
async def get_automation(client_id: str, caller: Member, session: Tx) -> Response:
    """What this client's rules may do by themselves, and who said so last."""
    return JsonAnswer(describe_automation(await find_client(session, caller.agency_id, client_id)))


@router.put("/clients/{client_id}/automation", responses={200: {"model": AutomationOut}}, **needs("rules:write"))
async def change_automation(client_id: str, wanted: AutomationIn, caller: Member, session: Tx) -> Response:
    """Stop a bad rule, or let rules decide again; it holds for everything that is screened from now on."""
    client = await find_client(session, caller.agency_id, client_id)
    await session.refresh(client, with_for_update=True)
    await set_automation(session, client, wanted.mode, wanted.reason, caller.name)
    return JsonAnswer(describe_automation(client))


@router.post(
    "/reversals",
    status_code=202,
    responses={200: {"description": "`dry_run`: what would be taken back; nothing is changed"}},
    **needs("rules:write"),
)
async def reverse_rules(wanted: ReversalIn, caller: Member, session: Tx) -> Response:
    """Take back what rules decided: dry run first, then a job. What a person has decided since is left alone."""
    wrong = await _read_filter(session, caller, wanted.filter)
    if wanted.dry_run:
        return JsonAnswer(await rehearse_reversal(session, caller.agency_id, wrong))
    job = await start_reversal(session, caller.agency_id, wrong, caller.member_id)
    shown = describe_reversal(job)
    return JsonAnswer(shown, 202, {"location": f"/owner/v1/reversals/{shown['id']}"})


@router.get("/reversals", **needs("rules:read"))
async def list_reversals(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """The jobs, oldest first."""
    query = select(ReversalJob).where(ReversalJob.agency_id == caller.agency_id)
    return JsonAnswer(await page_by_id(session, query, ReversalJob, limit, after, describe_reversal))


@router.get("/reversals/{reversal_id}", **needs("rules:read"))
async def get_reversal(reversal_id: str, caller: Member, session: Tx) -> Response:
    """How far a job is: what it took back, and what it left alone and why."""
    return JsonAnswer(describe_reversal(await find_reversal(session, caller.agency_id, read_id("rev", reversal_id))))


@router.post("/reversals/{reversal_id}/cancel", **needs("rules:write"))
async def stop_reversal(reversal_id: str, caller: Member, session: Tx) -> Response:
    """Stop a job; what it has taken back stays so."""
    job_id = read_id("rev", reversal_id)
    return JsonAnswer(describe_reversal(await cancel_reversal(session, caller.agency_id, job_id, caller.member_id)))


async def _read_filter(session: AsyncSession, caller: MemberCaller, wanted: ReversalFilterIn) -> Wrong:
    present = (await session.execute(select(func.app_now()))).scalar_one()
    client_id = parse_id("cli", wanted.client)
    errors = []
    if client_id is None or await session.get(Client, (caller.agency_id, client_id)) is None:
        errors.append(InputError("/filter/client", msg("there is no such client")))
    elif wanted.rules is not None:
        errors += await _find_unknown_rules(session, caller, client_id, wanted.rules)
    until = min(present if wanted.to is None else read_since(wanted.to), present)
    since = None if wanted.from_ is None else read_since(wanted.from_)
    if since is not None and since >= until:
        hint = msg("a time before the end, and not in the future")
        errors.append(InputError("/filter/from", msg("nothing lies in this span"), hint))
    if errors or client_id is None:
        raise Invalid(msg("What to take back can't be found like this"), errors=errors)
    rules = None if wanted.rules is None else tuple(wanted.rules)
    return Wrong(client_id, until, wanted.version, rules, since)


async def _find_unknown_rules(
    session: AsyncSession, caller: MemberCaller, client_id: UUID, rules: list[str]
) -> list[InputError]:
    """Rules that no version of this client's rule sets has ever had."""
    known = list(await session.scalars(_RULES, {"agency_id": caller.agency_id, "client_id": client_id}))
    hint = msg("allowed: {codes}", codes=known[:MOST_NAMED])
    return [
        InputError(f"/filter/rules/{place}", msg("there is no such rule"), hint)
        for place, rule in enumerate(rules)
        if rule not in known
    ]
