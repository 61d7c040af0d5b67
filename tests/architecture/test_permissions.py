"""Nobody gets through a door that was not opened for them: every route says who may, and the gate asks."""

import asyncio

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from tests.support.people import Caller
from veilleur.kernel.ids import new_id, show_id
from veilleur_api import docs, health, login, metrics, oauth
from veilleur_api.audiences import ADMIN, INGEST, MODERATOR, OWNER
from veilleur_api.guard import PUBLIC, guarded_router
from veilleur_api.permissions import ROLE_PERMISSIONS, SCOPES

PUBLIC_ROUTES = {
    "receive_webhook": "a webhook carries its proof in its signature",
    "answer_handshake": "platforms ask who holds the address before they send anything",
    "issue_token": "this is where credentials are traded for tokens",
    "revoke_token": "who holds a token may end it",
    "begin_login": "people who log in have no token yet",
    "finish_login": "the sealed cookie and the provider's code are the proof",
    "get_server_metadata": "RFC 8414",
    "get_jwks": "public keys",
    "get_liveness": "says only that the process answers",
    "get_readiness": "says only whether the database answers, and the schema's revision",
    "get_metrics": "on the admin port only",
    "show_the_way": "it tells where the contract is",
    "show_docs": "the contract is no secret",
    "show_docs_of": "the contract is no secret",
    "show_document": "the contract is no secret",
}
OPERATOR = {"agencies:read", "agencies:write"}
SCOPES_OF_LATER_CALLS: set[str] = set()
"""Named by the contract, and given out already, for calls that are still to come."""

OPERATOR |= {"agencies:enter"}

SHAPES = {
    "identity_provider_id": "idp", "identity_id": "idn", "grant_id": "bgl",
    "client_id": "cli", "source_id": "src", "endpoint_id": "end", "key_id": "key", "member_id": "mem",
    "assignment_id": "asg", "item_id": "itm", "macro_id": "mac", "queue_id": "que", "case_id": "cas", "shift_id": "shf",
    "absence_id": "abs", "reversal_id": "rev", "decision_id": "dec",
    "backtest_id": "bkt", "contract_id": "ctr", "period_id": "prd", "entry_id": "uen", "threshold_id": "thr", "plan_code": "rpl",
    "list_id": "lst",
    "calendar_id": "cal",
    "hold_id": "hld", "media_id": "med",
    "agency_endpoint_id": "end", "breach_id": "clk",
    "provider_id": "prv", "action_id": "pac",
    "invoice_id": "inv", "quote_id": "quo", "run_id": "brn", "line_id": "inv",
    "external_id": "usg", "erasure_id": "ers", "offboarding_id": "ofb", "agency_id": "agc",
    "delivery_id": "dlv",
}  # fmt: skip


def list_routes(routers):
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


def permission_of(route):
    return (route.openapi_extra or {}).get("x-permission")


def guarded(routers):
    return [route for route in list_routes(routers) if permission_of(route) not in (None, PUBLIC)]


def fill(path):
    """The path with ids that name nothing."""
    return path.format(
        version=1, code="x", policy_code="x", **{name: show_id(prefix, new_id()) for name, prefix in SHAPES.items()}
    )


async def knock(caller, route):
    """The status of a request with an empty object as its body."""
    (method,) = route.methods
    return (await caller.ask(method, fill(route.path_format), None if method in ("GET", "DELETE") else {})).status_code


def test_every_route_of_both_applications_is_of_an_audience_or_public_by_name(world):
    known = {route.path for route in list_routes((*INGEST, *MODERATOR, *OWNER, *ADMIN))}
    open_paths = {
        route.path for route in list_routes((oauth.router, login.router, health.router, metrics.router, docs.router))
    }
    for http in (world.http, world.admin):
        served = set(walk(http._transport.app.routes))
        assert served - known - open_paths <= {"/docs/static"}
        assert served & known


def walk(routes):
    """Paths of an application's routes, those of included routers too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from walk(inner.routes)
        else:
            yield route.path


def test_every_route_declares_a_permission_that_exists():
    member_permissions = frozenset().union(*ROLE_PERMISSIONS.values())
    assert {permission_of(route) for route in guarded((*MODERATOR, *OWNER))} <= member_permissions
    assert {permission_of(route) for route in guarded(INGEST)} <= set(SCOPES)
    assert {permission_of(route) for route in guarded(ADMIN)} == OPERATOR


def test_what_is_public_is_public_for_a_reason():
    routers = (
        *INGEST,
        *MODERATOR,
        *OWNER,
        *ADMIN,
        oauth.router,
        login.router,
        health.router,
        metrics.router,
        docs.router,
    )
    names = {route.name for route in list_routes(routers) if permission_of(route) in (None, PUBLIC)}
    assert names == set(PUBLIC_ROUTES)


def test_every_permission_opens_something():
    used = {permission_of(route) for route in guarded((*MODERATOR, *OWNER, *INGEST))}
    assert frozenset().union(*ROLE_PERMISSIONS.values()) - used == set()
    assert set(SCOPES) - used == SCOPES_OF_LATER_CALLS


def test_a_route_without_a_declared_permission_can_not_be_built():
    async def pass_everybody(_request, _permission): ...

    router: APIRouter = guarded_router("/x", pass_everybody, "x")
    with pytest.raises(TypeError, match="declares no permission"):
        router.get("/y")(test_every_permission_opens_something)


async def test_without_a_credential_every_guarded_door_is_shut(world):
    stranger, operator = Caller(world.http, "x"), Caller(world.admin, "x")
    for route in guarded((*INGEST, *MODERATOR, *OWNER)):
        assert await knock(stranger, route) == 401, route.name
    for route in guarded(ADMIN):
        assert await knock(operator, route) == 401, route.name


@pytest.fixture(scope="session")
async def crew(world):
    """An agency with a client and one member a role."""
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    callers = await asyncio.gather(*(agency.add_moderator(roles=[role]) for role in ROLE_PERMISSIONS))
    return agency, client, dict(zip(ROLE_PERMISSIONS, callers, strict=True))


@pytest.mark.parametrize("role", ROLE_PERMISSIONS)
async def test_a_role_opens_exactly_the_doors_of_its_permissions(crew, role):
    caller = crew[2][role]
    for route in guarded((*MODERATOR, *OWNER)):
        status = await knock(caller, route)
        assert status < 500, route.name
        assert (status not in (401, 403)) == (permission_of(route) in ROLE_PERMISSIONS[role]), (route.name, status)


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_key_opens_exactly_the_doors_of_its_scopes(crew, scope):
    agency, client, _ = crew
    body = {"kind": "api_key", "name": scope, "scopes": [scope]}
    key = await agency.owner.call("POST", f"{client.base}/credentials", body, 201)
    caller = Caller(agency.http, key["api_key"])
    for route in guarded(INGEST):
        status = await knock(caller, route)
        assert (status not in (401, 403)) == (permission_of(route) == scope), (route.name, status)


async def test_clients_and_members_do_not_pass_each_others_doors(crew):
    agency, client, _ = crew
    for route in guarded(INGEST):
        assert await knock(agency.owner, route) == 401, route.name
    for route in guarded((*MODERATOR, *OWNER)):
        assert await knock(client.api, route) == 401, route.name


def test_who_sees_money_sees_no_content_and_the_other_way_round():
    """Accountants never open a case, moderators and leads never read usage."""
    assert "cases:work" not in ROLE_PERMISSIONS["accountant"]
    assert "usage:read" not in ROLE_PERMISSIONS["moderator"]
