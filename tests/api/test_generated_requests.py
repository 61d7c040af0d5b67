"""Requests that the documents allow, and some they don't, made up by schemathesis for every operation and every role.

What must hold: no fault of ours, every refusal a problem of RFC 9457, and nobody without the permission gets past 403.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core import NOT_SET

from tests.support.people import Agency, Caller, Client
from tests.support.world import BASE_URL, World
from veilleur_api.app import create_admin_app, create_app
from veilleur_api.openapi import build_documents
from veilleur_api.permissions import ROLE_PERMISSIONS, SCOPES, member_may

DOCUMENTS = build_documents()
EXAMPLES = 2
SLOW = {"wait"}
"""Parameters that make an answer take its time."""
AUDIENCES = ("ingest", "moderator", "owner", "admin")


@pytest.fixture(scope="module")
async def crew(world: World, shared_agency: Agency, shared_client: Client) -> dict[str, dict[str, Caller]]:
    """Callers by audience and by what they may do."""
    members = {role: await shared_agency.add_moderator(roles=[role]) for role in ROLE_PERMISSIONS}
    keys = {}
    for scope in SCOPES:
        body = {"kind": "api_key", "name": scope, "scopes": [scope]}
        made = await shared_agency.owner.call("POST", f"{shared_client.base}/credentials", body, 201)
        keys[scope] = Caller(world.http, made["api_key"])
    stranger = {"nobody": Caller(world.http, "x")}
    operator = {"operator": Caller(world.admin, world.operator.key)}
    return {"ingest": keys | stranger, "moderator": members, "owner": members | stranger, "admin": operator | stranger}


@pytest.fixture(scope="module")
async def http(world: World) -> Any:
    """Both applications without their safety net: what they would answer on a wire, a 500 included."""
    apps = {"admin": create_admin_app(world.settings, world.parts)}
    apps |= dict.fromkeys(("ingest", "moderator", "owner"), create_app(world.settings, world.parts))
    return {
        name: httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=BASE_URL)
        for name, app in apps.items()
    }


def make_up(audience: str) -> Iterator[tuple[str, Any]]:
    """The permission of an operation and a request to it, `EXAMPLES` of each operation and kind."""
    schema = schemathesis.openapi.from_dict(DOCUMENTS[audience])
    for found in schema.get_all_operations():
        operation = found.ok()
        permission = operation.definition.raw.get("x-permission", "public")
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            cases: list[Any] = []
            try:
                strategy = operation.as_strategy(generation_mode=mode)
                collect(strategy, cases)
            except Exception as error:
                if mode is GenerationMode.POSITIVE:
                    raise AssertionError(operation.label) from error
            for case in cases:
                yield permission, case


def collect(strategy: Any, cases: list[Any]) -> None:
    @settings(
        max_examples=EXAMPLES, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def keep(case: Any) -> None:
        cases.append(case)

    keep()


def build(case: Any, caller: Caller) -> dict[str, Any]:
    query = {name: value for name, value in (case.query or {}).items() if name not in SLOW}
    headers = {str(name): str(value) for name, value in (case.headers or {}).items()}
    headers = {name: value for name, value in headers.items() if name.lower() not in ("authorization", "prefer")}
    request: dict[str, Any] = {"method": case.method, "url": case.formatted_path, "params": query}
    if case.body is not NOT_SET:
        body = {name: value for name, value in case.body.items() if name not in SLOW} if isinstance(case.body, dict) else case.body  # fmt: skip
        form = case.media_type == "application/x-www-form-urlencoded"
        kind = "data" if form and isinstance(body, dict) else "content"
        request[kind] = body if kind == "data" else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers["content-type"] = case.media_type or "application/json"
    known = {name: value.encode("utf-8", "surrogatepass") for name, value in headers.items() if name.isascii()}
    return request | {"headers": known | {"authorization": f"Bearer {caller.token}".encode()}}


def judge(permission: str, role: str, answer: httpx.Response) -> str | None:
    if answer.status_code >= 500 and not (answer.status_code == 503 and "retry-after" in answer.headers):
        return "a fault of ours"
    kind = answer.headers.get("content-type", "")
    if answer.status_code >= 400 and kind != "application/problem+json" and "error_description" not in answer.text:
        return "no problem"
    if permission == "public":
        return None
    if role == "nobody":
        allowed = False
    elif role in ROLE_PERMISSIONS:
        allowed = member_may(frozenset({role}), permission)
    else:
        allowed = role in (permission, "operator")
    if not allowed and answer.status_code not in (401, 403, 404, 405, 413, 415):
        return f"let past the gate of {permission}"
    return None


@pytest.mark.parametrize("audience", AUDIENCES)
async def test_made_up_requests_are_answered_or_refused_and_never_a_fault(
    http: dict[str, httpx.AsyncClient], crew: dict[str, dict[str, Caller]], audience: str
):
    faults, asked = [], 0
    for permission, case in make_up(audience):
        for role, caller in crew[audience].items():
            try:
                request = build(case, caller)
                answer = await http[audience].request(**request)
            except (httpx.InvalidURL, UnicodeError, ValueError):
                continue  # what no client could send either
            asked += 1
            fault = judge(permission, role, answer)
            if fault:
                faults.append((fault, role, case.method, case.formatted_path, answer.status_code, answer.text[:200]))
    assert faults == []
    assert asked > 3 * EXAMPLES
