"""A client's configuration as one document, and whether the client is ready to go live."""

from typing import Annotated, Any

from fastapi import Body, Query, Request
from starlette.responses import Response

from veilleur.domain.onboarding.config_diff import diff_sections
from veilleur.domain.onboarding.configure import apply_config, config_version, prepare_config, read_config
from veilleur.domain.onboarding.readiness import check_readiness, is_ready
from veilleur.domain.onboarding.take_stock import take_stock
from veilleur.kernel.messages import choose_language
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Member, Tx
from veilleur_api.guard import BULK_BODY, guarded_router, needs
from veilleur_api.owner.common import find_client, require_match
from veilleur_api.owner.work_answers import ConfigChangeOut, ConfigOut, ReadinessOut
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "clients")

CONFIG_DEPTH = 64

DryRun = Annotated[bool, Query(description="only tell what would change; a read never changes anything")]


@router.get("/clients/{client_id}/config", responses={200: {"model": ConfigOut}}, **needs("clients:read"))
async def get_config(client_id: str, caller: Member, session: Tx, *, dry_run: DryRun = False) -> Response:  # noqa: ARG001 - see `DryRun`
    """Everything that is configured for a client but its secrets: put it back, or to another client."""
    document = await read_config(session, await find_client(session, caller.agency_id, client_id))
    return JsonAnswer(document, 200, {"etag": _etag(document)})


@router.put(
    "/clients/{client_id}/config",
    responses={200: {"model": ConfigChangeOut}},
    **needs("clients:write", body=BULK_BODY, depth=CONFIG_DEPTH),
)
async def put_config(
    client_id: str,
    wanted: Annotated[dict[str, Any], Body()],
    caller: Member,
    session: Tx,
    request: Request,
    *,
    dry_run: DryRun = False,
) -> Response:
    """Make the sections that are named those of the document, all or nothing; the answer is the difference.

    A section that is absent or null stays as it is: `docs/guide/configuration.md`.
    """
    client = await find_client(session, caller.agency_id, client_id)
    await session.refresh(client, with_for_update=True)
    before = await read_config(session, client)
    require_match(request, _etag(before))
    after = await prepare_config(session, client, before, wanted)
    if dry_run:
        return JsonAnswer({"dry_run": True, "diff": diff_sections(before, after)}, 200, {"etag": _etag(before)})
    diff = await apply_config(session, client, before, after, caller.name)
    return JsonAnswer({"dry_run": False, "diff": diff}, 200, {"etag": _etag(await read_config(session, client))})


@router.get("/clients/{client_id}/readiness", responses={200: {"model": ReadinessOut}}, **needs("clients:read"))
async def get_readiness(client_id: str, caller: Member, session: Tx, request: Request) -> Response:
    """What is missing before this client goes live; `ready` when nothing is, warnings aside."""
    client = await find_client(session, caller.agency_id, client_id)
    checks = check_readiness(await take_stock(session, client))
    language = choose_language(request.headers.get("accept-language"))
    shown = [
        {
            "code": check.code,
            "state": check.state,
            "detail": check.detail.render(language),
            "hint": check.hint.render(language) if check.hint else None,
        }
        for check in checks
    ]
    return JsonAnswer({"ready": is_ready(checks), "checks": shown})


def _etag(document: dict[str, Any]) -> str:
    return f'"{config_version(document)}"'
