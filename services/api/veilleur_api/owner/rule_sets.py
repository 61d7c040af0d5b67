"""Rule sets: check, preview, save, list."""

import asyncio
from typing import Any

from fastapi import Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.intake.envelope import read_item
from veilleur.domain.rules.catalogue_view import Catalogue
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.rules.findings import Finding
from veilleur.domain.rules.lists import SharedLists
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.rules.preview import preview_rule_set
from veilleur.domain.rules.publish import find_version
from veilleur.domain.screening.authoring import find_shared_lists, load_rule_catalogue, save_rule_set
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import parse_id
from veilleur.kernel.messages import Language, choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, PartsOf, Tx
from veilleur_api.guard import BULK_BODY, guarded_router, needs
from veilleur_api.owner.common import bound_version, find_client, page_by_id
from veilleur_api.owner.documents import RuleCheckIn, RulePreviewIn, RuleSetIn
from veilleur_api.owner.work_answers import (
    NewRuleSetOut,
    RuleCheckOut,
    RulePreviewOut,
    RuleSetVersionsOut,
    WholeRuleSetOut,
)
from veilleur_api.principals import MemberCaller, authorise_member

router = guarded_router("/owner/v1", authorise_member, "rules")

RULES_DEPTH = 50
"""A rule's conditions may nest 16 deep, which takes about 40 levels of JSON."""


@router.post(
    "/rule-sets/check",
    responses={200: {"model": RuleCheckOut}},
    **needs("rules:read", body=BULK_BODY, depth=RULES_DEPTH),
)
async def check_rules(wanted: RuleCheckIn, caller: Member, parts: PartsOf, request: Request) -> Response:
    """Every mistake of a rule set at once, with path, line, column and hint; nothing is kept."""
    async with parts.database.transaction(caller.scope) as session:
        catalogue, shared = await _find_surroundings(session, caller, wanted)
    async with parts.trials:
        checked = await asyncio.to_thread(check_rule_set, wanted.rule_set, catalogue, shared)
    language = choose_language(request.headers.get("accept-language"))
    return JsonAnswer(
        {
            "valid": not checked.errors,
            "digest": checked.digest,
            "errors": [show_finding(finding, language) for finding in checked.errors],
            "warnings": [show_finding(finding, language) for finding in checked.warnings],
        }
    )


@router.post(
    "/rule-sets/preview",
    responses={200: {"model": RulePreviewOut}},
    **needs("rules:read", body=BULK_BODY, depth=RULES_DEPTH),
)
async def preview_rules(wanted: RulePreviewIn, caller: Member, parts: PartsOf) -> Response:
    """What a rule set would do with these items; nothing is kept."""
    async with parts.database.transaction(caller.scope) as session:
        catalogue, shared = await _find_surroundings(session, caller, wanted)
        present = (await session.execute(select(func.app_now()))).scalar_one()
    _check_items(wanted.items)
    async with parts.trials:
        results = await asyncio.to_thread(preview_rule_set, wanted.rule_set, wanted.items, catalogue, present, shared)
    return JsonAnswer({"results": results})


@router.post(
    "/clients/{client_id}/rule-sets",
    status_code=201,
    responses={201: {"model": NewRuleSetOut}},
    **needs("rules:write", body=BULK_BODY, depth=RULES_DEPTH),
)
async def create_rule_set(client_id: str, new: RuleSetIn, caller: Member, session: Tx, request: Request) -> Response:
    """Keep a rule set as the client's next version, a draft."""
    client = await find_client(session, caller.agency_id, client_id)
    saved = await save_rule_set(session, caller.agency_id, client.id, new.rule_set, new.note, caller.name)
    language = choose_language(request.headers.get("accept-language"))
    warnings = [show_finding(finding, language) for finding in saved.findings]
    return JsonAnswer(describe_version(saved.version) | {"warnings": warnings}, 201)


@router.get("/clients/{client_id}/rule-sets", responses={200: {"model": RuleSetVersionsOut}}, **needs("rules:read"))
async def list_rule_sets(
    client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """The versions of a client's rule set, oldest first, without their documents."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(RuleSetVersion).where(
        RuleSetVersion.agency_id == caller.agency_id, RuleSetVersion.client_id == client.id
    )
    return JsonAnswer(await page_by_id(session, query, RuleSetVersion, limit, after, describe_version))


@router.get(
    "/clients/{client_id}/rule-sets/{version}", responses={200: {"model": WholeRuleSetOut}}, **needs("rules:read")
)
async def get_rule_set(client_id: str, version: int, caller: Member, session: Tx) -> Response:
    """One version with its document."""
    client = await find_client(session, caller.agency_id, client_id)
    row = await find_version(session, caller.agency_id, client.id, bound_version(version))
    return JsonAnswer(describe_version(row) | {"rule_set": row.document})


def describe_version(row: RuleSetVersion) -> dict[str, Any]:
    return {
        "version": row.version,
        "digest": row.digest,
        "state": row.state,
        "note": row.note,
        "author": row.author,
        "created_at": row.created_at,
        "restores": row.restores,
        "requested_by": row.requested_by,
        "requested_at": row.requested_at,
        "blast": row.blast,
        "published_by": row.published_by,
        "approved_by": row.approved_by,
        "published_at": row.published_at,
        "retired_at": row.retired_at,
        "shadow_since": row.shadow_since,
        "shadow_until": row.shadow_until,
    }


def show_finding(finding: Finding, language: Language) -> dict[str, Any]:
    return {
        "path": finding.path,
        "pointer": finding.pointer,
        "line": finding.line,
        "column": finding.column,
        "detail": finding.message.render(language),
        "hint": finding.hint.render(language) if finding.hint else None,
        "slug": finding.slug,
    }


async def _find_surroundings(
    session: AsyncSession, caller: MemberCaller, wanted: RuleCheckIn
) -> tuple[Catalogue | None, SharedLists]:
    """What a rule set may name: of the client where one is given, else the agency's lists alone."""
    if wanted.client is None:
        return None, await find_shared_lists(session, caller.agency_id, None, wanted.rule_set)
    if parse_id("cli", wanted.client) is None:
        raise Invalid(msg("The client is unknown"), errors=[InputError("/client", msg("there is no such client"))])
    found = await find_client(session, caller.agency_id, wanted.client)
    catalogue = await load_rule_catalogue(session, caller.agency_id, found.id)
    return catalogue, await find_shared_lists(session, caller.agency_id, found.id, wanted.rule_set)


def _check_items(items: list[dict[str, Any]]) -> None:
    errors: list[InputError] = []
    for position, item in enumerate(items):
        try:
            read_item(item, f"/items/{position}")
        except Invalid as invalid:
            errors.extend(invalid.errors)
    if errors:
        raise Invalid(msg("Some items have mistakes"), errors=errors)
