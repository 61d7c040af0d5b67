"""The life of a rule set: compared, tried on the past, run in shadow, published with a guard, rolled back, tuned."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.rules.publish import find_version
from veilleur.domain.tenancy.models import Client
from veilleur.domain.trials.advance import as_context
from veilleur.domain.trials.backtests import (
    Request as BacktestRequest,
)
from veilleur.domain.trials.backtests import cancel_backtest, find_backtest, start_backtest
from veilleur.domain.trials.differences import diff_rule_sets
from veilleur.domain.trials.labelled import read_labelled
from veilleur.domain.trials.models import Backtest
from veilleur.domain.trials.publish import Publication, approve_publication, request_publication
from veilleur.domain.trials.replay import Context
from veilleur.domain.trials.reports import describe_backtest, summarize_backtest
from veilleur.domain.trials.rollback import roll_back
from veilleur.domain.trials.shadow import start_shadow, stop_shadow
from veilleur.domain.trials.shadow_report import report_shadow
from veilleur.domain.trials.tune import read_judged, tune_param
from veilleur.domain.trials.tuning import Target
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import Language, choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import BULK_BODY, guarded_router, needs
from veilleur_api.owner.common import bound_version, find_client, page_by_id
from veilleur_api.owner.rule_sets import describe_version
from veilleur_api.owner.trial_documents import BacktestIn, RollbackIn, TuneIn
from veilleur_api.owner.work_answers import RuleSetVersionOut
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "rules")

RULE_SETS = "/clients/{client_id}/rule-sets"
VERSION = RULE_SETS + "/{version}"

WithVersion = Annotated[int | None, Query(alias="with")]


@router.get(f"{VERSION}/diff", **needs("rules:read"))
async def diff_rule_set(
    client_id: str, version: int, caller: Member, session: Tx, with_: WithVersion = None
) -> Response:
    """What this version changes against another one (`with`), by default the one in force: rules, lists, patterns."""
    client = await find_client(session, caller.agency_id, client_id)
    after = await find_version(session, client.agency_id, client.id, bound_version(version))
    before = await _find_other(session, client, with_)
    shown = diff_rule_sets({} if before is None else before.document, after.document)
    return JsonAnswer({"version": after.version, "with": None if before is None else before.version, **shown})


@router.post(f"{VERSION}/publish", responses={200: {"model": RuleSetVersionOut}}, **needs("rules:write"))
async def publish_rules(client_id: str, version: int, caller: Member, session: Tx, request: Request) -> Response:
    """Let this version screen from now on; its tests must pass.

    200: it does. 202: it would treat more of the recent traffic otherwise than one person may decide alone; an owner
    or lead who neither wrote it nor asked for it approves it.
    """
    client = await find_client(session, caller.agency_id, client_id)
    asked = await request_publication(session, client, bound_version(version), caller.name)
    language = choose_language(request.headers.get("accept-language"))
    return _show_publication(client, asked, language)


@router.post(f"{VERSION}/approve", responses={200: {"model": RuleSetVersionOut}}, **needs("rules:write"))
async def approve_rules(client_id: str, version: int, caller: Member, session: Tx) -> Response:
    """Publish a pending version as the second person."""
    client = await find_client(session, caller.agency_id, client_id)
    row = await approve_publication(session, client, bound_version(version), caller.name)
    return JsonAnswer(describe_version(row))


@router.post(f"{RULE_SETS}/rollback", responses={200: {"model": RuleSetVersionOut}}, **needs("rules:write"))
async def roll_back_rules(client_id: str, wanted: RollbackIn, caller: Member, session: Tx) -> Response:
    """The emergency exit: an earlier version in force at once, as a new version with the old document."""
    client = await find_client(session, caller.agency_id, client_id)
    row = await roll_back(session, client.agency_id, client.id, wanted.to, wanted.reason, caller.name)
    return JsonAnswer(describe_version(row))


@router.post(f"{VERSION}/shadow", responses={200: {"model": RuleSetVersionOut}}, **needs("rules:write"))
async def start_shadow_run(client_id: str, version: int, caller: Member, session: Tx) -> Response:
    """Ask this version about every item from now on, beside the one in force; it never acts."""
    client = await find_client(session, caller.agency_id, client_id)
    return JsonAnswer(describe_version(await start_shadow(session, client, bound_version(version), caller.name)))


@router.get(f"{VERSION}/shadow", **needs("rules:read"))
async def report_shadow_run(client_id: str, version: int, caller: Member, session: Tx) -> Response:
    """Fire rates, overlap with the rules in force, would-be actions, agreement with what people decided."""
    client = await find_client(session, caller.agency_id, client_id)
    row = await find_version(session, client.agency_id, client.id, bound_version(version))
    return JsonAnswer(await report_shadow(session, row))


@router.delete(f"{VERSION}/shadow", responses={200: {"model": RuleSetVersionOut}}, **needs("rules:write"))
async def stop_shadow_run(client_id: str, version: int, caller: Member, session: Tx) -> Response:
    """End it; the report stays."""
    client = await find_client(session, caller.agency_id, client_id)
    return JsonAnswer(describe_version(await stop_shadow(session, client, bound_version(version), caller.name)))


@router.post(f"{VERSION}/backtest", status_code=202, **needs("rules:write", body=BULK_BODY))
async def start_backtest_run(
    client_id: str, version: int, wanted: BacktestIn, caller: Member, session: Tx
) -> Response:  # fmt: skip
    """Try this version on what was screened before, or on labelled items; `Location` tells how far it is."""
    client = await find_client(session, caller.agency_id, client_id)
    labelled = () if wanted.labelled is None else read_labelled(wanted.labelled)
    request = BacktestRequest(wanted.items, wanted.from_, wanted.to, labelled)
    backtest = await start_backtest(session, client, bound_version(version), request, caller.name)
    path = f"{_path(client, backtest.version)}/backtests/{show_id('bkt', backtest.id)}"
    return JsonAnswer(summarize_backtest(backtest), 202, {"location": path})


@router.get(f"{VERSION}/backtests", **needs("rules:read"))
async def list_backtests(
    client_id: str, version: int, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """The backtests of a version, oldest first, without their findings."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(Backtest).where(
        Backtest.agency_id == client.agency_id, Backtest.client_id == client.id, Backtest.version == version
    )
    return JsonAnswer(await page_by_id(session, query, Backtest, limit, after, summarize_backtest))


@router.get(f"{VERSION}/backtests/{{backtest_id}}", **needs("rules:read"))
async def get_backtest(client_id: str, version: int, backtest_id: str, caller: Member, session: Tx) -> Response:
    """How far it is, and what it found so far."""
    client = await find_client(session, caller.agency_id, client_id)
    backtest = await find_backtest(session, client, bound_version(version), _read_backtest(backtest_id))
    return JsonAnswer(await describe_backtest(session, backtest, client.blast_limit_percent))


@router.post(f"{VERSION}/backtests/{{backtest_id}}/cancel", **needs("rules:write"))
async def cancel_backtest_run(client_id: str, version: int, backtest_id: str, caller: Member, session: Tx) -> Response:
    """Call it off; what was counted stays."""
    client = await find_client(session, caller.agency_id, client_id)
    backtest = await cancel_backtest(session, client, bound_version(version), _read_backtest(backtest_id))
    return JsonAnswer(summarize_backtest(backtest))


@router.post(f"{VERSION}/tune", **needs("rules:write", body=BULK_BODY))
async def tune_rules(client_id: str, version: int, wanted: TuneIn, caller: Member, session: Tx) -> Response:
    """Precision and recall over the values of a numeric parameter, and the value that reaches the target."""
    client = await find_client(session, caller.agency_id, client_id)
    row = await find_version(session, client.agency_id, client.id, bound_version(version))
    judged: list[tuple[Context, str]]
    if wanted.labelled is None:
        judged = await read_judged(session, client.agency_id, client.id)
    else:
        present = (await session.execute(select(func.app_now()))).scalar_one()
        labelled = read_labelled(wanted.labelled)
        judged = [(as_context(item, UUID(int=0), present), label) for item, label in labelled]
    target = Target(wanted.target.precision, wanted.target.recall)
    return JsonAnswer(await tune_param(session, row, wanted.param, judged, target))


def _show_publication(client: Client, asked: Publication, language: Language) -> Response:
    shown = describe_version(asked.version)
    if asked.blast is not None and not asked.pending:
        shown["blast"] = asked.blast.show(client.blast_limit_percent)
    if not asked.pending:
        return JsonAnswer(shown)
    path = f"{_path(client, asked.version.version)}/approve"
    why = msg(
        "It would treat more than {limit} % of the recent traffic otherwise: another owner or lead has to approve it",
        limit=client.blast_limit_percent,
    )
    return JsonAnswer(shown | {"detail": why.render(language), "approve": path}, 202, {"location": path})


async def _find_other(session: AsyncSession, client: Client, version: int | None) -> RuleSetVersion | None:
    if version is not None:
        return await find_version(session, client.agency_id, client.id, bound_version(version))
    query = select(RuleSetVersion).where(
        RuleSetVersion.agency_id == client.agency_id,
        RuleSetVersion.client_id == client.id,
        RuleSetVersion.state == "published",
    )
    return (await session.scalars(query)).one_or_none()


def _path(client: Client, version: int) -> str:
    return f"/owner/v1/clients/{show_id('cli', client.id)}/rule-sets/{version}"


def _read_backtest(shown: str) -> UUID:
    return read_id("bkt", shown)
