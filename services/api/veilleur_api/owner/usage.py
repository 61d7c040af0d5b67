"""Usage: sums by group, and the records that prove them; JSON or CSV."""

import csv
import io
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Query, Request
from sqlalchemy import func, select
from starlette.responses import Response

from veilleur.domain.metering.models import UsageRecord
from veilleur.domain.metering.queries import GROUP_COLUMNS, Billable, GroupKey, UsageFilter, list_usage, sum_usage
from veilleur.domain.metering.record import Meter
from veilleur.domain.tenancy.models import Agency
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import Prefix, show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.paging import PageRequest, cut_page, read_cursor
from veilleur_api.answers import JsonAnswer, show_decimal, show_json
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client
from veilleur_api.owner.documents import UsageOut
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "usage")

RECORD_COLUMNS = (
    "id", "meter", "quantity", "occurred_at", "day", "time_zone", "client", "source", "billable", "reason", "item",
    "decision", "member", "dims",
)  # fmt: skip

PREFIXES: dict[str, Prefix] = {"client": "cli", "source": "src", "member": "mem"}

First = Annotated[date | None, Query(alias="from", description="first local day; default: the 1st of this month")]
Past = Annotated[date | None, Query(alias="to", description="first local day no longer counted; default: tomorrow")]


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
    keys = _read_keys(group_by)
    wanted, zone = await _read_filter(session, caller, client, first, past, billable)
    rows = [_show_group(row) for row in await sum_usage(session, wanted, keys)]
    if _wants_csv(request):
        return _answer_csv([*keys, "quantity"], rows)
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
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """The proof: one row a fact, with the decision behind it."""
    if meter is not None:
        await _require_meter(session, caller, meter)
    wanted, _ = await _read_filter(session, caller, client, first, past, billable, meter)
    page_request = PageRequest(limit, read_cursor(after, parts=2) if after else None)
    cursor = _read_position(page_request.after) if page_request.after else None
    rows = await list_usage(session, wanted, limit=limit + 1, after=cursor)
    page = cut_page(rows, page_request, lambda row: [row.local_date.isoformat(), str(row.id)])
    shown = [_show_record(row) for row in page.data]
    if _wants_csv(request):
        answer = _answer_csv(RECORD_COLUMNS, shown)
        if page.next:
            answer.headers["link"] = f'<{request.url.include_query_params(after=page.next)}>; rel="next"'
        return answer
    return JsonAnswer({"data": shown, "next": page.next})


def _read_position(key: Sequence[str]) -> tuple[date, UUID]:
    """The day and id of the last record seen; a cursor that names none begins at the first."""
    try:
        return date.fromisoformat(key[0]), UUID(key[1])
    except ValueError:
        return date.min, UUID(int=0)


async def _require_meter(session: Tx, caller: Member, meter: str) -> None:
    """Meters are those that we count, and whatever else was ever recorded."""
    known = get_args(Meter)
    query = select(UsageRecord.id).where(UsageRecord.agency_id == caller.agency_id, UsageRecord.meter == meter)
    if meter not in known and (await session.execute(query.limit(1))).first() is None:
        hint = msg("allowed: {codes}", codes=sorted(known))
        error = InputError("/meter", msg("nothing is counted under this name"), hint)
        raise Invalid(msg("Some values can't be accepted"), errors=[error])


def _read_keys(group_by: str) -> list[GroupKey]:
    keys = [key.strip() for key in group_by.split(",") if key.strip()]
    unknown = [key for key in keys if key not in GROUP_COLUMNS]
    if unknown or not keys or len(set(keys)) < len(keys):
        hint = msg("allowed: {codes}", codes=sorted(GROUP_COLUMNS))
        raise Invalid(
            msg("Usage can't be grouped like this"),
            errors=[InputError("/group_by", msg("unknown or repeated group key"), hint)],
        )
    return keys  # type: ignore[return-value]  # each was found in GROUP_COLUMNS


async def _read_filter(  # noqa: PLR0917
    session: Tx,
    caller: Member,
    client: str | None,
    first: date | None,
    past: date | None,
    billable: Billable,
    meter: str | None = None,
) -> tuple[UsageFilter, str]:
    client_id: UUID | None = None
    if client is not None:
        found = await find_client(session, caller.agency_id, client)
        client_id, zone = found.id, found.time_zone
    else:
        zone = (await session.get_one(Agency, caller.agency_id)).time_zone
    present = (await session.execute(select(func.app_now()))).scalar_one()
    today = present.astimezone(ZoneInfo(zone)).date()
    wanted = UsageFilter(
        caller.agency_id,
        first or today.replace(day=1),
        past or today + timedelta(days=1),
        client_id,
        billable,
        meter,
    )
    return wanted, zone


def _show_group(row: dict[str, Any]) -> dict[str, Any]:
    shown = {
        key: show_id(PREFIXES[key], value) if key in PREFIXES and value is not None else value
        for key, value in row.items()
    }
    return shown | {"quantity": show_decimal(row["quantity"])}


def _show_record(row: UsageRecord) -> dict[str, Any]:
    def shown(prefix: Prefix, value: UUID | None) -> str | None:
        return show_id(prefix, value) if value is not None else None

    return {
        "id": shown("usg", row.id),
        "meter": row.meter,
        "quantity": show_decimal(row.quantity),
        "occurred_at": row.occurred_at,
        "day": row.local_date,
        "time_zone": row.time_zone,
        "client": shown("cli", row.client_id),
        "source": shown("src", row.source_id),
        "billable": row.billable,
        "reason": row.reason,
        "item": shown("itm", row.item_id),
        "decision": shown("dec", row.decision_id),
        "member": shown("mem", row.member_id),
        "dims": row.dims,
    }


def _wants_csv(request: Request) -> bool:
    return request.headers.get("accept", "").split(",")[0].strip().startswith("text/csv")


def _answer_csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> Response:
    target = io.StringIO()
    writer = csv.DictWriter(target, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _show_cell(value) for name, value in row.items()} for row in rows)
    return Response(target.getvalue(), media_type="text/csv; charset=utf-8")


def _show_cell(value: object) -> object:
    """Plain text; what a spreadsheet would run as a formula is disarmed."""
    if value is None or isinstance(value, bool | int):
        return value
    text = value if isinstance(value, str) else show_json(value).strip('"')
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text
