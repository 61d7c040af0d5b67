"""Members who are known elsewhere: tokens of an agency's own provider as bearers, and logging in there."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.api.refusals import read_problem
from tests.support.idp import Idp, encode, open_idp
from tests.support.mutants import forge
from tests.support.people import Agency, Caller, Json, unique
from tests.support.world import BASE_URL, World
from veilleur.kernel.ids import parse_id

ME = "/moderator/v1/me"
PROVIDERS = "/owner/v1/identity-providers"


@pytest.fixture
async def idp() -> AsyncIterator[Idp]:
    async with open_idp("RSA", "EC") as idp:
        yield idp


async def trust(agency: Agency, idp: Idp, **terms: Any) -> Json:
    body = {
        "name": "Company",
        "issuer": idp.issuer,
        "audience": "veilleur-api",
        "algorithms": ["RS256", "ES256"],
        "login_client_id": "veilleur-web",
        "login_secret": "s3cret:&",
    } | terms
    return await agency.owner.call("POST", PROVIDERS, body, 201)


async def invite(agency: Agency, roles: list[str] | None = None) -> tuple[str, str]:
    """A new member's id and login code."""
    body = {"email": f"{unique('m')}@agency.example", "name": "Mo", "roles": roles or ["moderator"]}
    member_id = (await agency.owner.call("POST", "/owner/v1/members", body, 201))["id"]
    code = await agency.owner.call("POST", f"/owner/v1/members/{member_id}/tokens", status=201)
    return member_id, code["code"]


async def link(agency: Agency, token: str, roles: list[str] | None = None) -> str:
    member_id, code = await invite(agency, roles)
    form = {"grant_type": "urn:veilleur:grant-type:login-code", "code": code, "identity_token": token}
    answer = await agency.http.post("/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    agency.http._transport.app.state.parts.lookups.forget()  # type: ignore[attr-defined]
    return member_id


async def test_a_token_of_the_agencys_provider_is_a_bearer_once_its_subject_is_linked(
    world: World, agency: Agency, idp: Idp
):
    await trust(agency, idp)
    caller = Caller(world.http, idp.sign())
    read_problem(await caller.ask("GET", ME), 403, "unlinked-identity")
    member_id = await link(agency, idp.sign())
    assert (await caller.call("GET", ME, status=200))["id"] == member_id
    assert (await Caller(world.http, idp.sign(idp.keys[1])).call("GET", ME))["id"] == member_id
    read_problem(await Caller(world.http, idp.sign(sub="u-2")).ask("GET", ME), 403, "unlinked-identity")
    read_problem(await Caller(world.http, idp.sign()).ask("GET", "/owner/v1/clients"), 403, "forbidden")
    read_problem(await Caller(world.http, idp.sign()).ask("GET", "/ingest/v1/me"), 401, "unauthenticated")


async def test_of_two_hundred_forged_tokens_none_is_a_bearer(world: World, agency: Agency, idp: Idp):
    await trust(agency, idp)
    await link(agency, idp.sign())

    def sign(*, key: Any = None, header: Json | None = None, **claims: Any) -> str:
        return idp.sign(key, header=header, **claims)

    for key in idp.keys:
        forgeries = dict(forge(idp.sign(key), key, lambda *, key=key, **more: sign(key=key, **more)))
        assert len(forgeries) >= 200
        accepted = []
        for name, token in forgeries.items():
            bearer = f"Bearer {token}".encode("utf-8", "surrogatepass")
            answer = await world.http.get(ME, headers={"authorization": bearer})
            if answer.status_code not in (401, 403) or (answer.status_code == 403 and "sub" not in name):
                accepted.append((name, answer.status_code))
        assert accepted == []
    assert len(idp.asked) < 10, "made-up keys must not make us ask the provider"


async def test_an_issuer_nobody_trusts_is_never_asked(world: World, idp: Idp):
    read_problem(await Caller(world.http, idp.sign()).ask("GET", ME), 401, "unauthenticated")
    assert idp.asked == []


async def test_a_provider_takes_roles_away_and_adds_none(world: World, agency: Agency, idp: Idp):
    await trust(agency, idp, role_claim="realm_access.roles", role_map={"boss": "owner", "mods": "moderator"})
    await link(agency, idp.sign(realm_access={"roles": ["mods"]}), ["moderator", "lead"])
    for named, path, status in (
        (["mods"], ME, 200),
        (["mods"], "/owner/v1/clients", 403),
        (["boss"], "/owner/v1/clients", 403),
        ([], ME, 403),
    ):
        caller = Caller(world.http, idp.sign(realm_access={"roles": named}))
        assert (await caller.ask("GET", path)).status_code == status, (named, path)


async def test_one_provider_of_two_agencies_needs_to_be_told_which_is_meant(world: World, agency: Agency, idp: Idp):
    other = await world.operator.found_agency()
    members = []
    for one in (agency, other):
        await trust(one, idp)
        members.append(await link(one, idp.sign()))
    caller = Caller(world.http, idp.sign())
    read_problem(await caller.ask("GET", ME), 403, "which-agency")
    for one, member_id in zip((agency, other), members, strict=True):
        assert (await caller.call("GET", ME, veilleur_agency=one.id))["id"] == member_id
    for wrong in ("agc_x", "", (await world.operator.found_agency()).id):
        read_problem(await caller.ask("GET", ME, veilleur_agency=wrong), 401, "unauthenticated")


async def test_another_agency_gains_nothing_by_trusting_the_same_provider(world: World, agency: Agency, idp: Idp):
    await trust(agency, idp)
    member_id = await link(agency, idp.sign())
    thief = await world.operator.found_agency()
    await trust(thief, idp)
    world.parts.lookups.forget()
    assert (await Caller(world.http, idp.sign()).call("GET", ME))["id"] == member_id


async def test_what_is_taken_back_is_refused(world: World, agency: Agency, idp: Idp):
    provider = await trust(agency, idp)
    member_id = await link(agency, idp.sign())
    caller = Caller(world.http, idp.sign())
    path = f"/owner/v1/members/{member_id}/identities"
    [identity] = (await agency.owner.call("GET", path))["data"]
    assert (identity["provider"], identity["subject"]) == (provider["id"], "u-1")
    await agency.owner.call("PATCH", f"{PROVIDERS}/{provider['id']}", {"active": False}, 200)
    world.parts.lookups.forget()
    read_problem(await caller.ask("GET", ME), 401, "unauthenticated")
    await agency.owner.call("PATCH", f"{PROVIDERS}/{provider['id']}", {"active": True}, 200)
    world.parts.lookups.forget()
    await caller.call("GET", ME, status=200)
    await agency.owner.call("DELETE", f"{path}/{identity['id']}", status=204)
    world.parts.lookups.forget()
    read_problem(await caller.ask("GET", ME), 403, "unlinked-identity")


async def test_while_the_provider_is_down_its_tokens_go_on(world: World, agency: Agency, idp: Idp):
    await trust(agency, idp)
    await link(agency, idp.sign())
    idp.down = True
    await Caller(world.http, idp.sign()).call("GET", ME, status=200)


async def test_a_provider_that_never_answered_is_unavailable_and_not_our_fault(world: World, agency: Agency, idp: Idp):
    idp.down = True
    await trust(agency, idp)
    world.parts.lookups.forget()
    answer = await Caller(world.http, idp.sign()).ask("GET", ME)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


# --- logging in -------------------------------------------------------------------------------------------------------


class Browser:
    """Goes where it is sent and keeps the cookie."""

    def __init__(self, world: World, idp: Idp, provider: Json) -> None:
        self.world, self.idp = world, idp
        self.path = f"/oauth/login/{provider['id']}"
        self.cookie = ""
        self.sent: dict[str, str] = {}

    async def begin(self, **query: str) -> dict[str, str]:
        answer = await self.world.http.get(self.path, params=query)
        assert answer.status_code == 303, answer.text
        location = urlsplit(answer.headers["location"])
        assert f"{location.scheme}://{location.netloc}{location.path}" == f"{self.idp.issuer}/authorize"
        self.sent = {name: values[0] for name, values in parse_qs(location.query).items()}
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        assert "HttpOnly" in answer.headers["set-cookie"]
        self.world.http.cookies.clear()
        return self.sent

    def let_in(self, token: str | None = None, **claims: Any) -> None:
        """The provider's token endpoint will know the code `good`."""
        given = token or self.idp.sign_identity(**({"nonce": self.sent["nonce"]} | claims))
        self.idp.codes["good"] = {"access_token": "opaque", "token_type": "Bearer", "id_token": given}

    async def come_back(self, cookie: str | None = None, **query: str) -> httpx.Response:
        params = {"code": "good", "state": self.sent["state"]} | query
        headers = {"cookie": self.cookie if cookie is None else cookie}
        answer = await self.world.http.get(f"{self.path}/callback", params=params, headers=headers)
        self.world.http.cookies.clear()
        return answer


@pytest.fixture
async def browser(world: World, agency: Agency, idp: Idp) -> Browser:
    return Browser(world, idp, await trust(agency, idp))


async def test_logging_in_ends_in_tokens_of_our_own(world: World, agency: Agency, idp: Idp, browser: Browser):
    member_id, code = await invite(agency)
    sent = await browser.begin(code=code)
    assert sent["response_type"] == "code"
    assert (sent["scope"], sent["client_id"], sent["code_challenge_method"]) == ("openid", "veilleur-web", "S256")
    browser.let_in()
    answer = await browser.come_back()
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert (await Caller(world.http, tokens["access_token"]).call("GET", ME))["id"] == member_id
    assert tokens["refresh_token"].startswith("vl_refresh_")
    form, headers = idp.redeemed[0]
    assert form["redirect_uri"] == sent["redirect_uri"]
    assert len(form["code_verifier"]) >= 43
    assert headers["authorization"].startswith("Basic ")
    # The second time nobody needs an invitation.
    await browser.begin()
    browser.let_in()
    assert (await browser.come_back()).status_code == 200


async def test_who_is_not_linked_does_not_get_in(agency: Agency, browser: Browser):
    for query in ({}, {"code": "vl_code_made_up"}, {"code": (await invite(agency))[1][:-1]}):
        await browser.begin(**query)
        browser.let_in()
        read_problem(await browser.come_back(), 403, "unlinked-identity")


async def test_a_login_code_of_another_agency_links_nobody(world: World, browser: Browser):
    _, code = await invite(await world.operator.found_agency())
    await browser.begin(code=code)
    browser.let_in()
    read_problem(await browser.come_back(), 403, "unlinked-identity")


async def test_an_answer_without_the_browser_that_began_leads_nowhere(agency: Agency, browser: Browser):
    """Login CSRF (CVE-2025-68158, CVE-2026-41425): the state is in the browser's own sealed cookie, nowhere else."""
    _, code = await invite(agency)
    await browser.begin(code=code)
    browser.let_in()
    cookie = browser.cookie
    for wrong in ("", "veilleur_login=", "veilleur_login=AAAA", cookie[:-8] + "AAAAAAAA", cookie + "AAAA"):
        read_problem(await browser.come_back(cookie=wrong), 403, "login-failed")
    for state in ("", "x", browser.sent["state"][:-1]):
        read_problem(await browser.come_back(state=state), 403, "login-failed")
    read_problem(await browser.come_back(iss="https://elsewhere.example"), 403, "login-failed")
    read_problem(await browser.come_back(error="access_denied"), 403, "login-failed")
    await browser.begin()
    read_problem(await browser.come_back(cookie=cookie), 403, "login-failed")
    assert browser.idp.redeemed == []


async def test_one_providers_answer_is_not_taken_for_anothers(world: World, agency: Agency, idp: Idp, browser: Browser):
    async with open_idp() as other:
        second = Browser(world, other, await trust(agency, other))
        await browser.begin()
        await second.begin()
        read_problem(await second.come_back(cookie=browser.cookie, state=browser.sent["state"]), 403, "login-failed")


async def test_id_tokens_that_do_not_hold_are_refused(agency: Agency, idp: Idp, browser: Browser):
    """`none` is refused also where the provider's own metadata allow it, and the issuer is always compared."""
    idp.metadata["id_token_signing_alg_values_supported"] = ["none", "HS256", "RS256"]
    _, code = await invite(agency)
    await browser.begin(code=code)
    nonce = browser.sent["nonce"]
    head, body, _ = idp.sign_identity(nonce=nonce).split(".")
    wrong = {
        "none": f"{encode({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        "no signature": f"{head}.{body}.",
        "another nonce": idp.sign_identity(nonce="x"),
        "no nonce": idp.sign_identity(),
        "another issuer": idp.sign_identity(nonce=nonce, iss="https://elsewhere.example"),
        "another audience": idp.sign_identity(nonce=nonce, aud="veilleur-api"),
        "another party": idp.sign_identity(nonce=nonce, azp="somebody"),
        "expired": idp.sign_identity(nonce=nonce, iat=1, exp=2),
        "another access token": idp.sign_identity(nonce=nonce, at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
        "an access token": idp.sign(nonce=nonce),
    }
    for name, token in wrong.items():
        browser.let_in(token)
        answer = await browser.come_back()
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:veilleur:problem:login-failed"), name
    browser.let_in()
    assert (await browser.come_back()).status_code == 200


async def test_nobody_chooses_where_the_browser_is_sent(browser: Browser):
    """CVE-2026-44681: there is no address to give."""
    sent = await browser.begin(redirect_uri="https://elsewhere.example", next="//elsewhere.example")
    assert sent["redirect_uri"].startswith(f"{BASE_URL}/oauth/login/idp_")
    assert "elsewhere" not in str(sent)


async def test_a_code_that_is_refused_is_no_log_in(browser: Browser):
    await browser.begin()
    read_problem(await browser.come_back(), 403, "login-failed")
    browser.idp.raw["/token"] = (500, {}, b"")
    assert (await browser.come_back()).status_code == 503


async def test_who_logged_in_by_a_provider_is_logged_out_when_it_is_not_trusted_any_more(
    world: World, agency: Agency, browser: Browser
):
    _, code = await invite(agency)
    await browser.begin(code=code)
    browser.let_in()
    tokens = (await browser.come_back()).json()
    provider = browser.path.rpartition("/")[2]
    await agency.owner.call("PATCH", f"{PROVIDERS}/{provider}", {"active": False}, 200)
    world.parts.lookups.forget()
    read_problem(await Caller(world.http, tokens["access_token"]).ask("GET", ME), 401, "unauthenticated")
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await world.http.post("/oauth/token", data=form)).status_code == 400
    read_problem(await world.http.get(browser.path), 404, "not-found")


# --- what the owner sees ----------------------------------------------------------------------------------------------


async def test_a_provider_is_kept_without_ever_showing_its_secret(world: World, agency: Agency, idp: Idp):
    made = await trust(agency, idp)
    assert made["has_login_secret"]
    assert made["login_url"].endswith(f"/oauth/login/{made['id']}")
    listed = await agency.owner.call("GET", PROVIDERS)
    assert "s3cret" not in str(listed) + str(made)
    [row] = await world.fetch("SELECT * FROM identity_providers WHERE agency_id = $1", parse_id("agc", agency.id))
    assert b"s3cret" not in row["login_secret"]
    path = f"{PROVIDERS}/{made['id']}"
    answer = await agency.owner.ask("PATCH", path, {"name": "New"}, if_match='"7"')
    read_problem(answer, 412, "precondition-failed")
    changed = await agency.owner.call("PATCH", path, {"name": "New", "login_secret": None}, 200, if_match='"1"')
    assert (changed["name"], changed["has_login_secret"], changed["issuer"]) == ("New", False, idp.issuer)
    read_problem(await agency.owner.ask("POST", PROVIDERS, {"name": "x", "issuer": idp.issuer, "audience": "a"}), 409, "identity-provider-taken")  # fmt: skip


@pytest.mark.parametrize(
    ("terms", "pointers"),
    [
        ({"algorithms": ["HS256", "none"]}, ["/algorithms/0", "/algorithms/1"]),
        ({"issuer": "http://veilleur.test"}, ["/issuer"]),
        ({"issuer": "ftp://x.example"}, ["/issuer"]),
        ({"issuer": "https://10.0.0.1"}, ["/issuer"]),
        ({"issuer": "https://x.example/?a=b"}, ["/issuer"]),
        ({"jwks_uri": "https://169.254.169.254/keys"}, ["/jwks_uri"]),
        ({"audience": None}, ["/audience"]),
        ({"login_client_id": "veilleur-api"}, ["/audience"]),
        ({"login_secret": "x"}, ["/login_secret"]),
        ({"role_map": {"x": "emperor"}}, ["/role_map/x"]),
        ({"role_claim": "a..b"}, ["/role_claim"]),
        ({"algorithms": []}, ["/algorithms"]),
        ({"surprise": 1}, ["/surprise"]),
    ],
)
async def test_what_can_not_be_pinned_is_refused_with_a_pointer(
    shared_agency: Agency, terms: Json, pointers: list[str]
):
    body = {"name": "x", "issuer": "https://login.example", "audience": "veilleur-api"} | terms
    answer = await shared_agency.owner.ask("POST", PROVIDERS, body)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


async def test_many_first_log_ins_at_once_make_one_identity(agency: Agency, idp: Idp):
    await trust(agency, idp)
    forms = []
    for _ in range(4):
        _, code = await invite(agency)
        forms.append({"grant_type": "urn:veilleur:grant-type:login-code", "code": code, "identity_token": idp.sign()})
    answers = await asyncio.gather(*(agency.http.post("/oauth/token", data=form) for form in forms))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
