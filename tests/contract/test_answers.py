"""What the documents say of answers is what the service answers, and less and less is left unsaid."""

import re

import jsonschema_rs
import pytest

from tests.contract.test_openapi import DOCUMENTS
from tests.support.receiver import open_receiver
from tests.support.rules import make_rule, make_rules

UNDESCRIBED = {"ingest": 9, "moderator": 11, "owner": 40, "admin": 9}
"""How many operations answer in a shape that the document does not tell; it may only fall."""
OWNER = DOCUMENTS["owner"]
DAY = {"time_zone": "Europe/Paris", "weekly": {"mon": [["09:00", "18:00"]]}}
ADD = {"calendar": DAY, "op": "add", "start": "2026-11-23T10:00:00Z", "seconds": 60}
SLA = {"default": {"class": "standard", "decision": {"seconds": 60, "time": "business"}}}
RULES = make_rules(make_rule("a", "item.length > 3"))
ENTRY = {"code": "lock", "title": "Lock"}


@pytest.mark.parametrize("name", UNDESCRIBED)
def test_no_more_answers_are_left_undescribed(name):
    operations = [one for path in DOCUMENTS[name]["paths"].values() for one in path.values()]
    undescribed = [one["operationId"] for one in operations if not _is_described(one)]
    assert len(undescribed) == UNDESCRIBED[name], undescribed


async def test_answers_are_what_the_document_says(world):
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    await client.accept("Somebody has to look at this")
    await world.drain()
    member = (await agency.owner.call("GET", "/owner/v1/members"))["data"][0]["id"]
    case = (await agency.owner.call("GET", "/owner/v1/cases"))["data"][0]["id"]
    queue = (await agency.owner.call("GET", "/owner/v1/queues"))["data"][0]["id"]
    calendar = (await agency.owner.call("GET", "/owner/v1/calendars"))["data"][0]["id"]
    async with open_receiver() as receiver:
        endpoint = (await client.add_endpoint(receiver.url))["id"]
        await agency.owner.call("POST", f"{client.base}/endpoints/{endpoint}/ping")
        await world.drain()
    delivery = (await agency.owner.call("GET", "/owner/v1/deliveries"))["data"][0]["id"]
    base = client.base
    for method, path, body in (
        ("GET", "/owner/v1/clients", None),
        ("POST", "/owner/v1/clients", {"slug": "x", "name": "X", "time_zone": "UTC", "languages": [], "interim": "publish"}),
        ("GET", base, None),
        ("PATCH", base, {"contacts": [{"name": "Ada"}]}),
        ("POST", f"{base}/policies", {"code": "p", "title": "P"}),
        ("GET", f"{base}/policies", None),
        ("PATCH", f"{base}/policies/p", {"severity": 3}),
        ("POST", f"{base}/actions", ENTRY | {"verdict": "restrict", "targets": ["item"]}),
        ("GET", f"{base}/actions", None),
        ("POST", f"{base}/sources", {"kind": "standard", "name": "s"}),
        ("GET", f"{base}/sources", None),
        ("PATCH", f"{base}/sources/{client.source['id']}", {"name": "t"}),
        ("POST", f"{base}/sources/{client.source['id']}/secrets", {}),
        ("POST", f"{base}/credentials", {"kind": "api_key", "name": "k", "scopes": ["items:read"]}),
        ("POST", f"{base}/credentials", {"kind": "oauth_client", "name": "o", "scopes": ["items:read"]}),
        ("GET", f"{base}/credentials", None),
        ("POST", "/owner/v1/members", {"email": "m@x.example", "name": "M", "roles": ["moderator"], "clients": "all"}),
        ("GET", "/owner/v1/members", None),
        ("GET", f"/owner/v1/members/{member}", None),
        ("PATCH", f"/owner/v1/members/{member}", {"name": "N"}),
        ("POST", f"/owner/v1/members/{member}/tokens", None),
        ("POST", "/owner/v1/queues", {"code": "fast", "name": "Fast"}),
        ("GET", "/owner/v1/queues", None),
        ("GET", f"/owner/v1/queues/{queue}", None),
        ("PATCH", f"/owner/v1/queues/{queue}", {"name": "Slow"}),
        ("POST", "/owner/v1/calendars", {"name": "Day", "calendar": DAY}),
        ("GET", "/owner/v1/calendars", None),
        ("GET", f"/owner/v1/calendars/{calendar}", None),
        ("PUT", f"/owner/v1/calendars/{calendar}", {"name": "Day", "calendar": DAY}),
        ("POST", "/owner/v1/calendars/preview", ADD),
        ("POST", f"{base}/sla-policies", {"policy": SLA, "apply_to": "open"}),
        ("GET", f"{base}/sla-policies", None),
        ("GET", f"{base}/sla-policies/2", None),
        ("GET", "/owner/v1/sla-classes", None),
        ("POST", "/owner/v1/rule-sets/check", {"rule_set": "format: veilleur.rules/v1\nrules: [{id: a}]"}),
        ("POST", "/owner/v1/rule-sets/preview", {"rule_set": RULES, "items": [{"external_id": "1", "text": "Bonjour"}]}),
        ("POST", f"{base}/rule-sets", {"rule_set": RULES, "note": "n"}),
        ("GET", f"{base}/rule-sets", None),
        ("GET", f"{base}/rule-sets/1", None),
        ("POST", f"{base}/rule-sets/1/shadow", None),
        ("DELETE", f"{base}/rule-sets/1/shadow", None),
        ("POST", f"{base}/rule-sets/1/publish", None),
        ("GET", f"{base}/automation", None),
        ("PUT", f"{base}/automation", {"mode": "advise", "reason": "It was wrong"}),
        ("GET", f"{base}/config", None),
        ("PUT", f"{base}/config?dry_run=1", {"macros": []}),
        ("GET", f"{base}/readiness", None),
        ("POST", f"{base}/endpoints", {"url": "http://127.0.0.1:9/x"}),
        ("GET", f"{base}/endpoints", None),
        ("PATCH", f"{base}/endpoints/{endpoint}", {"concurrency": 2}),
        ("POST", f"{base}/endpoints/{endpoint}/ping", None),
        ("POST", f"{base}/endpoints/{endpoint}/secrets", {}),
        ("POST", f"/owner/v1/endpoints/{endpoint}/recover", {"since": "2026-11-22T00:00:00Z"}),
        ("POST", f"/owner/v1/endpoints/{endpoint}/replay-missing", {}),
        ("GET", "/owner/v1/deliveries", None),
        ("GET", f"/owner/v1/deliveries/{delivery}", None),
        ("POST", f"/owner/v1/deliveries/{delivery}/redeliver", None),
        ("GET", "/owner/v1/cases", None),
        ("GET", f"/owner/v1/cases/{case}", None),
        ("POST", f"/owner/v1/cases/{case}/priority", {"priority": "high"}),
        ("POST", f"/owner/v1/cases/{case}/route", {"queue": "fast"}),
        ("POST", f"/owner/v1/cases/{case}/assign", {"member": member}),
        ("POST", f"/owner/v1/cases/{case}/release", None),
        ("POST", f"/owner/v1/cases/{case}/close", {"reason": "It is over"}),
    ):  # fmt: skip
        answer = await agency.owner.ask(method, path, body)
        assert answer.status_code < 300, (method, path, answer.text)
        assert _compare(method, path.partition("?")[0], answer.status_code, answer.json()) == [], (method, path)


def _is_described(operation):
    """An answer without a body, or another media type than JSON alone, has nothing to describe."""
    answers = [one for status, one in operation["responses"].items() if status.startswith("2")]
    shapes = [kind.get("schema") for one in answers for kind in one.get("content", {}).values()]
    return "204" in operation["responses"] or "302" in operation["responses"] or any(shapes)


def _compare(method, path, status, answer):
    """What is wrong with an answer: its types, or fields that the document does not name."""
    schema = _find(method, path)["responses"][str(status)]["content"]["application/json"]["schema"]
    validator = jsonschema_rs.Draft202012Validator(schema | {"components": OWNER["components"]})
    rows = answer.get("data", [answer])
    shape = _resolve(schema)
    shape = _resolve(shape["properties"]["data"]["items"]) if "data" in answer else shape
    unnamed = {name for row in rows for name in row} - shape["properties"].keys()
    return [f"{one.instance_path}: {one.message}" for one in validator.iter_errors(answer)] + sorted(unnamed)


def _find(method, path):
    """The operation of an address; the one with most words of its own where several fit."""
    fitting = [one for one in OWNER["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one), path)]
    return OWNER["paths"][min(fitting, key=lambda one: one.count("{"))][method.lower()]


def _resolve(schema):
    return OWNER["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
