"""Tokens: who gets one, what they look like, and everything that is not one."""

import asyncio
import base64
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from tests.api.refusals import read_problem
from tests.support.people import Agency, Caller, Client, Json
from tests.support.world import BASE_URL, World
from veilleur.domain.tenancy.issuer import Issuer
from veilleur_api.grants import LOGIN_CODE

TOKEN = "/oauth/token"
GRANT = {"grant_type": "client_credentials"}


async def add_oauth_client(client: Client, *scopes: str) -> Json:
    body = {"kind": "oauth_client", "name": "server", "scopes": list(scopes) or ["ingest:write", "items:read"]}
    return await client.owner.call("POST", f"{client.base}/credentials", body, 201)


async def ask_token(world: World, form: Any, **headers: Any) -> httpx.Response:
    return await world.http.post(TOKEN, data=form, headers=headers)


def read_error(answer: httpx.Response, status: int, code: str) -> Json:
    """An error of RFC 6749, 5.2."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    error: Json = answer.json()
    assert set(error) == {"error", "error_description"}
    assert error["error"] == code
    return error


def basic(made: Json, **changed: str) -> str:
    made = made | changed
    return "Basic " + base64.b64encode(f"{made['client_id']}:{made['client_secret']}".encode()).decode()


def post(made: Json, **changed: str) -> Json:
    return GRANT | {"client_id": made["client_id"], "client_secret": made["client_secret"]} | changed


async def test_client_credentials_by_header_and_by_form_give_a_token_that_works(world: World, shared_client: Client):
    made = await add_oauth_client(shared_client)
    for answer in (await ask_token(world, GRANT, authorization=basic(made)), await ask_token(world, post(made))):
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        token = answer.json()
        assert set(token) == {"access_token", "token_type", "expires_in", "scope"}
        assert (token["token_type"], token["scope"]) == ("Bearer", "ingest:write items:read")
        assert token["expires_in"] == world.settings.token_lifetime_s
        caller = Caller(world.http, token["access_token"])
        read_problem(await caller.ask("GET", "/ingest/v1/items/x"), 404, "not-found")


async def test_a_token_for_fewer_scopes_can_do_less(world: World, shared_client: Client):
    made = await add_oauth_client(shared_client)
    token = (await ask_token(world, post(made, scope="items:read"))).json()
    assert token["scope"] == "items:read"
    reader = Caller(world.http, token["access_token"])
    read_problem(await reader.ask("GET", "/ingest/v1/items/x"), 404, "not-found")
    read_problem(await reader.ask("POST", "/ingest/v1/items", {}), 403, "missing-scope")


@pytest.mark.parametrize("scope", ["billing:read", "items:read billing:read", "everything", "*"])
async def test_a_token_never_has_more_scopes_than_its_client(world: World, shared_client: Client, scope: str):
    made = await add_oauth_client(shared_client)
    read_error(await ask_token(world, post(made, scope=scope)), 400, "invalid_scope")


async def test_wrong_client_credentials_get_401_invalid_client(world: World, agency: Agency):
    mine, theirs = await agency.add_client(), await agency.add_client()
    made, other = await add_oauth_client(mine), await add_oauth_client(theirs)
    api_key = mine.api.token
    wrong: list[Json] = [
        {"client_secret": made["client_secret"][:-1] + ("1" if made["client_secret"].endswith("0") else "0")},
        {"client_secret": ""},
        {"client_secret": other["client_secret"]},
        {"client_secret": api_key},
        {"client_id": other["client_id"]},
        {"client_id": ""},
        {"client_id": mine.id},
        {"client_id": "é"},
    ]
    for changed in wrong:
        for answer in (
            await ask_token(world, post(made, **changed)),
            await ask_token(world, GRANT, authorization=basic(made, **changed)),
        ):
            read_error(answer, 401, "invalid_client")
            assert answer.headers["www-authenticate"] == "Basic"


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic /w==", "Basic eA==", "Bearer x", "\u00e9"])
async def test_a_garbled_header_is_an_invalid_client(world: World, header: str):
    answer = await ask_token(world, GRANT, authorization=header.encode("latin-1"))
    read_error(answer, 401, "invalid_client")


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", FORM, 400, "invalid_request"),
        (b"grant_type", FORM, 400, "unsupported_grant_type"),
        (b"grant_type=password&username=a&password=b", FORM, 400, "unsupported_grant_type"),
        (b"grant_type=client_credentials&grant_type=client_credentials", FORM, 400, "invalid_request"),
        (b"grant_type=%00", FORM, 400, "invalid_request"),
        (b"grant_type=client_credentials&client_secret=%00&client_id=%ff", FORM, 401, "invalid_client"),
        (b"\xff\xfe=%zz&&&=;", FORM, 400, "invalid_request"),
        (b'{"grant_type": "client_credentials"}', {"content-type": "application/json"}, 400, "invalid_request"),
        (b"--x--", {"content-type": "multipart/form-data; boundary=x"}, 400, "invalid_request"),
        (b"grant_type=client_credentials", {}, 400, "invalid_request"),
        (b"a" * 17_000, FORM, 413, "invalid_request"),
        (b"a=b", FORM | {"content-encoding": "gzip"}, 415, "invalid_request"),
        (b"&".join(b"%x=1" % n for n in range(1_300)), FORM, 400, "invalid_request"),
    ],
)  # fmt: skip
async def test_other_requests_get_the_errors_of_rfc_6749(
    world: World, content: bytes, headers: dict[str, str], status: int, code: str
):
    read_error(await world.http.post(TOKEN, content=content, headers=headers), status, code)


async def add_code(agency: Agency) -> tuple[str, Json]:
    body = {"email": f"{time.time_ns()}@agency.example", "name": "Mo", "roles": ["moderator"]}
    member = await agency.owner.call("POST", "/owner/v1/members", body, 201)
    code = await agency.owner.call("POST", f"/owner/v1/members/{member['id']}/tokens", status=201)
    assert code["grant_type"] == LOGIN_CODE
    return member["id"], {"grant_type": LOGIN_CODE, "code": code["code"]}


async def test_a_login_code_works_once(world: World, agency: Agency):
    member_id, form = await add_code(agency)
    answer = await ask_token(world, form)
    assert answer.status_code == 200
    me = await Caller(world.http, answer.json()["access_token"]).call("GET", "/moderator/v1/me")
    assert me["id"] == member_id
    read_error(await ask_token(world, form), 400, "invalid_grant")


async def test_a_login_code_sent_by_many_at_the_same_moment_works_once(world: World, agency: Agency):
    for _ in range(3):
        _, form = await add_code(agency)
        answers = await asyncio.gather(*(ask_token(world, form) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
        for answer in answers:
            if answer.status_code == 400:
                read_error(answer, 400, "invalid_grant")


async def test_a_login_code_dies_after_a_day(world: World, agency: Agency):
    _, form = await add_code(agency)
    await world.move_clock(timedelta(hours=24, seconds=1))
    read_error(await ask_token(world, form), 400, "invalid_grant")


@pytest.mark.parametrize("code", ["", "x", "vl_code_" + "0" * 38, "\u00e9", "a\0b"])
async def test_a_made_up_login_code_is_an_invalid_grant(world: World, code: str):
    read_error(await ask_token(world, {"grant_type": LOGIN_CODE, "code": code}), 400, "invalid_grant")


async def test_metadata_and_keys_say_how_to_verify_a_token(world: World, shared_agency: Agency):
    metadata = (await world.http.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["issuer"] == BASE_URL
    assert metadata["token_endpoint"] == f"{BASE_URL}/oauth/token"
    assert set(metadata["grant_types_supported"]) == {"client_credentials", "refresh_token", LOGIN_CODE}
    keys = (await world.http.get(metadata["jwks_uri"].removeprefix(BASE_URL))).json()
    assert keys["keys"]
    for key in keys["keys"]:
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
        assert "d" not in key
    token = jwt.decode(shared_agency.owner.token, KeySet.import_key_set(keys), algorithms=["ES256"])
    assert token.header["typ"] == "at+jwt"
    assert (token.claims["iss"], token.claims["aud"]) == (BASE_URL, "veilleur")
    assert token.claims["agc"] == shared_agency.id


def sign(issuer: Issuer, token: str, *, header: Json | None = None, key: Any = None, **changed: Any) -> str:
    """The claims of a good token again, changed, and signed with our own key unless another is given."""
    claims = jwt.decode(token, issuer._public, algorithms=["ES256"]).claims | changed
    claims = {name: value for name, value in claims.items() if value is not None}
    own = issuer._require_key()
    full = {"alg": "ES256", "typ": "at+jwt", "kid": own.kid} | (header or {})
    return jwt.encode(full, claims, key or own, algorithms=[full["alg"]])


def encode(part: Json | bytes) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def sign_hs256(kid: str | None, body: str, secret: bytes) -> str:
    """By hand: a library for tokens knows this attack and refuses to take part."""
    signed = f"{encode({'alg': 'HS256', 'typ': 'at+jwt', 'kid': kid})}.{body}"
    return f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"


def tamper(issuer: Issuer, token: str) -> dict[str, str]:
    """Tokens that are all but right."""
    head, body, signature = token.split(".")
    own, now = issuer._require_key(), int(time.time())
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    pem, jwk = own.as_pem(private=False), json.dumps(own.as_dict(private=False)).encode()
    stranger = ECKey.generate_key("P-256")
    agency_swapped = encode(claims | {"agc": "agc_" + "0" * 26})
    return {
        "alg none": f"{encode({'alg': 'none', 'typ': 'at+jwt'})}.{body}.",
        "alg None with our kid": f"{encode({'alg': 'None', 'typ': 'at+jwt', 'kid': own.kid})}.{body}.",
        "no signature": f"{head}.{body}.",
        "HS256 with the public PEM": sign_hs256(own.kid, body, pem),
        "HS256 with the public JWK": sign_hs256(own.kid, body, jwk),
        "another key under our kid": sign(issuer, token, key=stranger),
        "a key of its own in the header": sign(
            issuer, token, header={"jwk": stranger.as_dict(private=False)}, key=stranger
        ),
        "an unknown kid": sign(issuer, token, header={"kid": "nobody"}),
        "other claims under the signature": f"{head}.{agency_swapped}.{signature}",
        "half a signature": f"{head}.{body}.{signature[:40]}",
        "another issuer": sign(issuer, token, iss="https://elsewhere.example"),
        "another audience": sign(issuer, token, aud="elsewhere"),
        "no audience": sign(issuer, token, aud=None),
        "expired": sign(issuer, token, iat=now - 900, exp=now - 60),
        "never expires": sign(issuer, token, exp=None),
        "expires in a word": sign(issuer, token, exp="tomorrow"),
        "from the future": sign(issuer, token, iat=now + 600),
        "an ID token": sign(issuer, token, header={"typ": "JWT"}),
        "another typ": sign(issuer, token, header={"typ": "logout+jwt"}),
        "no agency": sign(issuer, token, agc=None),
        "an agency that is none": sign(issuer, token, agc="agc_x"),
        "no subject": sign(issuer, token, sub=None),
        "a subject of another kind": sign(issuer, token, sub="usr_" + "0" * 26),
        "a number as subject": sign(issuer, token, sub=7),
        "a member of nobody": sign(issuer, token, sub="mem_" + "0" * 26),
        "a client's token of a member": sign(issuer, token, cli="cli_" + "0" * 26),
        "not base64": "a.b.c",
        "a list as header": f"{encode(b'[]')}.{body}.{signature}",
        "a list as alg": f"{encode({'alg': ['ES256']})}.{body}.{signature}",
        "deep header": f"{encode(b'[' * 5_000)}.{body}.{signature}",
        "digits": f"{encode(b'9' * 5_000)}.{body}.{signature}",
        "five parts": f"{head}.{body}.{signature}.{head}.{body}",
        "very long": f"{head}.{body}.{signature}" + "A" * 9_000,
    }


async def test_a_token_signed_like_ours_works(world: World, shared_agency: Agency):
    """The ground the next test stands on: what it changes is what makes the difference."""
    same = Caller(world.http, sign(world.parts.issuer, shared_agency.owner.token))
    await same.call("GET", "/owner/v1/clients", status=200)


async def test_tampered_tokens_get_401(world: World, shared_agency: Agency):
    accepted = []
    for name, token in tamper(world.parts.issuer, shared_agency.owner.token).items():
        for path in ("/owner/v1/clients", "/moderator/v1/me", "/ingest/v1/items/x"):
            answer = await Caller(world.http, token).ask("GET", path)
            if answer.status_code != 401:
                accepted.append((name, path, answer.status_code))
            else:
                read_problem(answer, 401, "unauthenticated")
                assert answer.headers["www-authenticate"] == "Bearer"
    assert accepted == []


async def test_a_token_opens_its_own_agency_only(world: World, shared_agency: Agency):
    other = await world.operator.found_agency()
    client = await other.add_client()
    read_problem(await shared_agency.owner.ask("GET", client.base), 404, "not-found")
    crossed = Caller(world.http, sign(world.parts.issuer, shared_agency.owner.token, agc=other.id))
    read_problem(await crossed.ask("GET", client.base), 401, "unauthenticated")


@pytest.mark.parametrize(
    "scheme", ["", "Bearer", "Bearer ", "Basic {}", "Token {}", "{}", "Bearer {} {}", "Bearer x{}"]
)
async def test_a_key_in_another_form_gets_401(world: World, shared_client: Client, scheme: str):
    headers = {"authorization": scheme.format(*[shared_client.api.token] * 2)}
    read_problem(await world.http.get("/ingest/v1/items/x", headers=headers), 401, "unauthenticated")


async def test_api_keys_with_a_typo_get_401(world: World, shared_client: Client):
    key = shared_client.api.token
    typos = [
        key[:-1],
        key + "0",
        key[:20] + ("a" if key[20] != "a" else "b") + key[21:],
        key[:-1] + ("a" if key[-1] != "a" else "b"),
        key.replace("vl_live_", "vl_test_"),
        key.swapcase(),
        key.removeprefix("vl_live_"),
        key[:-6] + "\u00e9" * 6,
    ]
    for typo in typos:
        answer = await world.http.get(
            "/ingest/v1/items/x", headers={"authorization": f"Bearer {typo}".encode("latin-1")}
        )
        read_problem(answer, 401, "unauthenticated")


async def test_the_secret_of_an_oauth_client_is_no_api_key(world: World, shared_client: Client):
    made = await add_oauth_client(shared_client)
    read_problem(
        await Caller(world.http, made["client_secret"]).ask("GET", "/ingest/v1/items/x"), 401, "unauthenticated"
    )


async def test_what_was_revoked_is_refused_everywhere_within_five_seconds(world: World, agency: Agency):
    client = await agency.add_client()
    made = await add_oauth_client(client)
    token = Caller(world.http, (await ask_token(world, post(made))).json()["access_token"])
    moderator = await agency.add_moderator()
    member_id = (await moderator.call("GET", "/moderator/v1/me"))["id"]
    [key_id] = [
        key["id"]
        for key in (await client.owner.call("GET", f"{client.base}/credentials"))["data"]
        if key["kind"] == "api_key"
    ]
    doors = [
        (client.api, "/ingest/v1/items/x", 404),
        (token, "/ingest/v1/items/x", 404),
        (moderator, "/moderator/v1/me", 200),
    ]
    for caller, path, status in doors:
        assert (await caller.ask("GET", path)).status_code == status
    await client.owner.call("DELETE", f"{client.base}/credentials/{key_id}", status=204)
    await client.owner.call("DELETE", f"{client.base}/credentials/{made['id']}", status=204)
    await agency.owner.call("PATCH", f"/owner/v1/members/{member_id}", {"active": False}, 200)
    await asyncio.sleep(5.05)
    for caller, path, _ in doors:
        read_problem(await caller.ask("GET", path), 401, "unauthenticated")
    read_error(await ask_token(world, post(made)), 401, "invalid_client")
    answer = await agency.owner.ask("POST", f"/owner/v1/members/{member_id}/tokens")
    read_problem(answer, 409, "conflict")


async def test_a_role_taken_away_is_gone_within_five_seconds(world: World, agency: Agency):
    """The cache of look-ups is emptied instead of waited for: the roles are those of now, not of the token."""
    lead = await agency.add_moderator(roles=["lead"])
    member_id = (await lead.call("GET", "/moderator/v1/me"))["id"]
    await lead.call("GET", "/owner/v1/clients", status=200)
    await agency.owner.call("PATCH", f"/owner/v1/members/{member_id}", {"roles": ["moderator"]}, 200)
    world.parts.lookups._members._kept.clear()
    read_problem(await lead.ask("GET", "/owner/v1/clients"), 403, "forbidden")
