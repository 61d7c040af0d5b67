"""Routing rules: which queue a case goes to, tried before it counts."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import func, select
from starlette.responses import Response

from veilleur.domain.review.models import RoutingRule
from veilleur.domain.review.needs import find_fit, primary_language
from veilleur.domain.review.piles import load_queues
from veilleur.domain.review.plan import (
    MAX_ROUTES,
    NewRoute,
    add_route,
    list_routes,
    load_plan,
    lock_routes,
    replace_routes,
)
from veilleur.domain.review.routing import Destination, Facts, Plan, Route, choose_destination
from veilleur.domain.review.staff import load_staff
from veilleur.domain.sla.policy import CaseFacts, Target, choose_promise
from veilleur.domain.sla.terms import estimate_due, load_terms
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import Conflict, InputError, Invalid
from veilleur.kernel.ids import new_id, parse_id, show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import canonical_digest
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client, require_match
from veilleur_api.owner.work_documents import RoutingPreviewIn, RoutingRuleIn, RoutingRulesIn
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "routing")


@router.get("/routing-rules", **needs("clients:read"))
async def list_routing_rules(caller: Member, session: Tx) -> Response:
    """All rules in the order in which they are asked; the ETag is what `If-Match` of a change refers to."""
    shown = await _show_rules(session, caller)
    return JsonAnswer({"data": shown, "next": None}, 200, {"etag": _etag(shown)})


@router.post("/routing-rules", status_code=201, **needs("queues:write"))
async def create_routing_rule(new: RoutingRuleIn, caller: Member, session: Tx) -> Response:
    """Put a rule behind all others."""
    [route] = await _read_rules(session, caller, [new], "")
    row = await add_route(session, caller.agency_id, route, caller.name)
    count = select(func.count()).select_from(RoutingRule).where(RoutingRule.agency_id == caller.agency_id)
    if (await session.execute(count)).scalar_one() > MAX_ROUTES:
        raise Conflict(msg("There are {count} routing rules already", count=MAX_ROUTES))
    return JsonAnswer(_describe_rule(row, {row.queue_id: new.queue}), 201)


@router.put("/routing-rules", **needs("queues:write"))
async def replace_routing_rules(wanted: RoutingRulesIn, caller: Member, session: Tx, request: Request) -> Response:
    """These rules, in this order, and no others. Cases that wait already stay where they are."""
    await lock_routes(session, caller.agency_id)
    require_match(request, _etag(await _show_rules(session, caller)))
    routes = await _read_rules(session, caller, wanted.rules, "/rules")
    await replace_routes(session, caller.agency_id, routes, caller.name)
    shown = await _show_rules(session, caller)
    return JsonAnswer({"data": shown, "next": None}, 200, {"etag": _etag(shown)})


@router.post("/routing-rules/preview", **needs("clients:read"))
async def preview_routing(preview: RoutingPreviewIn, caller: Member, session: Tx) -> Response:
    """Where such a case would go now, when it would be due, and who could decide it."""
    client = await find_client(session, caller.agency_id, preview.client)
    plan = await load_plan(session, caller.agency_id)
    if preview.rules is not None:
        plan = Plan(plan.queues, await _try_rules(session, caller, preview.rules))
    facts = Facts(
        client.id, preview.kind, preview.language, frozenset(preview.policies), preview.priority, preview.tier
    )
    destination = choose_destination(facts, plan, client.queue_id, named=preview.queue, skills=preview.skills)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    terms = (await load_terms(session, caller.agency_id, [client.id]))[client.id]
    promised = CaseFacts(
        priority=preview.priority, queue=destination.queue.code, kind=preview.kind, language=preview.language or "und"
    )
    promise = choose_promise(terms.policy, promised)
    return JsonAnswer(
        {
            "queue": destination.queue.code,
            "rule": destination.route.name if destination.route else None,
            "needs": {"language": destination.needs.language, "skills": sorted(destination.needs.skills)},
            "due_at": estimate_due(terms, promised, present),
            "target": _describe_target(promise.target) if promise else None,
            "eligible": await _list_eligible(session, client, destination, present),
        }
    )


def _describe_target(target: Target) -> dict[str, Any]:
    return {"class": target.target_class, "seconds": target.seconds}


async def _list_eligible(session: Tx, client: Client, destination: Destination, present: Any) -> list[dict[str, Any]]:
    shown = []
    for person in await load_staff(session, client.agency_id):
        fit = find_fit(person.able, client.id, destination.queue, destination.needs)
        if fit is not None:
            on_duty = person.is_on_duty(present)
            shown.append({"id": show_id("mem", person.id), "name": person.name, "fit": fit, "on_duty": on_duty})
    return shown


async def _show_rules(session: Tx, caller: Member) -> list[dict[str, Any]]:
    codes = {queue.id: queue.code for queue in (await load_queues(session, caller.agency_id)).values()}
    return [_describe_rule(row, codes) for row in await list_routes(session, caller.agency_id)]


def _describe_rule(row: RoutingRule, codes: Mapping[UUID, str]) -> dict[str, Any]:
    when = {
        name: [show_id("cli", UUID(value)) for value in values] if name == "client" else values
        for name, values in row.conditions.items()
    }
    return {"name": row.name, "when": when, "queue": codes[row.queue_id], "skills": row.skills}


def _etag(shown: Sequence[dict[str, Any]]) -> str:
    return f'"{canonical_digest({"rules": list(shown)}).hex()[:16]}"'


async def _try_rules(session: Tx, caller: Member, rules: Sequence[RoutingRuleIn]) -> list[Route]:
    return [
        Route(
            new_id(),
            new.name,
            new.queue_id,
            {
                name: frozenset(UUID(str(value)) if name == "client" else value for value in values)
                for name, values in new.conditions.items()
            },
            frozenset(new.skills),
        )
        for new in await _read_rules(session, caller, rules, "/rules")
    ]


async def _read_rules(session: Tx, caller: Member, rules: Sequence[RoutingRuleIn], pointer: str) -> list[NewRoute]:
    """The rules with queues and clients found; every one that is not there is told."""
    queues = {queue.code: queue.id for queue in (await load_queues(session, caller.agency_id)).values()}
    wanted = {parse_id("cli", shown) for rule in rules for shown in rule.when.client or ()} - {None}
    known = set(
        await session.scalars(select(Client.id).where(Client.agency_id == caller.agency_id, Client.id.in_(wanted)))
    )
    errors: list[InputError] = []
    read: list[NewRoute] = []
    for position, rule in enumerate(rules):
        at = f"{pointer}/{position}" if pointer else ""
        conditions = rule.when.model_dump(exclude_none=True)
        if rule.queue not in queues:
            hint = msg("one of {allowed}", allowed=sorted(queues))
            errors.append(InputError(f"{at}/queue", msg("there is no such queue"), hint))
        for place, shown in enumerate(rule.when.client or ()):
            client_id = parse_id("cli", shown)
            if client_id not in known:
                errors.append(InputError(f"{at}/when/client/{place}", msg("there is no such client")))
            else:
                conditions["client"][place] = str(client_id)
        if "language" in conditions:
            conditions["language"] = [primary_language(tag) or tag.lower() for tag in conditions["language"]]
        read.append(NewRoute(rule.name, queues.get(rule.queue, caller.agency_id), conditions, tuple(rule.skills)))
    if errors:
        raise Invalid(msg("The routing rules can't be kept like this"), errors=errors)
    return read
