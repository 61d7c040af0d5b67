"""Two hundred forgeries of every kind of proof there is, and none is taken for a good one."""

import base64
import random
from importlib.metadata import version
from typing import Any

import pytest

from tests.api.test_tokens import add_oauth_client, post
from tests.support.idp import sign_raw
from tests.support.mutants import flip, forge
from tests.support.people import Agency, Client, Json
from tests.support.world import OPERATOR_KEY, World
from veilleur.domain.tenancy.bearer import read_token

RAW = b'{"type": "item.deleted", "data": {"external_id": "c_1"}}'


def spoil(secret: str, seed: int = 7) -> set[str]:
    """A secret with a slip of the pen, cut, doubled, in other letters, or guessed."""
    dice = random.Random(seed)
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    spoiled = {one for _, one in flip(secret, 100, seed)}
    for _ in range(60):
        here = dice.randrange(len(secret) - 1)
        spoiled.add(secret[:here] + secret[here + 1] + secret[here] + secret[here + 2 :])
    spoiled |= {secret[:cut] for cut in range(1, len(secret), 2)} | {secret[cut:] for cut in range(1, len(secret), 2)}
    spoiled |= {secret * 2, secret + " x", secret.swapcase(), secret.upper(), secret.lower(), secret + "\u00a0"}
    spoiled |= {secret + one for one in letters[:20]} | {one + secret for one in letters[:20]}
    spoiled |= {secret[:8] + "".join(dice.choices(letters, k=len(secret) - 8)) for _ in range(30)}
    return spoiled - {secret, ""}


async def count_let_in(world: World, path: str, tokens: set[str] | dict[str, str], admin: bool = False) -> list[str]:
    http = world.admin if admin else world.http
    let_in = []
    for name, token in (tokens if isinstance(tokens, dict) else {one: one for one in tokens}).items():
        answer = await http.get(path, headers={"authorization": f"Bearer {token}".encode()})
        if answer.status_code != 401:
            let_in.append(name)
    return let_in


def test_libraries_are_past_the_holes_that_are_known():
    """Floors, so that no resolver goes back behind them."""
    for name, floor in (("authlib", (1, 9)), ("joserfc", (1, 7, 4)), ("starlette", (1, 0, 1)), ("cryptography", (45,))):
        assert tuple(int(part) for part in version(name).split(".")[:3]) >= floor, name


@pytest.mark.parametrize(
    "host", ["veilleur.test/livez?", "veilleur.test#", "x/livez", "[", "veilleur.test:80/livez?x="]
)
async def test_a_host_header_moves_no_request_past_its_gate(world: World, host: str):
    """CVE-2026-48710: the path that is authorised is never read from the URL that the Host header is a part of."""
    for path in ("/owner/v1/clients", "/moderator/v1/me", "/ingest/v1/me"):
        assert (await world.http.get(path, headers={"host": host})).status_code in (400, 401)


async def test_our_own_tokens(world: World, shared_agency: Agency):
    token, own = shared_agency.owner.token, world.parts.issuer._require_key()
    good = read_token(token)

    def sign(*, key: Any = own, header: Json | None = None, **claims: Any) -> str:
        head, body = dict(good.header) | (header or {}), dict(good.claims) | claims
        return sign_raw(*({k: v for k, v in part.items() if v is not None} for part in (head, body)), key)

    path = "/owner/v1/clients"
    assert (await world.http.get(path, headers={"authorization": f"Bearer {sign()}"})).status_code == 200
    forgeries = dict(forge(token, own, sign))
    assert len(forgeries) >= 200
    assert await count_let_in(world, path, forgeries) == []


async def test_api_keys(world: World, shared_client: Client):
    forgeries = spoil(shared_client.api.token)
    assert len(forgeries) >= 200
    assert await count_let_in(world, "/ingest/v1/me", forgeries) == []


async def test_the_operators_key(world: World):
    forgeries = spoil(OPERATOR_KEY)
    assert len(forgeries) >= 200
    assert await count_let_in(world, "/admin/v1/agencies", forgeries, admin=True) == []


@pytest.mark.parametrize("kind", ["client secret", "refresh token", "login code"])
async def test_what_is_traded_for_tokens(world: World, agency: Agency, kind: str):
    client = await agency.add_client()
    member = await agency.owner.call("POST", "/owner/v1/members", {"email": "m@x", "name": "M", "roles": ["lead"]}, 201)
    issue = (f"/owner/v1/members/{member['id']}/tokens", None, 201)
    form: Json
    if kind == "client secret":
        form, name = post(await add_oauth_client(client)), "client_secret"
    else:
        code = await agency.owner.call("POST", *issue)
        form, name = {"grant_type": code["grant_type"], "code": code["code"]}, "code"
    if kind == "refresh token":
        tokens = (await world.http.post("/oauth/token", data=form)).json()
        form, name = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}, "refresh_token"
    forgeries = spoil(form[name])
    assert len(forgeries) >= 200
    for forged in forgeries:
        answer = await world.http.post("/oauth/token", data=form | {name: forged})
        assert answer.status_code in (400, 401), forged
    assert (await world.http.post("/oauth/token", data=form)).status_code == 200


async def test_webhook_signatures(world: World, shared_client: Client):
    """Other bytes, ids, times and signatures, missing and doubled headers, other spellings."""
    good = shared_client.sign(RAW)
    dice = random.Random(3)
    forged: list[tuple[bytes, dict[str, str]]] = []
    for _ in range(60):
        place = dice.randrange(len(RAW))
        forged.append((RAW[:place] + bytes([RAW[place] ^ 1 << dice.randrange(7)]) + RAW[place + 1 :], good))
    for name, value in good.items():
        changed = {one for _, one in flip(value, 60)} | {value[:-1], value + "0", value.upper(), "", " ", "0"}
        forged += [(RAW, good | {name: one}) for one in changed - {value}]
        forged.append((RAW, {other: text for other, text in good.items() if other != name}))
    signature = good["webhook-signature"].removeprefix("v1,")
    respelled = signature[:-2] + chr(ord(signature[-2]) + 1) + "="
    urlsafe = base64.urlsafe_b64encode(base64.b64decode(signature)).decode()
    forged += [
        (RAW, good | {"webhook-signature": one})
        for one in (
            signature,
            f"v1,{respelled}",
            f"v2,{signature}",
            f"v1a,{signature}",
            f"v1, {signature}",
            f"v1,{signature}=",
        )
        + ((f"v1,{urlsafe}",) if urlsafe != signature else ())
    ]
    assert len(forged) >= 200
    for raw, headers in forged:
        answer = await shared_client.post(raw, headers)
        assert answer.status_code == 401, (headers, answer.text)
    assert (await shared_client.post(RAW, good)).status_code == 202
