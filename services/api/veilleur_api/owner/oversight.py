"""What owners watch: promises kept and broken, what is about to be late and why, every client at a glance."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Query
from sqlalchemy import func, select
from starlette.responses import Response

from veilleur.domain.oversight.breaches import describe_breaches, list_breaches
from veilleur.domain.oversight.compliance import GROUP_KEYS, GroupKey, Stretch, count_compliance
from veilleur.domain.oversight.forecast import Late
from veilleur.domain.oversight.outlook import CASES, Outlook, describe_handling, load_outlook, mean_handling_s
from veilleur.domain.oversight.staffing import Load, heads_for_backlog
from veilleur.domain.oversight.summary import summarise_clients
from veilleur.domain.oversight.waive import waive_breach
from veilleur.domain.review.models import Case
from veilleur.domain.review.overview import Filter, describe_cases, list_cases, sort_key
from veilleur.domain.tenancy.models import Agency
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.paging import PageRequest, cut_page, read_cursor, read_moment
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client
from veilleur_api.owner.documents import Shape
from veilleur_api.principals import authorise_member
from veilleur_api.words import Reason

router = guarded_router("/owner/v1", authorise_member, "oversight")

First = Annotated[date | None, Query(alias="from", description="first local day; default: the 1st of this month")]
Past = Annotated[date | None, Query(alias="to", description="first local day no longer counted; default: tomorrow")]
ClientId = Annotated[str | None, Query(max_length=64)]
EARLIEST = date(2000, 1, 1)


class WaiveIn(Shape):
    reason: Reason


@router.get("/sla", **needs("sla:read"))
async def get_compliance(
    caller: Member,
    session: Tx,
    client: ClientId = None,
    first: First = None,
    past: Past = None,
    group_by: Annotated[str, Query(max_length=100)] = "client,metric,class,priority,day",
) -> Response:
    """Promises met and missed, `from` inclusive, `to` exclusive, in local days of the client (or of the agency)."""
    keys = _read_keys(group_by)
    client_id, zone = await _read_client(session, caller, client)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    today = present.astimezone(ZoneInfo(zone)).date()
    days = first or today.replace(day=1), past or today + timedelta(days=1)
    stretch = Stretch(_to_instant(days[0], zone), _to_instant(days[1], zone), zone, client_id)
    rows = await count_compliance(session, caller.agency_id, stretch, keys)
    shown = [row | {"client": show_id("cli", row["client"])} if "client" in row else row for row in rows]
    return JsonAnswer({"data": shown, "from": days[0], "to": days[1], "time_zone": zone})


@router.get("/sla/at-risk", **needs("sla:read"))
async def list_at_risk(
    caller: Member,
    session: Tx,
    client: ClientId = None,
    within_s: Annotated[int, Query(ge=0, le=604_800)] = 3_600,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Open cases that are late or due within `within_s` seconds, those due first, and what stands in their way."""
    client_id, _ = await _read_client(session, caller, client)
    outlook = await load_outlook(session, caller.agency_id, timedelta(seconds=within_s))
    wanted = Filter(client_id=client_id, due_before=outlook.until)
    moment = read_moment(read_cursor(after, parts=2)) if after else None
    found = await list_cases(session, caller.agency_id, wanted, limit, moment)
    page = cut_page(found, PageRequest(limit), lambda case: sort_key(case, wanted))
    late = {case.id: row for case, row in outlook.forecast()}
    rows = await describe_cases(session, caller.agency_id, page.data)
    for row, case in zip(rows, page.data, strict=True):
        row |= {
            "left_s": int((case.due_at - outlook.present).total_seconds()),
            "paused": outlook.pauses.get(case.item_id),
            "cause": late[case.id].cause if case.id in late else None,
            "expected_at": late[case.id].expected_at if case.id in late else None,
        }
    return JsonAnswer({"data": rows, "next": page.next})


@router.get("/sla/breaches", **needs("sla:read"))
async def list_sla_breaches(
    caller: Member, session: Tx, client: ClientId = None, limit: Limit = 50, after: After = None
) -> Response:
    """The ledger of broken promises, the last one first, each with all that happened to its clock."""
    client_id, _ = await _read_client(session, caller, client)
    moment = read_moment(read_cursor(after, parts=2)) if after else None
    clocks = await list_breaches(session, caller.agency_id, client_id, limit, moment)
    page = cut_page(clocks, PageRequest(limit), lambda clock: [str(clock.breached_at), str(clock.id)])
    return JsonAnswer({"data": await describe_breaches(session, caller.agency_id, page.data), "next": page.next})


@router.post("/sla/breaches/{breach_id}/waive", **needs("sla:write"))
async def waive_sla_breach(breach_id: str, new: WaiveIn, caller: Member, session: Tx) -> Response:
    """Count a broken promise no more; the reason is kept in the audit trail."""
    clock = await waive_breach(session, caller.agency_id, read_id("clk", breach_id), new.reason, caller.name)
    [shown] = await describe_breaches(session, caller.agency_id, [clock])
    return JsonAnswer(shown)


@router.get("/forecast", **needs("sla:read"))
async def get_forecast(
    caller: Member, session: Tx, client: ClientId = None, hours: Annotated[int, Query(ge=1, le=72)] = 8
) -> Response:
    """What will be late within so many hours at the present pace, and why; who would have to be there.

    Cases are laid into the hours of the people planned, those due first. Of an agency with more than 2,000 cases due
    by then, the first 2,000 are (`complete` false).
    """
    client_id, _ = await _read_client(session, caller, client)
    outlook = await load_outlook(session, caller.agency_id, timedelta(hours=hours))
    rows = [
        _describe_late(case, late, outlook)
        for case, late in outlook.forecast()
        if client_id in (None, case.client_id)
    ]  # fmt: skip
    return JsonAnswer(
        {
            "at": outlook.present,
            "until": outlook.until,
            "complete": len(outlook.cases) < CASES,
            "late": rows,
            "staffing": await _describe_staffing(session, caller, outlook, hours),
            "handling": [
                {"client": show_id("cli", one.client_id)} | describe_handling(one, outlook.queues)
                for one in outlook.handling
            ],
        }
    )


@router.get("/overview", **needs("sla:read"))
async def get_overview(caller: Member, session: Tx) -> Response:
    """Every client at a glance; what is at risk is forecast for the next 8 hours."""
    return JsonAnswer(await summarise_clients(session, caller.agency_id))


async def _describe_staffing(session: Tx, caller: Member, outlook: Outlook, hours: int) -> dict[str, Any]:
    """Heads by the backlog model: keep pace with what the last day brought, and work off what waits by then."""
    opened = select(func.count()).where(
        Case.agency_id == caller.agency_id, Case.opened_at > outlook.present - timedelta(days=1),
        Case.closed_at.is_(None) | (Case.closed_at > outlook.present - timedelta(days=1)),
    )  # fmt: skip
    arrivals = (await session.execute(opened)).scalar_one()
    handling_s = mean_handling_s(outlook.handling)
    load = Load(arrivals=arrivals, interval_s=86_400, handling_s=handling_s)
    return {
        "arrivals_per_hour": round(arrivals / 24, 2),
        "handling_s": handling_s,
        "backlog": len(outlook.cases),
        "needed": heads_for_backlog(load, backlog=len(outlook.cases), recover_s=hours * 3_600),
        "planned": len(outlook.hours),
    }


def _describe_late(case: Case, late: Late, outlook: Outlook) -> dict[str, Any]:
    return {
        "case": show_id("cas", case.id),
        "client": show_id("cli", case.client_id),
        "queue": outlook.queues[case.queue_id].code,
        "priority": case.priority,
        "state": case.state,
        "due_at": late.due_at,
        "expected_at": late.expected_at,
        "cause": late.cause,
    }


async def _read_client(session: Tx, caller: Member, client: str | None) -> tuple[UUID | None, str]:
    if client is None:
        return None, (await session.get_one(Agency, caller.agency_id)).time_zone
    found = await find_client(session, caller.agency_id, client)
    return found.id, found.time_zone


def _read_keys(group_by: str) -> list[GroupKey]:
    named = [key.strip() for key in group_by.split(",") if key.strip()]
    keys = [key for key in GROUP_KEYS if key in named]
    if not keys or len(keys) < len(named):
        hint = msg("allowed: {codes}", codes=GROUP_KEYS)
        errors = [InputError("/group_by", msg("unknown or repeated group key"), hint)]
        raise Invalid(msg("Compliance can't be grouped like this"), errors=errors)
    return keys


def _to_instant(day: date, zone: str) -> datetime:
    """When a local day begins; days before there was anything to count begin with the first."""
    return datetime.combine(max(day, EARLIEST), time(), ZoneInfo(zone)).astimezone(UTC)
