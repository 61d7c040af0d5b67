"""Every refusal is an RFC 9457 problem in the caller's language; an outage is a 503 to try again, never a 500."""

import base64
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from tests.api.refusals import count_stored, read_pointers, read_problem
from tests.support.people import Agency, Caller, Client
from tests.support.world import BASE_URL, World
from veilleur_api.app import create_app
from veilleur_api.parts import build_parts


@pytest.mark.parametrize("path", ["/nothing", "/ingest/v1", "/ingest/v2/items", "/owner/v1/nothing", "/%00", "/é/%ff"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_unknown_address_gets_a_problem(world: World, method: str, path: str):
    read_problem(await world.http.request(method, path), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/ingest/v1/items", {"GET", "POST"}),
        ("PUT", "/owner/v1/clients", {"GET", "POST"}),
        ("GET", "/moderator/v1/heartbeat", {"POST"}),
        ("GET", "/oauth/token", {"POST"}),
        ("POST", "/livez", {"GET", "HEAD"}),
        ("POST", "/", {"GET", "HEAD"}),
        ("BREW", "/owner/v1/queues", {"GET", "POST"}),
    ],
)
async def test_an_unknown_method_gets_a_problem(world: World, method: str, path: str, allowed: set[str]):
    answer = await world.http.request(method, path)
    read_problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["allow"].split(", ")) <= allowed


@pytest.mark.parametrize("path", ["/docs/nothing", "/openapi/nothing.json", "/docs/static/nothing.js"])
async def test_documents_that_are_not_there_get_a_problem(world: World, path: str):
    read_problem(await world.http.get(path), 404, "not-found")


def cursor(*key: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("path", "pointers"),
    [
        ("/owner/v1/clients?limit=0", ["/limit"]),
        ("/owner/v1/clients?limit=201", ["/limit"]),
        ("/owner/v1/clients?limit=ten", ["/limit"]),
        ("/owner/v1/clients?limit=" + "9" * 5_000, ["/limit"]),
        ("/owner/v1/clients?after=x", ["/after"]),
        ("/owner/v1/clients?after=%00", ["/after"]),
        ("/owner/v1/clients?after=é", ["/after"]),
        (f"/owner/v1/clients?after={cursor(1)}", ["/after"]),
        (f"/owner/v1/clients?after={cursor('a', 'b')}", ["/after"]),
        (f"/owner/v1/clients?after={cursor(chr(0))}", ["/after"]),
        ("/owner/v1/clients?after=" + "W" * 1_001, ["/after"]),
        ("/owner/v1/deliveries?state=lost&limit=x", ["/state", "/limit"]),
        ("/owner/v1/usage?group_by=colour", ["/group_by"]),
        ("/owner/v1/usage?group_by=meter,meter", ["/group_by"]),
        ("/owner/v1/usage?group_by=,", ["/group_by"]),
        ("/owner/v1/usage?from=yesterday&to=2026-02-30&billable=maybe", ["/from", "/to", "/billable"]),
        ("/owner/v1/usage/records?meter=%00", ["/meter"]),
    ],
)
async def test_a_query_of_another_shape_gets_422_with_pointers(shared_agency: Agency, path: str, pointers: list[str]):
    assert read_pointers(await shared_agency.owner.ask("GET", path), 422, "invalid") == pointers


@pytest.mark.parametrize("key", [("x", "y"), ("2026-01-01", "y"), ("9" * 300, "y"), ("", "")])
async def test_a_made_up_cursor_is_never_a_fault_of_ours(shared_agency: Agency, key: tuple[str, str]):
    answer = await shared_agency.owner.ask("GET", f"/owner/v1/usage/records?after={cursor(*key)}")
    assert answer.status_code == 200
    answer = await shared_agency.owner.ask("GET", f"/owner/v1/clients?after={cursor(key[0])}")
    assert answer.status_code == 200


REFUSED: dict[str, tuple[str, str, Any, int]] = {
    "not found": ("GET", "/nothing", None, 404),
    "method": ("DELETE", "/owner/v1/clients", None, 405),
    "no client of ours": ("GET", "/owner/v1/clients/cli_x", None, 404),
    "shape": ("POST", "/owner/v1/clients", {"slug": "É", "zone": 1}, 422),
    "query": ("GET", "/owner/v1/clients?limit=x", None, 422),
    "calendar": ("POST", "/owner/v1/calendars", {"name": "x", "calendar": {"time_zone": "Mars"}}, 422),
    "credentials": ("GET", "/ingest/v1/items/x", None, 401),
    "JSON": ("POST", "/owner/v1/clients", b'{"slug": NaN}', 400),
    "syntax": ("POST", "/owner/v1/clients", b'{"slug"}', 400),
    "depth": ("POST", "/owner/v1/clients", b"[" * 99, 400),
    "size": ("POST", "/owner/v1/clients", b" " * 300_000, 413),
    "signature": ("POST", "/ingest/v1/sources/src_x", b"", 404),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_problems_are_in_the_language_asked_for(shared_agency: Agency, case: str):
    method, path, body, status = REFUSED[case]
    told: dict[str, dict[str, Any]] = {}
    for language in ("en", "fr"):
        headers = shared_agency.owner.headers | {"accept-language": f"{language}-CH, de;q=0.5"}
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = await shared_agency.http.request(method, path, headers=headers, **content)
        assert answer.status_code == status
        assert answer.headers["content-language"] == language
        told[language] = answer.json()
    english, french = told["en"], told["fr"]
    assert (english["type"], english.get("status")) == (french["type"], french.get("status"))
    assert english["title"] != french["title"]
    assert english["detail"] != french["detail"]
    for one, other in zip(english.get("errors", []), french.get("errors", []), strict=True):
        assert one["pointer"] == other["pointer"]
        assert one["detail"] != other["detail"]


async def test_french_reads_as_french(world: World):
    answer = await world.http.get("/nothing", headers={"accept-language": "fr"})
    assert read_problem(answer, 404, "not-found")["title"] == "Introuvable"


@pytest.mark.parametrize("header", ["", "*", "de", "en;q=0.9, fr;q=0.1", "fr;q=0", "fr;q=nan", ";;;,,,", "x" * 5_000])
async def test_other_languages_are_answered_in_english(world: World, header: str):
    answer = await world.http.get("/nothing", headers={"accept-language": header})
    assert answer.headers["content-language"] == "en"
    assert read_problem(answer, 404, "not-found")["title"] == "Not found"


def find_free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture
async def cut_off(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """The application with its keys loaded, then without a database."""
    url = make_url(world.settings.database_url.get_secret_value()).set(port=find_free_port())
    settings = world.settings.model_copy(update={"database_url": SecretStr(url.render_as_string(hide_password=False))})
    parts = replace(build_parts(settings), issuer=world.parts.issuer)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(settings, parts)), base_url=BASE_URL) as http:
        yield http
    await parts.database.close()


async def test_without_its_database_every_door_answers_503_and_retry_after(
    shared_agency: Agency, shared_client: Client, cut_off: httpx.AsyncClient
):
    moderator = await shared_agency.add_moderator()
    raw = b'{"type": "item.created", "data": {"external_id": "c", "text": "x"}}'
    owner, client = shared_agency.owner.headers, shared_client.api.headers
    requests: list[tuple[str, str, dict[str, Any]]] = [
        (
            "POST",
            f"/ingest/v1/sources/{shared_client.source['id']}",
            {"content": raw, "headers": shared_client.sign(raw)},
        ),
        ("POST", "/ingest/v1/items", {"content": b"{}", "headers": client}),
        ("GET", "/ingest/v1/items/x", {"headers": client}),
        ("GET", "/owner/v1/clients", {"headers": owner}),
        ("POST", "/owner/v1/clients", {"content": b"{}", "headers": owner}),
        ("POST", "/moderator/v1/assignments", {"json": {"hold": 1, "wait": 5}, "headers": moderator.headers}),
        ("POST", "/oauth/token", {"data": {"grant_type": "client_credentials"}}),
    ]
    for method, path, options in requests:
        answer = await cut_off.request(method, path, **options)
        read_problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1


async def test_what_needs_no_database_is_still_refused_without_it(cut_off: httpx.AsyncClient):
    read_problem(await cut_off.post("/ingest/v1/items", content=b" " * (16 * 2**20 + 1)), 413, "too-large")
    read_problem(await cut_off.get("/owner/v1/clients"), 401, "unauthenticated")
    assert (await cut_off.get("/livez")).status_code == 200
    ready = await cut_off.get("/readyz")
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")


async def test_a_database_that_drops_its_connections_costs_a_503_and_loses_nothing(world: World, client: Client):
    await client.accept()
    await world.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'veilleur_app'"
    )
    statuses = []
    for _ in range(20):
        answer = await client.send({"external_id": "c_1", "text": "x"}, webhook_id="msg_1")
        statuses.append(answer.status_code)
        if answer.status_code == 202:
            break
        read_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"]
    assert statuses[-1] == 202
    assert await count_stored(world, client) == (2, 2, 2)
    # Members have connections of their own, which are found dead by their own first call.
    answers = [await client.owner.ask("GET", "/owner/v1/clients") for _ in range(2)]
    assert answers[-1].status_code == 200


async def test_a_role_that_may_not_is_told_so(shared_agency: Agency):
    moderator = await shared_agency.add_moderator()
    problem = read_problem(await moderator.ask("GET", "/owner/v1/clients"), 403, "forbidden")
    assert "clients:read" in problem["detail"]


@pytest.mark.parametrize(
    ("path", "roles", "status"),
    [
        ("/owner/v1/usage", ["accountant"], 200),
        ("/owner/v1/usage/records", ["accountant"], 200),
        ("/owner/v1/clients", ["accountant"], 200),
        ("/owner/v1/members", ["accountant"], 403),
        ("/owner/v1/deliveries", ["accountant"], 403),
        ("/moderator/v1/assignments", ["accountant"], 403),
        ("/moderator/v1/me", ["accountant"], 403),
        ("/owner/v1/usage", ["moderator"], 403),
        ("/owner/v1/usage/records", ["moderator"], 403),
        ("/owner/v1/members", ["moderator"], 403),
        ("/moderator/v1/me", ["moderator"], 200),
        ("/owner/v1/usage", ["lead"], 403),
        ("/owner/v1/clients", ["lead"], 200),
        ("/moderator/v1/me", ["lead"], 200),
        ("/owner/v1/usage", ["auditor"], 200),
        ("/owner/v1/members", ["auditor"], 200),
        ("/moderator/v1/me", ["auditor"], 403),
        ("/owner/v1/usage", ["lead", "accountant"], 200),
    ],
)
async def test_roles_see_what_is_theirs(shared_agency: Agency, path: str, roles: list[str], status: int):
    """Accountants see money and no content, moderators content and no money."""
    member = await log_in(shared_agency, roles)
    assert (await member.ask("GET", path)).status_code == status


@pytest.mark.parametrize("role", ["lead", "moderator", "auditor", "accountant"])
async def test_only_the_owner_hands_out_credentials_and_tokens(shared_agency: Agency, shared_client: Client, role: str):
    member = await log_in(shared_agency, [role])
    owner = (await shared_agency.owner.call("GET", "/owner/v1/members"))["data"][0]["id"]
    for path in (
        "/owner/v1/clients",
        f"{shared_client.base}/credentials",
        f"{shared_client.base}/sources",
        f"{shared_client.base}/endpoints",
        "/owner/v1/members",
        f"/owner/v1/members/{owner}/tokens",
        "/owner/v1/queues",
        "/owner/v1/calendars",
    ):
        read_problem(await member.ask("POST", path, {}), 403, "forbidden")


async def test_a_client_is_no_member_and_a_member_no_client(shared_agency: Agency, shared_client: Client):
    for path in ("/owner/v1/clients", "/owner/v1/usage", "/moderator/v1/me"):
        read_problem(await shared_client.api.ask("GET", path), 401, "unauthenticated")
    read_problem(await shared_agency.owner.ask("GET", "/ingest/v1/items/x"), 401, "unauthenticated")


async def log_in(agency: Agency, roles: list[str]) -> Caller:
    return await agency.add_moderator(roles=roles)
