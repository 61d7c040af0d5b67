"""Sources, endpoints and credentials: what is refused, and that secrets are shown once."""

import json
from typing import Any

import pytest

from tests.api.refusals import read_pointers, read_problem, receipts_of
from tests.support.people import Client, Json, unique
from tests.support.world import World
from veilleur.infra.security.standard_webhooks import parse_webhook_secret, sign_webhook
from veilleur.kernel.clock import now

SECRET = "whsec_" + "A" * 40 + "AAA="
RAW = b'{"type": "item.created", "data": {"external_id": "c", "text": "x"}}'


@pytest.mark.parametrize(
    ("what", "body", "pointers"),
    [
        ("sources", {}, ["/kind", "/name"]),
        ("sources", {"kind": "smoke", "name": "x"}, ["/kind"]),
        ("sources", {"kind": "slack", "name": "x"}, ["/settings/signing_secret"]),
        ("sources", {"kind": "meta", "name": "x", "settings": {"accounts": ["x"]}}, ["/settings/app_secret", "/settings/accounts/0"]),
        ("sources", {"kind": "discord", "name": "x", "settings": {"public_key": "ABC", "z": 1}}, ["/settings/public_key", "/settings/z"]),
        ("sources", {"kind": "standard", "name": "x", "mode": "silent", "colour": 1}, ["/mode", "/colour"]),
        ("sources", {"kind": "standard", "name": "x", "settings": []}, ["/settings"]),
        ("sources", {"kind": "standard", "name": "x", "settings": {"secret": 5}}, ["/settings/secret"]),
        ("sources", {"kind": "standard", "name": "x", "settings": {"secret": "x"}}, ["/settings/secret"]),
        ("sources", {"kind": "standard", "name": "x", "settings": {"secret": "whsec_é"}}, ["/settings/secret"]),
        ("sources", {"kind": "standard", "name": "x", "settings": {"secret": "whsec_QUJD"}}, ["/settings/secret"]),
        ("sources", {"kind": "standard", "name": "x", "settings": {"a": 1, "b": 2}}, ["/settings/a", "/settings/b"]),
        ("endpoints", {}, ["/url"]),
        ("endpoints", {"url": ""}, ["/url"]),
        ("endpoints", {"url": 1, "events": ["x", "ping"]}, ["/url", "/events/0"]),
        ("endpoints", {"url": "ftp://example.com"}, ["/url"]),
        ("endpoints", {"url": "https://"}, ["/url"]),
        ("endpoints", {"url": "https://user:pass@example.com/"}, ["/url"]),
        ("endpoints", {"url": "http://10.0.0.1/"}, ["/url"]),
        ("endpoints", {"url": "https://169.254.169.254/latest/meta-data"}, ["/url"]),
        ("endpoints", {"url": "https://[::1]/"}, ["/url"]),
        ("endpoints", {"url": "https://exa mple.com/"}, ["/url"]),
        ("endpoints", {"url": "https://example.com/" + "x" * 2_048}, ["/url"]),
        ("credentials", {}, ["/kind", "/name", "/scopes"]),
        ("credentials", {"kind": "api_key", "name": "x", "scopes": []}, ["/scopes"]),
        ("credentials", {"kind": "api_key", "name": "x", "scopes": ["items:read", "all"]}, ["/scopes/1"]),
        ("credentials", {"kind": "password", "name": "", "scopes": "all", "test": 1}, ["/kind", "/name", "/scopes", "/test"]),
    ],
)  # fmt: skip
async def test_a_connection_of_another_shape_gets_422_and_is_not_made(
    shared_client: Client, what: str, body: Json, pointers: list[str]
):
    path = f"{shared_client.base}/{what}"
    before = await shared_client.owner.call("GET", path)
    assert read_pointers(await shared_client.owner.ask("POST", path, body), 422, "invalid") == pointers
    assert await shared_client.owner.call("GET", path) == before


async def test_secrets_are_shown_once_and_kept_sealed(world: World, client: Client):
    source = {"kind": "standard", "name": "second", "settings": {"secret": SECRET}}
    key = {"kind": "api_key", "name": "k", "scopes": ["items:read"]}
    made = [
        await client.owner.call("POST", f"{client.base}/sources", source, 201),
        await client.add_endpoint("https://example.com/hook"),
        await client.owner.call("POST", f"{client.base}/credentials", key, 201),
        await client.owner.call("POST", f"{client.base}/credentials", key | {"kind": "oauth_client"}, 201),
    ]
    secrets = [one["secret"] for one in made]
    assert secrets[0] == SECRET
    for what in ("sources", "endpoints", "credentials"):
        listed = json.dumps(await client.owner.call("GET", f"{client.base}/{what}"))
        assert not any(secret in listed for secret in secrets)
    for table in ("source_secrets", "endpoint_secrets", "credentials", "audit_entries"):
        rows = str([dict(row) for row in await world.fetch(f"SELECT * FROM {table}")])
        assert not any(secret.removeprefix("whsec_") in rows for secret in secrets)
        assert not any(repr(parse_webhook_secret(one, "")) in rows for one in secrets[:2])


async def test_a_rotated_secret_and_the_one_before_both_hold_until_the_overlap_ends(client: Client):
    path = f"{client.base}/sources/{client.source['id']}/secrets"
    fresh = await client.owner.call("POST", path, {"overlap_s": 3_600}, 201)
    stamp = int(now().timestamp())
    for number, secret in enumerate((client.source["secret"], fresh["secret"])):
        headers = sign_webhook(RAW, f"msg_{number}", stamp, [parse_webhook_secret(secret, "")])
        assert receipts_of(await client.post(RAW, headers))[0][0] in ("accepted", "duplicate")


async def test_a_secret_replaced_without_overlap_is_dead_within_five_seconds(world: World, client: Client):
    path = f"{client.base}/sources/{client.source['id']}/secrets"
    fresh = await client.owner.call("POST", path, {"secret": SECRET, "overlap_s": 0}, 201)
    assert fresh["secret"] == SECRET
    world.parts.lookups._sources._kept.clear()
    read_problem(await client.post(RAW), 401, "bad-signature")
    headers = sign_webhook(RAW, unique("msg"), int(now().timestamp()), [parse_webhook_secret(SECRET, "")])
    assert receipts_of(await client.post(RAW, headers)) == [("accepted", 1)]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"overlap_s": -1}, ["/overlap_s"]),
        ({"overlap_s": 2**53}, ["/overlap_s"]),
        ({"overlap_s": 1.5, "secret": 1}, ["/secret", "/overlap_s"]),
        ({"secret": "whsec_"}, ["/secret"]),
        ({"settings": {}}, ["/settings"]),
    ],
)
async def test_a_rotation_of_another_shape_gets_422(shared_client: Client, body: Any, pointers: list[str]):
    path = f"{shared_client.base}/sources/{shared_client.source['id']}/secrets"
    assert read_pointers(await shared_client.owner.ask("POST", path, body), 422, "invalid") == pointers


async def test_names_of_sources_are_given_once_a_client(client: Client):
    body = {"kind": "standard", "name": "main"}
    read_problem(await client.owner.ask("POST", f"{client.base}/sources", body), 409, "name-taken")


async def test_what_hangs_under_another_client_is_not_there(shared_agency: Any, client: Client):
    other = await shared_agency.add_client()
    endpoint = await other.add_endpoint("https://example.com/")
    [key] = (await other.owner.call("GET", f"{other.base}/credentials"))["data"]
    mine = await shared_agency.add_client()
    for method, path, body in (
        ("POST", f"{mine.base}/sources/{other.source['id']}/secrets", {}),
        ("POST", f"{mine.base}/endpoints/{endpoint['id']}/ping", None),
        ("DELETE", f"{mine.base}/endpoints/{endpoint['id']}", None),
        ("DELETE", f"{mine.base}/credentials/{key['id']}", None),
    ):
        read_problem(await mine.owner.ask(method, path, body), 404, "not-found")
    read_problem(await other.api.ask("GET", "/ingest/v1/items/x"), 404, "not-found")


async def test_a_disabled_endpoint_is_not_pinged(client: Client):
    endpoint = await client.add_endpoint("https://example.com/")
    path = f"{client.base}/endpoints/{endpoint['id']}"
    assert (await client.owner.call("POST", f"{path}/ping", status=202))["delivery_id"]
    await client.owner.call("DELETE", path, status=204)
    read_problem(await client.owner.ask("POST", f"{path}/ping"), 409, "endpoint-disabled")


async def test_revoking_twice_is_revoking(client: Client):
    [key] = (await client.owner.call("GET", f"{client.base}/credentials"))["data"]
    for _ in range(2):
        await client.owner.call("DELETE", f"{client.base}/credentials/{key['id']}", status=204)
    [revoked] = (await client.owner.call("GET", f"{client.base}/credentials"))["data"]
    assert revoked["revoked_at"]
