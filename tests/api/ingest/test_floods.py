"""A flood of forgeries writes nothing, and waits for its answers; nobody else does."""

import asyncio
import time

import pytest

from tests.api.refusals import read_problem
from tests.support.people import Agency, Client, unique
from tests.support.world import World
from veilleur.domain.tenancy.quota import Limits
from veilleur.infra.db.session import Database, Scope
from veilleur.infra.security.api_keys import hash_api_key, new_api_key
from veilleur.kernel.ids import new_id, read_id, show_id
from veilleur_api.ingest import holdback, unstored
from veilleur_api.ingest.holdback import CONNECTION, Holdback

HELD_S = 0.3


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holdback, "HELD_S", (HELD_S, HELD_S))
    monkeypatch.setattr(holdback, "ANSWERED_AT_ONCE", Limits(1, 3))


async def take(client: Client, *, forged: bool) -> tuple[int, float]:
    """The status of a delivery's answer, and how long it took."""
    raw = f'{{"type": "item.created", "data": {{"external_id": "{unique("c")}", "text": "x"}}}}'.encode()
    headers = client.sign(raw)
    if forged:
        headers["webhook-signature"] = "v1," + "A" * 43 + "="
    began = time.monotonic()
    answer = await client.post(raw, headers)
    return answer.status_code, time.monotonic() - began


async def test_a_flood_waits_and_nobody_else_does(world: World, agency: Agency, client: Client):
    other = await agency.add_client()
    await take(client, forged=False)
    await take(other, forged=False)
    flood = asyncio.gather(*(take(client, forged=True) for _ in range(12)))
    await asyncio.sleep(0)
    genuine = await asyncio.gather(take(client, forged=False), take(other, forged=False), take(other, forged=True))
    answers = await flood
    assert [status for status, _ in genuine] == [202, 202, 401]
    assert {status for status, _ in answers} == {401}
    assert sum(took >= HELD_S for _, took in answers) == 9
    assert all(took < HELD_S for _, took in genuine)


async def test_addresses_that_are_no_source_are_one_flood(world: World, client: Client):
    began = time.monotonic()
    for _ in range(4):
        path = f"/ingest/v1/sources/{show_id('src', new_id())}"
        read_problem(await world.http.post(path, content=b"{}", headers=client.sign(b"{}")), 404, "not-found")
    assert time.monotonic() - began >= HELD_S


async def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(holdback, "MOST_HELD", 3 * (CONNECTION + 10))
    held, source_id = Holdback(), new_id()

    async def hold() -> float:
        began = time.monotonic()
        await held.hold(source_id, 10)
        return time.monotonic() - began

    took = await asyncio.gather(*(hold() for _ in range(10)))
    assert [one >= HELD_S for one in took] == [False] * 3 + [True] * 3 + [False] * 4
    assert held._held == 0


async def test_beyond_its_few_notes_a_flood_asks_the_database_nothing(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(holdback, "ANSWERED_AT_ONCE", Limits())
    monkeypatch.setattr(unstored, "PURSE", 2)
    await take(client, forged=False)
    for _ in range(3):
        await take(client, forged=True)
    await world.parts.unstored.settle()
    with world.count_statements(world.parts.intake_database) as sent:
        for _ in range(100):
            assert (await take(client, forged=True))[0] == 401
        await world.parts.unstored.settle()
    sent = leave_out_counts(sent)
    # The five seconds that a source is remembered may end meanwhile.
    assert len(sent) <= 2, sent
    assert not any(statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")) for statement in sent)


def leave_out_counts(sent: list[str]) -> list[str]:
    """What was accepted before is counted two seconds after."""
    return [statement for statement in sent if "quota_use" not in statement]


async def test_the_notes_of_a_flood_take_one_connection_and_leave_the_others(
    world: World, agency: Agency, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(holdback, "ANSWERED_AT_ONCE", Limits())
    clients = [await agency.add_client() for _ in range(3)]
    for client in clients:
        await take(client, forged=False)
    await world.parts.unstored.settle()
    commits, begin = 0, Database.transaction

    def count(self: Database, scope: Scope) -> object:
        nonlocal commits
        commits += 1
        return begin(self, scope)

    monkeypatch.setattr(Database, "transaction", count)
    await asyncio.gather(*(take(client, forged=True) for client in clients for _ in range(40)))
    await world.parts.unstored.settle()
    rows = "SELECT count(*) FROM unstored_deliveries WHERE agency_id = $1"
    [counted] = await world.fetch(rows, read_id("agc", agency.id))
    assert counted[0] == 120
    assert commits < 30


async def test_every_key_that_does_not_hold_costs_the_same_look(world: World, agency: Agency, client: Client):
    """Unknown, revoked and expired ones differ in nothing that a stranger could time; a mistyped one needs no look."""
    keys = {name: await make_key(client) for name in ("revoked", "expired")}
    await world.fetch("UPDATE credentials SET revoked_at = now() WHERE secret_hash = $1", hash_api_key(keys["revoked"]))
    await world.fetch("UPDATE credentials SET expires_at = now() WHERE secret_hash = $1", hash_api_key(keys["expired"]))
    keys |= {"unknown": new_api_key()}
    answers, looks = {}, {}
    for name, key in keys.items():
        with world.count_statements(world.parts.intake_database) as sent:
            answer = await world.http.get("/ingest/v1/me", headers={"authorization": f"Bearer {key}"})
        answers[name] = read_problem(answer, 401, "unauthenticated")
        looks[name] = leave_out_counts(sent)
    assert answers["unknown"] == answers["revoked"] == answers["expired"]
    assert looks["unknown"] == looks["revoked"] == looks["expired"]
    assert len(looks["unknown"]) == 1
    mistyped = keys["unknown"][:-1] + ("a" if keys["unknown"][-1] != "a" else "b")
    with world.count_statements(world.parts.intake_database) as sent:
        await world.http.get("/ingest/v1/me", headers={"authorization": f"Bearer {mistyped}"})
    assert leave_out_counts(sent) == []


async def make_key(client: Client) -> str:
    body = {"kind": "api_key", "name": "k", "scopes": ["items:read"]}
    key: str = (await client.owner.call("POST", f"{client.base}/credentials", body, 201))["api_key"]
    return key
