"""An owner is free to name any identity provider; what it says and how many there are harms nobody else."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.api.refusals import read_problem
from tests.support.idp import Idp, open_idp
from tests.support.people import Agency, Json
from tests.support.world import World
from veilleur.domain.tenancy.connect_provider import MOST_PROVIDERS
from veilleur.infra.security import jwks
from veilleur.infra.security.jwks import KeyShelf

PROVIDERS = "/owner/v1/identity-providers"


@pytest.fixture
async def idp() -> AsyncIterator[Idp]:
    async with open_idp("EC") as idp:
        yield idp


def name_terms(idp: Idp, path: str = "", **terms: object) -> Json:
    return {
        "name": "Company",
        "issuer": idp.issuer + path,
        "audience": "veilleur-api",
        "algorithms": ["ES256"],
        "login_client_id": "veilleur-web",
    } | terms


async def test_a_flood_of_issuers_takes_no_ones_answer_away(world: World, idp: Idp, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jwks, "MOST_KEPT", 3)
    shelf = KeyShelf(world.parts.http)
    idp.gate = asyncio.Event()
    waiting = [asyncio.create_task(shelf.find_keys(f"{idp.issuer}/jwks?{number}", "k0")) for number in range(8)]
    idp.raw |= {f"/jwks?{number}": idp.answer("/jwks", b"") for number in range(8)}
    await asyncio.sleep(0.05)
    idp.gate.set()
    assert [[key.kid for key in keys] for keys in await asyncio.gather(*waiting)] == [["k0"]] * 8
    assert len(shelf._kept) <= 3


async def test_what_is_asked_for_often_is_not_what_makes_room(world: World, idp: Idp, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jwks, "MOST_KEPT", 3)
    shelf = KeyShelf(world.parts.http)
    idp.raw |= {f"/jwks?{number}": idp.answer("/jwks", b"") for number in range(8)}
    for number in range(8):
        await shelf.find_keys(f"{idp.issuer}/jwks", "k0")
        await shelf.find_keys(f"{idp.issuer}/jwks?{number}", "k0")
    assert idp.asked.count("/jwks") == 1


@pytest.mark.parametrize("address", ["/autorisé", "/authorize?a=é", "/authorize#x\r\nx-evil: 1"])
async def test_metadata_that_lead_nowhere_are_the_providers_fault(world: World, agency: Agency, idp: Idp, address: str):
    idp.metadata["authorization_endpoint"] = idp.issuer + address
    provider = await agency.owner.call("POST", PROVIDERS, name_terms(idp), 201)
    answer = await world.http.get(f"/oauth/login/{provider['id']}")
    assert "x-evil" not in answer.headers
    read_problem(answer, 503, "unavailable")


async def test_an_agency_trusts_so_many_and_no_more(agency: Agency, idp: Idp):
    for number in range(MOST_PROVIDERS):
        await agency.owner.call("POST", PROVIDERS, name_terms(idp, f"/{number}"), 201)
    read_problem(await agency.owner.ask("POST", PROVIDERS, name_terms(idp, "/x")), 409, "identity-provider-limit")
