"""Limits at the gate: who sends too much waits, everybody else does not notice, and platforms that can't wait don't."""

import asyncio
import hashlib
import hmac
import json
import time
from datetime import timedelta

import httpx
import pytest

from tests.api.refusals import read_problem
from tests.support.people import Agency, Caller, Client, Json, unique
from tests.support.world import World
from veilleur.domain.intake.backlog import count_backlog
from veilleur.infra.db.session import Scope
from veilleur.kernel.errors import Unavailable
from veilleur.kernel.ids import parse_id
from veilleur_api.ingest import group_commit


async def limit(world: World, client: Client, **limits: int) -> Json:
    quota = await client.owner.call("PUT", f"{client.base}/quota", limits, 200)
    world.parts.gate.forget()
    return quota


async def see_use(world: World, client: Client) -> Json:
    await world.parts.gate.settle()
    used: Json = (await client.owner.call("GET", f"{client.base}/quota"))["used"]
    return used


async def send(client: Client, count: int) -> list[httpx.Response]:
    return [await client.send({"external_id": unique("c"), "text": "x"}) for _ in range(count)]


def count_status(answers: list[httpx.Response], status: int) -> int:
    return sum(answer.status_code == status for answer in answers)


async def test_beyond_its_rate_a_client_is_told_when_to_come_back(world: World, client: Client):
    await limit(world, client, items_per_s=1, burst=3)
    answers = await send(client, 12)
    assert [answer.status_code for answer in answers[:3]] == [202] * 3
    assert answers[-1].status_code == 429
    problem = read_problem(answers[-1], 429, "too-many")
    assert "rate" in problem["detail"]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 3
    assert (await see_use(world, client))["day"] == count_status(answers, 202)


async def test_a_bulk_call_is_paid_for_by_those_after_it(world: World, client: Client):
    await limit(world, client, items_per_s=10, burst=20)
    items = [{"external_id": unique("c"), "text": "x"} for _ in range(100)]
    body = {"source": client.source["id"], "items": items}
    assert (await client.api.ask("POST", "/ingest/v1/items", body)).status_code == 202
    answer = await client.api.ask("POST", "/ingest/v1/items", body | {"items": items[:1]})
    read_problem(answer, 429, "too-many")
    assert int(answer.headers["retry-after"]) >= 8


async def test_a_refusal_stores_nothing_and_costs_nothing(world: World, client: Client):
    await limit(world, client, items_per_day=1)
    await client.accept()
    answer = await client.send({"external_id": "c_2", "text": "x"})
    read_problem(answer, 429, "too-many")
    await limit(world, client, items_per_day=2)
    assert (await client.send({"external_id": "c_2", "text": "x"})).status_code == 202
    await world.parts.gate.settle()
    world.parts.gate.forget()
    assert (await client.send({"external_id": "c_3", "text": "x"})).status_code == 429


async def test_a_day_and_a_month_end_by_themselves(world: World, client: Client):
    for name in ("items_per_day", "items_per_month"):
        await limit(world, client, **{name: 1})
        answers = await send(client, 2)
        answer = read_problem(answers[-1], 429, "too-many")
        assert name.rpartition("_")[2] in answer["detail"]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 32 * 86_400 * 1.25


async def test_use_is_shown_to_the_owner_the_client_and_the_operator(world: World, agency: Agency):
    first, second = await agency.add_client(), await agency.add_client()
    await limit(world, first, items_per_day=100, items_per_month=1_000)
    await send(first, 3)
    await send(second, 2)
    duplicate = {"external_id": "c_1", "text": "x"}
    for _ in range(2):
        await first.send(duplicate)
    assert await see_use(world, first) == {"day": 4, "month": 4, "beyond": 0}
    me = await first.api.call("GET", "/ingest/v1/me")
    limits = {"items_per_s": None, "burst": None, "items_per_day": 100, "items_per_month": 1_000}
    assert me["quota"] == {"limits": limits, "used": {"day": 4, "month": 4, "beyond": 0}}
    assert (await agency.owner.call("GET", "/owner/v1/quota"))["used"] == {"day": 6, "month": 6}
    operator = Caller(world.admin, world.operator.key)
    path = f"/admin/v1/agencies/{agency.id}/quota"
    shown = await operator.call("PUT", path, {"items_per_day": 6}, 200)
    assert shown["limits"]["items_per_day"] == 6
    assert await operator.call("GET", path) == shown
    world.parts.gate.forget()
    for client in (first, second):
        assert count_status(await send(client, 1), 429) == 1


async def test_a_quota_is_the_agencys_own_and_needs_the_right(world: World, agency: Agency, client: Client):
    lead = await agency.add_moderator(roles=["lead"])
    read_problem(await lead.ask("PUT", f"{client.base}/quota", {"items_per_s": 1}), 403, "forbidden")
    await lead.call("GET", f"{client.base}/quota")
    for wrong in ({"items_per_s": 0}, {"burst": -1}, {"items_per_day": "7"}, {"surprise": 1}):
        assert (await agency.owner.ask("PUT", f"{client.base}/quota", wrong)).status_code == 422
    operator = Caller(world.admin, world.operator.key)
    read_problem(await operator.ask("GET", "/admin/v1/agencies/agc_x/quota"), 404, "not-found")


async def test_a_platform_that_can_not_wait_is_taken_and_marked(world: World, client: Client):
    made = await client.owner.call("POST", f"{client.base}/sources", {"kind": "mastodon", "name": "m", "settings": {"secret": "s" * 32}}, 201)  # fmt: skip
    await limit(world, client, items_per_day=1)
    await client.accept()
    await world.parts.gate.settle()
    world.parts.gate.forget()
    status = {
        "id": "1",
        "account": {"id": "2", "acct": "a"},
        "content": "<p>x</p>",
        "created_at": "2026-11-22T10:00:00Z",
    }
    body = {"event": "status.created", "created_at": "2026-11-22T10:00:00Z", "object": status}
    raw = json.dumps(body).encode()
    signature = "sha256=" + hmac.new(b"s" * 32, raw, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature": signature, "content-type": "application/json"}
    answer = await world.http.post(f"/ingest/v1/sources/{made['id']}", content=raw, headers=headers)
    assert answer.status_code < 300, answer.text
    assert count_status(await send(client, 1), 429) == 1
    assert (await see_use(world, client)) == {"day": 2, "month": 2, "beyond": 1}


async def test_a_client_whose_own_items_wait_is_told_to_wait_and_others_are_not(
    world: World, agency: Agency, monkeypatch: pytest.MonkeyPatch
):
    noisy, quiet = await agency.add_client(), await agency.add_client()
    monkeypatch.setattr(world.parts.gate, "_cap", 5)
    await send(noisy, 6)
    await send(quiet, 1)
    world.parts.gate.forget()
    await send(quiet, 1)
    await asyncio.sleep(0.1)
    answers = await send(noisy, 2)
    read_problem(answers[0], 429, "too-many")
    assert int(answers[0].headers["retry-after"]) >= 5
    assert count_status(await send(quiet, 2), 202) == 2
    await world.drain()
    world.parts.gate.forget()
    await send(quiet, 1)
    await asyncio.sleep(0.1)
    assert count_status(await send(noisy, 1), 202) == 1


async def test_what_waits_in_memory_is_bounded(world: World, client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(group_commit, "MAX_WAITING", 3)
    items = [{"external_id": unique("c"), "text": "x"} for _ in range(4)]
    body = {"source": client.source["id"], "items": items}
    answer = await client.api.ask("POST", "/ingest/v1/items", body)
    read_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "2"
    assert Unavailable.status == 503
    assert (await client.api.ask("POST", "/ingest/v1/items", body | {"items": items[:3]})).status_code == 202


async def test_when_limits_can_not_be_read_everybody_is_let_in(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
):
    await limit(world, client, items_per_day=1)
    await client.accept()

    async def hang(_key: object) -> None:
        await asyncio.sleep(10)

    monkeypatch.setattr(world.parts.gate._standings, "_load", hang)
    world.parts.gate.forget()
    began = time.monotonic()
    assert count_status(await send(client, 1), 202) == 1
    assert time.monotonic() - began < 2
    world.parts.gate._standings._loading.clear()


async def test_counts_that_can_not_be_written_are_written_later(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
):
    await client.accept()
    with monkeypatch.context() as patch:
        patch.setattr("veilleur_api.ingest.turnstile.count_use", None)
        await world.parts.gate.settle()
    assert (await see_use(world, client))["day"] == 1


async def test_moderators_work_while_client_platforms_hold_every_connection_of_theirs(
    world: World, agency: Agency, client: Client
):
    moderator = await agency.add_moderator()
    held = asyncio.Event()

    async def hold() -> None:
        async with world.parts.intake_database.transaction(Scope()) as session:
            await session.connection()
            await held.wait()

    holding = [asyncio.create_task(hold()) for _ in range(world.settings.intake_pool_size)]
    try:
        await asyncio.sleep(0.2)
        async with asyncio.timeout(2):
            await moderator.call("POST", "/moderator/v1/assignments", {"hold": 1}, 200)
            await agency.owner.call("GET", "/owner/v1/clients", status=200)
    finally:
        held.set()
        await asyncio.gather(*holding)
    await client.accept()


async def test_a_backlog_is_counted_client_by_client(world: World, agency: Agency):
    first, second = await agency.add_client(), await agency.add_client()
    await send(first, 3)
    await send(second, 1)
    agency_id = parse_id("agc", agency.id)
    assert agency_id is not None
    async with world.parts.database.transaction(Scope(agency_id)) as session:
        counted = await count_backlog(session, agency_id, 100)
        assert counted == {parse_id("cli", first.id): 3, parse_id("cli", second.id): 1}
        assert sum((await count_backlog(session, agency_id, 2)).values()) == 2


async def test_use_of_a_day_is_there_ten_days_later(world: World, agency: Agency, client: Client):
    await client.accept()
    await world.parts.gate.settle()
    await world.move_clock(timedelta(days=10))
    await world.drain()
    assert (await see_use(world, client))["day"] == 1
