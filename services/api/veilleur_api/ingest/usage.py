"""The client's own proof: what was counted for it, record by record, and how promises were kept. No member is named."""

from datetime import UTC, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Query, Request
from starlette.responses import Response

from veilleur.domain.metering.queries import Billable, UsageFilter, sum_usage
from veilleur.domain.oversight.compliance import Stretch, count_compliance
from veilleur.domain.tenancy.models import Client as ClientRow
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Client, Limit, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.documents import UsageOut
from veilleur_api.principals import authorise_client
from veilleur_api.usage_answers import (
    First,
    Format,
    Past,
    StatementLine,
    answer_csv,
    answer_records,
    choose_days,
    narrow_to_line,
    read_form,
    read_group_keys,
    show_groups,
)

router = guarded_router("/ingest/v1", authorise_client, "usage")

GROUP_KEYS = ("meter", "source", "day")
NAMES_MEMBERS = frozenset({"member"})
FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC).date()


@router.get("/usage", responses={200: {"model": UsageOut}}, **needs("billing:read"))
async def get_own_usage(  # noqa: PLR0917 - query parameters
    caller: Client,
    session: Tx,
    request: Request,
    first: First = None,
    past: Past = None,
    group_by: Annotated[str, Query(max_length=100)] = "meter",
    billable: Billable = "yes",
) -> Response:
    """Sums of your usage, `from` inclusive, `to` exclusive, in your own days."""
    keys = read_group_keys(group_by, GROUP_KEYS)
    zone = await _read_zone(session, caller)
    days = await choose_days(session, zone, first, past)
    wanted = UsageFilter(caller.agency_id, *days, client_id=caller.client_id, billable=billable)
    rows = show_groups(await sum_usage(session, wanted, keys))
    if read_form(request) == "csv":
        return answer_csv([*keys, "quantity"], rows)
    return JsonAnswer({"data": rows, "from": wanted.first, "to": wanted.past, "time_zone": zone})


@router.get("/usage/records", **needs("billing:read"))
async def list_own_usage_records(  # noqa: PLR0917 - query parameters
    caller: Client,
    session: Tx,
    request: Request,
    first: First = None,
    past: Past = None,
    meter: Annotated[str | None, Query(max_length=64)] = None,
    billable: Billable = "all",
    statement_line: StatementLine = None,
    form: Annotated[Format, Query(alias="format")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """One row a fact, with the item and the decision behind it; all of them, or those behind a line of a bill."""
    days = await choose_days(session, await _read_zone(session, caller), first, past)
    wanted = UsageFilter(caller.agency_id, *days, client_id=caller.client_id, billable=billable, meter=meter)
    wanted = await narrow_to_line(session, wanted, statement_line)
    return await answer_records(session, request, wanted, (limit, after, form), NAMES_MEMBERS)


@router.get("/sla", **needs("billing:read"))
async def get_own_compliance(caller: Client, session: Tx, first: First = None, past: Past = None) -> Response:
    """Promises met and missed, by what was promised, class and day."""
    zone = await _read_zone(session, caller)
    days = await choose_days(session, zone, first, past)
    instants = [datetime.combine(max(day, FIRST_DAY), time(), ZoneInfo(zone)).astimezone(UTC) for day in days]
    stretch = Stretch(instants[0], instants[1], zone, caller.client_id)
    rows = await count_compliance(session, caller.agency_id, stretch, ("metric", "class", "day"))
    return JsonAnswer({"data": rows, "from": days[0], "to": days[1], "time_zone": zone})


async def _read_zone(session: Tx, caller: Client) -> str:
    return (await session.get_one(ClientRow, (caller.agency_id, caller.client_id))).time_zone
