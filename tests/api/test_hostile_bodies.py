"""Hostile bodies at every door that reads one, with a good credential: never a fault of ours, always a problem."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import psutil
import pytest

from tests.support.billing import plan_by_item, read_statement, sign
from tests.support.examples import LINE, NOBODY, OFFER, example_of
from tests.support.hostile import RAW, SHARP, VALUES, spoil
from tests.support.invoicing import set_up_seller
from tests.support.people import Agency, Caller, Client, Json, unique
from tests.support.world import BASE_URL, World
from veilleur.kernel.ids import new_id, show_id
from veilleur_api.app import create_app

JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Door:
    """One operation that reads a body, with who may use it."""

    method: str
    path: str
    fields: tuple[str, ...]
    caller: Caller
    example: Json | None

    def bodies(self) -> Iterator[bytes]:
        yield from RAW
        for value in VALUES:
            yield json.dumps(dict.fromkeys(self.fields, value)).encode()
        for value in SHARP:
            for spoiled in spoil(self.example or {}, value):
                yield json.dumps(spoiled).encode()


Sign = Callable[[bytes], dict[str, str]]


@dataclass(frozen=True, slots=True)
class House:
    """The application without its safety net: what it would answer on a wire, a 500 included."""

    http: httpx.AsyncClient
    doors: list[Door]
    sign: Sign

    async def knock(self, door: Door, body: bytes) -> str | None:
        """What is wrong with the answer."""
        headers = door.caller.headers | JSON
        if "/sources/src_" in door.path:
            headers |= self.sign(body)
        if door.path in ("/oauth/token", "/oauth/revoke"):
            headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await self.http.request(door.method, door.path, content=body, headers=headers)
        fault = judge(door, answer)
        return f"{door.method} {door.path} {body[:120]!r}: {fault} {answer.text[:200]}" if fault else None


def judge(door: Door, answer: httpx.Response) -> str | None:
    if answer.status_code >= 500:
        return str(answer.status_code)
    if answer.status_code < 400:
        return None
    if door.path in ("/oauth/token", "/oauth/revoke"):
        return None if set(answer.json()) == {"error", "error_description"} else "no error of RFC 6749"
    if answer.headers["content-type"] != "application/problem+json":
        return "no problem"
    problem = answer.json()
    if problem["type"].endswith(":second-person"):
        return None
    if answer.status_code not in (400, 404, 409, 413, 415, 422) or problem["status"] != answer.status_code:
        return f"an unexpected {answer.status_code}"
    if answer.status_code in (400, 422) and not problem.get("errors"):
        return "no pointer"
    return None


def find_fields(document: Json, operation: Json) -> tuple[str, ...]:
    """The names of a request body's fields."""
    content = operation.get("requestBody", {}).get("content", {})
    schema: Json = next(iter(content.values()), {}).get("schema", {})
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return tuple(schema.get("properties", ())) or ("data",)


async def find_doors(http: httpx.AsyncClient, callers: dict[str, Caller], ids: dict[str, str]) -> list[Door]:
    """Every POST, PUT and PATCH that the documents of the public application list."""
    doors: dict[tuple[str, str], Door] = {}
    for audience, caller in callers.items():
        document = (await http.get(f"/openapi/{audience}.json")).json()
        for path, operations in document["paths"].items():
            for method in {"post", "put", "patch"} & set(operations):
                fields = find_fields(document, operations[method])
                own = {"list_id": ids["agency_list_id"]} if path.startswith("/owner/v1/lists/") else {}
                shown = path.format_map(ids | own)
                doors[method, path] = Door(method.upper(), shown, fields, caller, example_of(path, ids))
    return list(doors.values())


LARGE = 50_000
"""Bytes of the bodies that are sent once more, to see that what they take is given back."""
MOST_GROWTH_MIB = 20

ENDINGS = (
    "/decision",
    "/release",
    "/escalate",
    "/handover",
    "/ask",
    "/close",
    "/assign",
    "/route",
    "/cancel",
    "/offboard",
)
"""What may take the held case away, or end what others are about: tried last."""


async def furnish(agency: Agency, client: Client, member_id: str) -> dict[str, str]:
    """Something behind every id that a path may name."""
    hours = {"time_zone": "UTC", "weekly": {"mon": [["09:00", "17:00"]]}}
    shared = {"code": "spare", "title": "S", "list": {"entries": ["x"]}}
    wrong = {"filter": {"client": client.id}}
    makers: dict[str, tuple[str, Json]] = {
        "macro_id": (f"{client.base}/macros", {"code": "spare", "title": "S", "texts": {"fr": "x"}}),
        "list_id": (f"{client.base}/lists", shared),
        "agency_list_id": ("/owner/v1/lists", shared),
        "queue_id": ("/owner/v1/queues", {"code": "spare", "name": "S"}),
        "calendar_id": ("/owner/v1/calendars", {"name": "spare", "calendar": hours}),
        "shift_id": ("/owner/v1/shifts", {"member": member_id} | hours),
        "reversal_id": ("/owner/v1/reversals", wrong),
        "provider_id": ("/owner/v1/providers", {"kind": "openai", "name": "spare", "settings": {"url": NOBODY}}),
        "identity_provider_id": (
            "/owner/v1/identity-providers",
            {"name": "S", "issuer": NOBODY, "audience": "a"},
        ),
        "agency_endpoint_id": ("/owner/v1/endpoints", {"kind": "standard", "url": "https://example.com/"}),
    }
    made = {name: (await agency.owner.call("POST", path, body))["id"] for name, (path, body) in makers.items()}
    policy = {"code": "spare", "title": "S"}
    made["policy_code"] = (await client.owner.call("POST", f"{client.base}/policies", policy, 201))["code"]
    made["contract_id"] = (await sign(client))["id"]
    made["period_id"] = (await read_statement(client, "2026-05"))["billing_period"]
    done = {"meter": "content.piece", "quantity": "1", "occurred_at": "2026-05-01T00:00:00Z", "note": "n"}
    made["entry_id"] = (await client.owner.call("POST", f"{client.base}/usage-entries", done, 201))["id"]
    return made | await bill(agency, client)


async def bill(agency: Agency, client: Client) -> dict[str, str]:
    """A seller, a quote, a draft with a line added by hand, a month end."""
    await set_up_seller(agency)
    code = unique("plan")
    await agency.owner.call("POST", "/owner/v1/rate-plans", plan_by_item() | {"code": code}, 201)
    offer = OFFER | {"rate_plan": {"code": code, "version": 1}}
    quote = await agency.owner.call("POST", f"{client.base}/quotes", offer, 201)
    invoice = await agency.owner.call("POST", f"{client.base}/invoices", {}, 201)
    path = f"{client.base}/invoices/{invoice['id']}/lines"
    [line] = (await agency.owner.call("POST", path, LINE, 201))["manual_lines"]
    run = await agency.owner.call("POST", "/owner/v1/billing-runs", {"period": "2026-02"}, 201)
    return {"invoice_id": invoice["id"], "quote_id": quote["id"], "line_id": line["id"], "run_id": run["id"]}


async def hold_a_case(world: World, agency: Agency, client: Client) -> tuple[Caller, dict[str, str]]:
    """One case in hand, and one that was decided before."""
    moderator = await agency.add_moderator(capacity=1)
    for _ in range(2):
        await client.accept()
    await world.drain()
    claim = ("POST", "/moderator/v1/assignments", {"hold": 1}, 200)
    first = (await moderator.call(*claim))["assignments"][0]
    ruling = {"fence": first["fence"], "revision": 1, "verdict": "allow"}
    made = await moderator.call("POST", f"/moderator/v1/assignments/{first['id']}/decision", ruling, 201)
    held = (await moderator.call(*claim))["assignments"][0]
    return moderator, {"assignment_id": held["id"], "case_id": held["case"]["id"], "decision_id": made["id"]}


@pytest.fixture(scope="module")
async def house(world: World, shared_agency: Agency, shared_client: Client) -> Any:
    moderator, in_hand = await hold_a_case(world, shared_agency, shared_client)
    body = {"email": "spare@agency.example", "name": "S", "roles": ["moderator"]}
    spare = await shared_agency.owner.call("POST", "/owner/v1/members", body, 201)
    endpoint = await shared_client.add_endpoint("https://example.com/")
    ids = {
        "client_id": shared_client.id,
        "source_id": shared_client.source["id"],
        "endpoint_id": endpoint["id"],
        "member_id": spare["id"],
        "version": "1",
    }
    ids |= in_hand | await furnish(shared_agency, shared_client, spare["id"])
    ping = await shared_agency.owner.call("POST", f"{shared_client.base}/endpoints/{endpoint['id']}/ping", status=202)
    ids["delivery_id"] = ping["delivery_id"]
    # No version is published, so nothing was tried on any.
    ids["backtest_id"] = show_id("bkt", new_id())
    ids |= {"grant_id": show_id("bgl", new_id()), "identity_id": show_id("idn", new_id())}
    ids |= {"external_id": "u_1", "erasure_id": show_id("ers", new_id())}
    ids |= {"offboarding_id": show_id("ofb", new_id())}
    ids |= {"hold_id": show_id("hld", new_id()), "breach_id": show_id("clk", new_id())}
    ids |= {"action_id": show_id("pac", new_id())}
    callers = {"ingest": shared_client.api, "moderator": moderator, "owner": shared_agency.owner}
    app = create_app(world.settings, world.parts)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        yield House(http, await find_doors(http, callers, ids), shared_client.sign)


async def test_no_hostile_body_makes_a_fault_of_ours_and_every_refusal_is_a_problem(house: House):
    assert len(set(RAW)) + len(VALUES) >= 150
    assert len(house.doors) >= 20
    assert await knock_everywhere(house) == []
    # What is made or loaded when it is first needed, an invoice's writer for one, is there by now.
    before = psutil.Process().memory_info().rss
    await knock_everywhere(house, at_least=LARGE)  # Not judged again: some of it has changed secrets and states.
    grown = (psutil.Process().memory_info().rss - before) / 2**20
    assert grown <= MOST_GROWTH_MIB, f"{grown:.0f} MiB were not given back"


async def knock_everywhere(house: House, at_least: int = 0) -> list[str]:
    """The faults of all doors; the held case stays held while the other doors are tried."""
    faults = []
    for door in sorted(house.doors, key=lambda door: door.path.endswith(ENDINGS)):
        for body in door.bodies():
            fault = await house.knock(door, body) if len(body) >= at_least else None
            if fault:
                faults.append(fault)
    return faults


async def test_hostile_bodies_at_once_do_not_disturb_a_good_one(house: House, client: Client):
    door = next(door for door in house.doors if door.path == "/ingest/v1/items")
    good = [client.send({"external_id": f"c_{number}", "text": "x"}) for number in range(20)]
    knocks: list[Awaitable[Any]] = [house.knock(replace(door, example=None), body) for body in RAW]
    *answers, faults = await asyncio.gather(*good, asyncio.gather(*knocks))
    assert [answer.status_code for answer in answers] == [202] * 20
    assert [fault for fault in faults if fault] == []
