"""Times that a calendar has and the database, or a time zone, has not: refused or understood, never a fault."""

import base64
import json
from urllib.parse import quote

import pytest

from tests.support.desk import open_desk
from tests.support.people import Json, unique
from tests.support.world import World

EDGES = [
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00-14:00",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59+14:00",
]
NOBODY = "00000000-0000-7000-8000-000000000000"


def write_cursor(*key: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


@pytest.mark.parametrize("edge", EDGES)
async def test_no_time_is_a_fault(world: World, edge: str):
    desk = await open_desk(world)
    owner, moderator, client = desk.agency.owner, desk.moderator, desk.client
    held = await desk.take_one(author={"external_id": "u"})
    hook = (await client.add_endpoint("http://127.0.0.1:9/hook"))["id"]
    day, cursor = edge[:10], write_cursor(edge, NOBODY)
    receipts = f"sources/{client.source['id']}/receipts?after={cursor}"
    answers = [
        await caller.ask("GET", path)
        for caller, path in (
            (owner, f"/owner/v1/audit?from={quote(edge)}"),
            (owner, f"/owner/v1/audit?to={quote(edge)}"),
            (owner, f"/owner/v1/cases?due_before={quote(edge)}"),
            (owner, f"/owner/v1/cases?after={cursor}"),
            (owner, f"/owner/v1/cases?state=over&after={cursor}"),
            (owner, f"{client.base}/{receipts}"),
            (owner, f"/owner/v1/usage?from={day}&to=9999-12-31&group_by=day"),
            (owner, f"/owner/v1/usage?from=0001-01-01&to={day}&client={client.id}"),
            (owner, f"/owner/v1/usage/records?after={write_cursor(day, NOBODY)}"),
            (owner, f"/owner/v1/sla?from={day}&to=9999-12-31"),
            (owner, f"/owner/v1/sla/breaches?from=0001-01-01&to={day}"),
            (owner, f"/owner/v1/journal?from={day}&to=9999-12-31"),
            (owner, f"/owner/v1/margin?from=0001-01-01&to={day}"),
            (moderator.caller, f"/moderator/v1/items?client={client.id}&author=u&after={cursor}"),
            (moderator.caller, f"/moderator/v1/decisions?after={cursor}"),
            (client.api, f"/ingest/v1/{receipts}"),
            (client.api, f"/ingest/v1/usage?from={day}&to=9999-12-31"),
        )
    ]
    suspended = {"code": "suspend", "target": "author", "until": edge}
    decision = {"fence": held["fence"], "revision": 1, "verdict": "restrict", "policies": ["spam"]}
    item: Json = {"text": "x", "created_at": edge, "author": {"external_id": "a", "created_at": edge}}
    away = f"/owner/v1/members/{await moderator.get_id()}/absence"
    answers += [
        await caller.ask("POST", path, body)
        for caller, path, body in (
            (owner, "/owner/v1/reversals", {"filter": {"client": client.id, "from": edge}}),
            (owner, "/owner/v1/reversals", {"filter": {"client": client.id, "to": edge}}),
            (
                owner,
                f"{client.base}/usage-entries",
                {"meter": "a.b", "quantity": "1", "occurred_at": edge, "note": "x"},
            ),
            (owner, away, {"from": "2026-01-01T00:00:00Z", "to": edge}),
            (owner, away, {"from": edge, "to": "2026-01-01T00:00:00Z"}),
            (owner, f"/owner/v1/endpoints/{hook}/recover", {"since": edge}),
            (client.api, f"/ingest/v1/endpoints/{hook}/replay-missing", {"since": edge}),
            (moderator.caller, f"/moderator/v1/assignments/{held['id']}/decision", decision | {"actions": [suspended]}),
            (client.api, "/ingest/v1/items", {"source": client.source["id"], "items": [item | {"external_id": "b"}]}),
        )
    ]
    answers.append(await client.send(item | {"external_id": unique("c")}))
    await world.drain()
    answers += [
        await owner.ask("GET", f"/owner/v1/{name}") for name in ("reversals", "cases", "coverage?date=2026-01-01")
    ]
    answers.append(await moderator.caller.ask("POST", "/moderator/v1/assignments", {"hold": 1}))
    assert [answer.text for answer in answers if answer.status_code >= 500] == []
