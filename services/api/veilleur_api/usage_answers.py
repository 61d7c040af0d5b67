"""Usage as owners and clients see it: sums, records, and the forms they are written in."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Query, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.invoicing.drill import find_behind
from veilleur.domain.invoicing.line_ids import read_line_id
from veilleur.domain.metering.models import UsageRecord
from veilleur.domain.metering.queries import GROUP_COLUMNS, GroupKey, UsageFilter, list_usage
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import Prefix, show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.paging import PageRequest, cut_page, read_cursor
from veilleur_api.answers import JsonAnswer, show_decimal, show_json

First = Annotated[date | None, Query(alias="from", description="first local day; default: the 1st of this month")]
Past = Annotated[date | None, Query(alias="to", description="first local day no longer counted; default: tomorrow")]
Format = Annotated[
    Literal["json", "csv", "ndjson"] | None,
    Query(description="`ndjson`: one CloudEvent a line; default: what `Accept` prefers"),
]
StatementLine = Annotated[
    str | None, Query(max_length=300, description="the id of a line of a statement: only the records behind it")
]

RECORD_COLUMNS = (
    "id", "meter", "quantity", "occurred_at", "day", "time_zone", "client", "source", "billable", "reason", "item",
    "decision", "member", "corrects", "dims",
)  # fmt: skip
PREFIXES: dict[str, Prefix] = {"client": "cli", "source": "src", "member": "mem"}
NDJSON = "application/x-ndjson"


def read_group_keys(group_by: str, allowed: Sequence[str] = tuple(GROUP_COLUMNS)) -> list[GroupKey]:
    keys = [key.strip() for key in group_by.split(",") if key.strip()]
    unknown = [key for key in keys if key not in allowed]
    if unknown or not keys or len(set(keys)) < len(keys):
        hint = msg("allowed: {codes}", codes=sorted(allowed))
        raise Invalid(
            msg("Usage can't be grouped like this"),
            errors=[InputError("/group_by", msg("unknown or repeated group key"), hint)],
        )
    return keys  # type: ignore[return-value]  # each was found in GROUP_COLUMNS


async def choose_days(session: AsyncSession, zone: str, first: date | None, past: date | None) -> tuple[date, date]:
    """From the first of this month up to and with today, unless said otherwise."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    today = present.astimezone(ZoneInfo(zone)).date()
    return first or today.replace(day=1), past or today + timedelta(days=1)


async def narrow_to_line(session: AsyncSession, wanted: UsageFilter, shown: str | None) -> UsageFilter:
    """The records behind a line of a statement; `NotFound` where it is somebody else's."""
    if shown is None:
        return wanted
    line = read_line_id(shown)
    if line is None:
        raise Invalid(
            msg("Some values can't be accepted"),
            errors=[InputError("/statement_line", msg("is not the id of a line of a statement"))],
        )
    behind = await find_behind(session, wanted.agency_id, line)
    if wanted.client_id not in (None, behind.client_id):
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return replace(
        wanted, client_id=behind.client_id, first=behind.first, past=behind.past, conditions=behind.conditions
    )


def show_groups(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [_show_group(row) for row in rows]


async def answer_records(
    session: AsyncSession,
    request: Request,
    wanted: UsageFilter,
    page: tuple[int, str | None, str | None],
    hidden: frozenset[str] = frozenset(),
) -> Response:
    """A page of records, in the form wanted; `page` is limit, cursor and format, `hidden` columns are left out."""
    limit, after, form = page
    page_request = PageRequest(limit, read_cursor(after, parts=2) if after else None)
    cursor = _read_position(page_request.after) if page_request.after else None
    rows = await list_usage(session, wanted, limit=limit + 1, after=cursor)
    found = cut_page(rows, page_request, lambda row: [row.local_date.isoformat(), str(row.id)])
    shown = [{name: value for name, value in _show_record(row).items() if name not in hidden} for row in found.data]
    form = form or read_form(request)
    if form == "json":
        return JsonAnswer({"data": shown, "next": found.next})
    columns = [name for name in RECORD_COLUMNS if name not in hidden]
    answer = answer_csv(columns, shown) if form == "csv" else _answer_events(shown)
    if found.next:
        # Relative to the request (RFC 8288, 3.1): what a caller wrote into `Host` is nobody's address.
        again = request.url.include_query_params(after=found.next)
        answer.headers["link"] = f'<{again.path}?{again.query}>; rel="next"'
    return answer


def read_form(request: Request) -> str:
    first = request.headers.get("accept", "").split(",")[0].strip()
    return "csv" if first.startswith("text/csv") else "ndjson" if first.startswith(NDJSON) else "json"


def answer_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Response:
    target = io.StringIO()
    writer = csv.DictWriter(target, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _show_cell(value) for name, value in row.items()} for row in rows)
    return Response(target.getvalue(), media_type="text/csv; charset=utf-8")


def _answer_events(rows: Sequence[Mapping[str, Any]]) -> Response:
    """CloudEvents 1.0, one a line; the id is that of the record, so that whoever reads twice can tell."""
    lines = [show_json(_to_event(row)) + "\n" for row in rows]
    return Response("".join(lines), media_type=NDJSON)


def _to_event(row: Mapping[str, Any]) -> dict[str, Any]:
    """Whole quantities are numbers: other services take nothing else."""
    quantity = row["quantity"]
    data = {name: value for name, value in row.items() if name not in ("id", "meter", "occurred_at", "client")}
    return {
        "specversion": "1.0",
        "id": row["id"],
        "source": "urn:veilleur:usage",
        "type": row["meter"],
        "subject": row["client"],
        "time": to_rfc3339(row["occurred_at"]),
        "datacontenttype": "application/json",
        "data": data | {"quantity": int(quantity) if "." not in quantity else quantity},
    }


def _read_position(key: Sequence[str]) -> tuple[date, UUID]:
    """The day and id of the last record seen; a cursor that names none begins at the first."""
    try:
        return date.fromisoformat(key[0]), UUID(key[1])
    except ValueError:
        return date.min, UUID(int=0)


def _show_group(row: Mapping[str, Any]) -> dict[str, Any]:
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
        "corrects": shown("usg", row.corrects_id),
        "dims": row.dims,
    }


def _show_cell(value: object) -> object:
    """Plain text; what a spreadsheet would run as a formula is disarmed."""
    if value is None or isinstance(value, bool | int):
        return value
    text = value if isinstance(value, str) else show_json(value).strip('"')
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text
