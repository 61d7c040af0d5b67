"""Hostile bodies at every door that reads one, with a good credential: never a fault of ours, always a problem."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import psutil
import pytest

from tests.support.billing import BUYER, TAX, plan_by_item, read_statement, sign
from tests.support.invoicing import PROFILE, set_up_seller
from tests.support.people import Agency, Caller, Client, Json, unique
from tests.support.world import BASE_URL, World
from veilleur.kernel.ids import new_id, show_id
from veilleur_api.app import create_app

NOBODY = "http://127.0.0.1:9/"
"""Where nobody listens."""

JSON = {"content-type": "application/json"}

RAW: list[bytes] = [
    b"",
    b" ",
    b"null",
    b"true",
    b"0",
    b'""',
    b"[]",
    b"{}",
    b"[[]]",
    b"[{}]",
    b"{",
    b"}",
    b'{"a"',
    b'{"a":}',
    b"{}{}",
    b"{} trailing",
    b"'single'",
    b"<a/>",
    b"a=b&c=d",
    b"--boundary\r\n\r\n--boundary--",
    b"%PDF-1.7",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b'{"a": "\xff"}',
    b'{"a": "\xed\xa0\x80"}',
    "{}".encode("utf-16"),
    "{}".encode("utf-32"),
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": 1e999}',
    b'{"a": -1e999}',
    b'{"a": 9007199254740993}',
    b'{"a": ' + b"9" * 5_000 + b"}",
    b'{"a": 0.' + b"1" * 5_000 + b"}",
    b'{"a": 1e-999999999}',
    b'{"a": "\\u0000"}',
    b'{"\\u0000": 1}',
    b'{"a": "\\ud800"}',
    b'{"\\udfff": 1}',
    b'{"a": 1, "a": 2}',
    b'{"": {"": {"": ""}}}',
    b'{"__proto__": {"a": 1}}',
    b'{"$ref": "#"}',
    b"[" * 200_000,
    b'{"a":' * 40_000,
    b"[" * 32 + b"]" * 32,
    b"[" * 33 + b"]" * 33,
    b"[" + b"0," * 100_000 + b"0]",
    b'{"' + b"k" * 200_000 + b'": 1}',
    b'"' + b"s" * 200_000 + b'"',
    json.dumps({f"k{number}": number for number in range(5_000)}).encode(),
    gzip.compress(b"{}"),
]
"""Sent as they are."""

BROKEN_NUMBERS = [
    "01",
    "+1",
    ".5",
    "1.",
    "0x1",
    "1e",
    "1e+",
    "--1",
    "1_000",
    "1,5",
    "٣",
    "１",
    "∞",
    "-Infinity",
    "-NaN",
    "nan",
    "1e1000000",
    "1E400",
    "-0x1",
    "0b1",
    "0o7",
    "1f",
    "1n",
]
BROKEN_WORDS = [
    "True",
    "None",
    "undefined",
    "nul",
    "tru",
    "falsee",
    "NULL",
    "'a'",
    "`a`",
    "/a/",
    "a",
    "@a",
    "{{a}}",
    "${a}",
    "<a>",
    "\\u0022a\\u0022",
]
BROKEN_TEXTS = [
    b"\\x41",
    b"\\u12",
    b"\\uZZZZ",
    b"\\",
    b"\n",
    b"\t",
    b"\x00",
    b"\x1f",
    b"\x80",
    b"\xc0\xaf",
    b"\xf4\x90\x80\x80",
    b"\xed\xb0\x80",
]
BROKEN_SHAPES = [
    b'{"a": 1,}', b"[1,]", b"[,1]", b"[1 2]", b'{"a" 1}', b"{a: 1}", b'{"a": 1 "b": 2}', b'{"a": 1;}', b"{1: 2}", b"[1}",
    b"{]", b'{"a": /* x */ 1}', b'{"a": 1} // x', b"# x\n{}", b"{}\x00", b"\x00{}", b"\xfe\xff\x00{\x00}", b"+ADw-", b"[]]",
    b'{"a": 1}\n{"b": 2}', b'\x1e{"a": 1}', b"\x1f\x8b\x08", b"PK\x03\x04", b"---\na: 1\n", b"!!python/object:os.system x",
    b"[" * 16 + b'{"a":' * 16 + b"1" + b"}" * 16 + b"]" * 16, b'{"a": {"b": 1, "b": 2}}', b'[{"a": 1, "\\u0061": 2}]',
]  # fmt: skip
RAW += [f'{{"a": {number}}}'.encode() for number in BROKEN_NUMBERS]
RAW += [f'{{"a": {word}}}'.encode() for word in BROKEN_WORDS]
RAW += [b'{"a": "' + text + b'"}' for text in BROKEN_TEXTS]
RAW += BROKEN_SHAPES

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**53,
    -(2**53),
    0.5,
    -0.0,
    1e-300,
    "",
    " ",
    "x" * 10_000,
    "é" * 70_000,
    "\u0001\u001b[2J\u007f",
    "\ufeff\u202e\u2028\uffff",
    "😀" * 300,
    "'; DROP TABLE items; --",
    "%s %(x)s {0} {x!r} ${y}",
    "../../etc/passwd",
    "cli_" + "z" * 26,
    "2026-02-30T25:61:61Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "http://[",
    "^(a+)+$",
    [],
    {},
    [[]],
    [None],
    [{}],
    {"a": None},
    {"a": {"b": {"c": []}}},
    ["x"] * 300,
    [0] * 300,
    {str(number): number for number in range(300)},
]
"""Each put into every field of a body at once."""

SHARP: list[Any] = [
    None,
    True,
    -1,
    2**53,
    0.5,
    "",
    "\u0001\u202e\uffff😀",
    "x" * 10_000,
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    [None],
    {"a": {"b": {"c": []}}},
]
"""Each put into one place of a good body at a time."""


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


def spoil(good: Any, value: Any) -> Iterator[Any]:
    """`good` with one of its parts, at any depth, replaced by `value`."""
    if isinstance(good, dict):
        for name, part in good.items():
            yield good | {name: value}
            yield from (good | {name: spoiled} for spoiled in spoil(part, value))
    elif isinstance(good, list):
        for part in good:
            yield [value]
            yield from ([spoiled] for spoiled in spoil(part, value))


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


def example_of(path: str, ids: dict[str, str]) -> Json | None:
    """A good body of a route, from which one field at a time is spoiled."""
    item = {"external_id": "c", "text": "x", "metadata": {}, "media": [], "context": {}, "author": {"external_id": "u"}}
    # As a text: what spoils a rule set from inside is tried where rules are tested.
    rules = json.dumps({
        "format": "veilleur.rules/v1", "schema": "item/v1", "name": "n", "fallback": {"verdict": "allow"},
        "lists": {"bad": {"kind": "phrases", "match": "word", "fold": "soft", "entries": ["bad"]}},
        "rules": [{
            "id": "r", "title": "R", "mode": "live", "severity": 1, "when": {"all": ["hits('bad') > 0"]},
            "then": {"verdict": "remove", "actions": [{"code": "remove", "target": "item"}], "policies": ["insult"]},
        }],
    })  # fmt: skip
    calendar = {"time_zone": "Europe/Paris", "weekly": {"mon": [["09:00", "17:00"]]}}
    examples: dict[str, Json] = {
        "/ingest/v1/sources/{source_id}": {"type": "item.created", "timestamp": "2026-11-22T10:00:00Z", "data": item},
        "/ingest/v1/items": {"source": ids["source_id"], "items": [item]},
        "/owner/v1/clients": {"slug": "s", "name": "n", "time_zone": "UTC", "languages": [], "calendar": None},
        "/owner/v1/clients/{client_id}": {"name": "n", "time_zone": "UTC", "languages": [], "interim": "publish"},
        "/owner/v1/clients/{client_id}/sources": {"kind": "standard", "name": "n", "settings": {}},
        "/owner/v1/clients/{client_id}/sources/{source_id}/actor": {
            "mode": "act", "hold_s": 0, "platform": "discourse", "credentials": {"url": NOBODY, "api_key": "0123456789"},
            "operations": {"actions": {"hide": "hide_post"}, "verdicts": {"allow": None}},
        },
        "/owner/v1/clients/{client_id}/sources/{source_id}/secrets": {"secret": None, "overlap_s": 60},
        "/owner/v1/clients/{client_id}/endpoints": {"url": "https://example.com/", "events": []},
        "/owner/v1/clients/{client_id}/endpoints/{endpoint_id}": {"url": "https://example.com/", "rate_per_s": 1.5},
        "/owner/v1/clients/{client_id}/endpoints/{endpoint_id}/secrets": {"secret": None, "overlap_s": 60},
        "/owner/v1/endpoints/{endpoint_id}/recover": {"since": "2026-11-22T10:00:00Z"},
        "/owner/v1/endpoints/{endpoint_id}/replay-missing": {"since": "2026-11-22T10:00:00Z"},
        "/owner/v1/endpoints/{agency_endpoint_id}": {"events": [], "state": "enabled", "concurrency": 1},
        "/ingest/v1/endpoints": {"url": "https://example.com/", "events": []},
        "/ingest/v1/endpoints/{endpoint_id}": {"url": "https://example.com/", "events": [], "state": "enabled"},
        "/ingest/v1/endpoints/{endpoint_id}/secrets": {"secret": None, "overlap_s": 60},
        "/ingest/v1/endpoints/{endpoint_id}/recover": {"since": "2026-11-22T10:00:00Z"},
        "/owner/v1/clients/{client_id}/credentials": {"kind": "api_key", "name": "n", "scopes": ["items:read"]},
        "/owner/v1/clients/{client_id}/policies": {"code": "c", "title": "t", "examples": [], "definition": ""},
        "/owner/v1/clients/{client_id}/actions": {"code": "c", "title": "t", "verdict": "allow", "targets": ["item"]},
        "/owner/v1/clients/{client_id}/rule-sets": {"rule_set": rules, "note": "n"},
        "/owner/v1/lists": {"code": "c", "title": "t", "list": {"kind": "phrases", "entries": ["x"]}, "note": "n"},
        "/owner/v1/lists/{list_id}": {"title": "t", "list": {"kind": "phrases", "entries": ["x"]}},
        "/owner/v1/clients/{client_id}/lists": {"code": "c", "title": "t", "list": {"hash": "pdq", "entries": []}},
        "/owner/v1/clients/{client_id}/lists/{list_id}": {"title": "t", "list": {"except": ["x"], "entries": ["x"]}},
        "/owner/v1/rule-sets/check": {"client": ids["client_id"], "rule_set": rules},
        "/owner/v1/rule-sets/preview": {"rule_set": rules, "items": [item]},
        "/owner/v1/members": {"email": "a@b", "name": "n", "roles": ["moderator"], "skills": [], "clients": []},
        "/owner/v1/members/{member_id}": {"name": "n", "languages": [], "clients": [], "capacity": 5},
        "/owner/v1/queues": {"code": "c", "name": "n", "lease_s": 60},
        "/owner/v1/calendars": {"name": "n", "calendar": calendar},
        "/owner/v1/calendars/preview": {"calendar": calendar, "op": "add", "start": "2026-11-22T10:00:00Z", "seconds": 1},
        "/owner/v1/rate-plans": plan_by_item(),
        "/owner/v1/clients/{client_id}/contracts": {
            "rate_plan": {"code": "none", "version": 1}, "starts_on": "2031-01-01", "buyer": BUYER, "tax": TAX,
        },
        "/owner/v1/clients/{client_id}/usage-entries": {
            "meter": "content.piece", "quantity": "1", "occurred_at": "2026-05-01T00:00:00Z", "note": "n", "dims": {},
        },
        "/owner/v1/clients/{client_id}/usage-thresholds": {"kind": "quantity", "value": "1", "meter": "m"},
        "/owner/v1/clients/{client_id}/contracts/{contract_id}/end": {"ends_on": "2031-01-01", "reason": "r"},
        "/owner/v1/billing-profile": PROFILE,
        "/owner/v1/billing-runs": {"period": "2026-01"},
        "/owner/v1/members/{member_id}/cost-rates": {"from": "2026-01-01", "per_hour": "16", "currency": "EUR"},
        "/owner/v1/clients/{client_id}/quotes": OFFER,
        "/owner/v1/clients/{client_id}/quotes/{quote_id}/accept": {"name": "n", "digest": "0" * 64},
        "/owner/v1/clients/{client_id}/invoices": {"period": "2026-01", "language": "fr"},
        "/owner/v1/clients/{client_id}/invoices/{invoice_id}/lines": LINE,
        "/owner/v1/clients/{client_id}/invoices/{invoice_id}/exchange": {"rate": "1.1", "on": "2026-01-01", "source": "s"},
        "/owner/v1/clients/{client_id}/invoices/{invoice_id}/payments": {"amount": "1.00", "paid_on": "2026-01-01"},
        "/owner/v1/clients/{client_id}/invoices/{invoice_id}/credit-notes": {
            "reason": "r", "lines": [{"id": "x", "quantity": "1"}],
        },
        "/moderator/v1/assignments": {"hold": 1, "queues": ["default"]},
        "/moderator/v1/heartbeat": {"assignments": [{"id": ids["assignment_id"], "fence": 1}]},
        "/moderator/v1/assignments/{assignment_id}/decision": {
            "fence": 1, "revision": 2, "verdict": "allow", "actions": [], "policies": [], "explanation": "", "note": "",
        },
        "/moderator/v1/assignments/{assignment_id}/notes": {"text": "t", "pin": "case"},
    }  # fmt: skip
    return examples.get(path)


OFFER: Json = {
    "rate_plan": {"code": "x", "version": 1}, "starts_on": "2031-01-01", "valid_until": "2030-01-01", "buyer": BUYER, "tax": TAX,
    "services": [{"title": "t", "description": "d"}], "terms": {"cancellation": "c", "other": ["o"]},
    "estimate": {"decision.human": [{"quantity": "1", "dims": {"grade": "x"}}]},
}  # fmt: skip
LINE: Json = {
    "description": {"en": "x"}, "quantity": "1", "unit_price": "1", "from": "2026-01-01", "to": "2026-01-02",
}  # fmt: skip


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
