"""Usage: sums by group, and the records that prove them; JSON, CSV, or records as CloudEvents."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.metering.meters import FACT_METERS
from veilleur.domain.metering.models import UsageRecord
from veilleur.domain.metering.queries import Billable, UsageFilter, sum_usage
from veilleur.domain.tenancy.models import Agency
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client
from veilleur_api.owner.documents import UsageOut
from veilleur_api.principals import authorise_member
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

router = guarded_router("/owner/v1", authorise_member, "usage")


@router.get("/usage", responses={200: {"model": UsageOut}}, **needs("usage:read"))
async def get_usage(  # noqa: PLR0917 - query parameters
    caller: Member,
    session: Tx,
    request: Request,
    client: str | None = None,
    first: First = None,
    past: Past = None,
    group_by: Annotated[str, Query(max_length=100)] = "meter",
    billable: Billable = "yes",
) -> Response:
    """Sums of usage, `from` inclusive, `to` exclusive, in local days of the client (or of the agency)."""
    keys = read_group_keys(group_by)
    client_id, zone = await _read_client(session, caller, client)
    wanted = UsageFilter(
        caller.agency_id, *await choose_days(session, zone, first, past), client_id=client_id, billable=billable
    )
    rows = show_groups(await sum_usage(session, wanted, keys))
    if read_form(request) == "csv":
        return answer_csv([*keys, "quantity"], rows)
    return JsonAnswer({"data": rows, "from": wanted.first, "to": wanted.past, "time_zone": zone})


@router.get("/usage/records", **needs("usage:read"))
async def list_usage_records(  # noqa: PLR0917 - query parameters
    caller: Member,
    session: Tx,
    request: Request,
    client: str | None = None,
    first: First = None,
    past: Past = None,
    meter: Annotated[str | None, Query(max_length=64)] = None,
    billable: Billable = "all",
    statement_line: StatementLine = None,
    form: Annotated[Format, Query(alias="format")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """The proof: one row a fact, with the decision behind it; all of them, or those behind a line of a statement."""
    if meter is not None:
        await _require_meter(session, caller, meter)
    client_id, zone = await _read_client(session, caller, client)
    days = await choose_days(session, zone, first, past)
    wanted = UsageFilter(caller.agency_id, *days, client_id=client_id, billable=billable, meter=meter)
    wanted = await narrow_to_line(session, wanted, statement_line)
    return await answer_records(session, request, wanted, (limit, after, form))


async def _require_meter(session: Tx, caller: Member, meter: str) -> None:
    """Meters are those that we count, and whatever else was ever recorded."""
    query = select(UsageRecord.id).where(UsageRecord.agency_id == caller.agency_id, UsageRecord.meter == meter)
    if meter not in FACT_METERS and (await session.execute(query.limit(1))).first() is None:
        hint = msg("allowed: {codes}", codes=sorted(FACT_METERS))
        error = InputError("/meter", msg("nothing is counted under this name"), hint)
        raise Invalid(msg("Some values can't be accepted"), errors=[error])


async def _read_client(session: Tx, caller: Member, client: str | None) -> tuple[UUID | None, str]:
    if client is None:
        return None, (await session.get_one(Agency, caller.agency_id)).time_zone
    found = await find_client(session, caller.agency_id, client)
    return found.id, found.time_zone
