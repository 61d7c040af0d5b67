"""What the agency's own usage says: how many verdicts rules and moderators gave since the demo began."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import httpx

from veilleur.dev.demo_http import DemoError, call_patiently, describe_refusal
from veilleur.dev.demo_tally import Tally


@dataclass(frozen=True, slots=True)
class UsageMeter:
    """`before` holds the quantities by meter at the start, `query` the days asked for and how.

    The days are fixed for a run: a difference over a moving window means nothing.
    """

    api: httpx.AsyncClient
    headers: Mapping[str, str]
    query: Mapping[str, str]
    before: Mapping[str, int]


async def open_meter(api: httpx.AsyncClient, owner_token: str, today: date) -> UsageMeter:
    """Reads the quantities before the first item is sent; patient as `call_patiently`."""
    # Wide enough that neither midnight nor the agency's time zone moves a fact of this run out of it.
    since, until = today - timedelta(days=1), today + timedelta(days=3)
    query = {"group_by": "meter", "from": since.isoformat(), "to": until.isoformat()}
    headers = {"authorization": f"Bearer {owner_token}"}
    response = await call_patiently(lambda: api.get("/owner/v1/usage", params=query, headers=headers))
    return UsageMeter(api, headers, query, _read_quantities(response))


async def read_meter(meter: UsageMeter, tally: Tally) -> None:
    """Writes what was decided since the start into the tally; leaves it as it is while the API is away."""
    try:
        response = await meter.api.get("/owner/v1/usage", params=meter.query, headers=meter.headers)
    except httpx.TransportError:
        return
    if response.is_server_error or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return
    count_decisions(tally, meter.before, _read_quantities(response))


def count_decisions(tally: Tally, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """The difference of two readings, for example `{"decision.auto": 64, "decision.human": 12}`."""
    tally.auto_decided = after.get("decision.auto", 0) - before.get("decision.auto", 0)
    tally.human_decided = after.get("decision.human", 0) - before.get("decision.human", 0)


def _read_quantities(response: httpx.Response) -> dict[str, int]:
    if response.status_code != httpx.codes.OK:
        raise DemoError(f"The owner can't read the usage: {describe_refusal(response)}.")
    return {row["meter"]: int(row["quantity"]) for row in response.json()["data"]}
