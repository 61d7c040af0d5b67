"""The demo's clients pay for what they get."""

from veilleur.dev.demo_contracts import BUYERS, ensure_contracts
from veilleur.infra.db.session import Scope
from veilleur.kernel.clock import now
from veilleur.kernel.ids import parse_id


async def test_each_client_of_the_demo_has_one_contract_and_so_a_statement(world):
    agency = await world.operator.found_agency()
    clients = [await agency.add_client(slug=slug) for slug in BUYERS]
    other = await agency.add_client()
    owner = (await agency.owner.call("GET", "/owner/v1/members"))["data"][0]["id"]
    for _ in range(2):
        async with world.parts.database.transaction(Scope(parse_id("agc", agency.id))) as session:
            await ensure_contracts(session, parse_id("agc", agency.id), parse_id("mem", owner), now().date())
    for client in clients:
        assert len((await agency.owner.call("GET", f"{client.base}/contracts"))["data"]) == 1
        statement = await agency.owner.call("GET", f"{client.base}/statement?period={now():%Y-%m}")
        assert statement["subtotal"] == "190.00"
    assert (await agency.owner.call("GET", f"{other.base}/contracts"))["data"] == []
