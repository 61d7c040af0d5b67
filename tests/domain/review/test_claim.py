"""Claiming: the most urgent first, each case with one moderator, no more than wanted."""

import asyncio
import copy
import time
from datetime import timedelta
from uuid import UUID

from tests.support.desk import ASK_RULES, LEASE, Moderator, open_desk
from veilleur.domain.review.claim import claim_next
from veilleur.kernel.ids import new_id

APP_TRANSACTIONS = """
SELECT extract(epoch FROM clock_timestamp() - xact_start) AS age FROM pg_stat_activity
WHERE usename = 'veilleur_app' AND datname = current_database() AND xact_start IS NOT NULL
"""


def rules_for(queue, priority="normal"):
    rules = copy.deepcopy(ASK_RULES)
    rules["rules"][0]["then"]["escalate"] = {"queue": queue, "priority": priority}
    return rules


def ids(held):
    return [one["item"]["id"] for one in held]


async def test_the_earliest_deadline_comes_first_whichever_client_it_is_of(world):
    desk = await open_desk(world)
    urgent = await desk.agency.add_client(ASK_RULES)
    late, later = await desk.receive(2)
    [soon] = await desk.receive(client=urgent, text="doubtful")
    held = await desk.moderator.take(3)
    assert ids(held) == [soon, late, later]
    assert [one["case"]["due_at"] for one in held] == sorted(one["case"]["due_at"] for one in held)


async def test_one_at_a_time_goes_through_the_cases_by_deadline(world):
    desk = await open_desk(world)
    items = await desk.receive(3)
    seen = []
    for _ in items:
        [held] = await desk.moderator.take()
        seen += ids([held])
        assert (await desk.moderator.decide(held)).status_code == 201
    assert seen == items


async def test_fewer_cases_than_wanted_is_called_empty(world):
    desk = await open_desk(world)
    assert await desk.moderator.claim() == {"assignments": [], "reason": "empty"}
    await desk.receive(2)
    answer = await desk.moderator.claim(3)
    assert (len(answer["assignments"]), answer["reason"]) == (2, "empty")
    assert (await desk.moderator.claim(2))["reason"] is None


async def test_nobody_holds_more_than_their_capacity(world):
    desk = await open_desk(world, capacity=2)
    await desk.receive(3)
    answer = await desk.moderator.claim(3)
    assert (len(answer["assignments"]), answer["reason"]) == (2, "at_capacity")
    assert (await desk.moderator.claim(2))["reason"] is None
    assert await desk.count("cases", "state = 'ready'") == 1


async def test_asking_again_returns_the_same_case_and_fence(world):
    desk = await open_desk(world)
    await desk.receive(2)
    first, again = await desk.moderator.take(), await desk.moderator.take()
    assert [(one["id"], one["fence"]) for one in first] == [(one["id"], one["fence"]) for one in again]
    assert await desk.moderator.list_held() == again
    more = await desk.moderator.take(2)
    assert more[0] == again[0]


async def test_named_queues_alone_are_looked_into(world):
    desk = await open_desk(world)
    await desk.agency.owner.call("POST", "/owner/v1/queues", {"code": "spam", "name": "Spam"}, 201)
    other = await desk.agency.add_client(rules_for("spam"))
    [plain] = await desk.receive()
    [spam] = await desk.receive(client=other, text="doubtful")
    assert (await desk.moderator.claim(queues=["unscreened"]))["reason"] == "empty"
    assert ids(await desk.moderator.take(queues=["spam"])) == [spam]
    second = await desk.hire()
    assert ids(await second.take(queues=["spam", "default"])) == [plain]


async def test_a_moderator_sees_only_the_clients_granted(world):
    desk = await open_desk(world, clients=[])
    granted = await desk.agency.add_client()
    await desk.receive()
    assert (await desk.moderator.claim())["reason"] == "empty"
    served = await desk.hire(clients=[granted.id])
    [item] = await desk.receive(client=granted)
    answer = await served.claim(2)
    assert (ids(answer["assignments"]), answer["reason"]) == ([item], "empty")


async def test_a_grant_taken_away_bites_at_the_next_claim(world):
    desk = await open_desk(world)
    member = (await desk.moderator.caller.call("GET", "/moderator/v1/me"))["id"]
    await desk.agency.owner.call("PATCH", f"/owner/v1/members/{member}", {"clients": []})
    await desk.receive()
    assert (await desk.moderator.claim())["assignments"] == []


async def test_a_disabled_moderator_claims_nothing_from_that_moment(world):
    desk = await open_desk(world)
    await desk.receive()
    assert (await desk.moderator.claim())["assignments"] != []
    member = (await desk.moderator.caller.call("GET", "/moderator/v1/me"))["id"]
    await desk.agency.owner.call("PATCH", f"/owner/v1/members/{member}", {"active": False})
    answer = await desk.moderator.caller.ask("POST", "/moderator/v1/assignments", {"hold": 1})
    assert answer.status_code in (401, 403)


async def test_200_claims_of_50_cases_have_50_distinct_winners(world):
    desk = await open_desk(world)
    bulk = [{"external_id": f"c{number}", "text": f"text {number}"} for number in range(50)]
    await desk.client.api.call("POST", "/ingest/v1/items", {"source": desk.client.source["id"], "items": bulk}, 202)
    await world.drain()
    members = await add_members(desk, 200)

    async def claim(member_id):
        async with world.parts.database.transaction(desk.scope) as session:
            return await claim_next(session, desk.agency_id, member_id, hold=1)

    # In waves of the pool's size, so that every wave races and nobody waits for a connection.
    size = world.settings.pool_size
    waves = [members[start : start + size] for start in range(0, len(members), size)]
    answers = [answer for wave in waves for answer in await asyncio.gather(*(claim(member) for member in wave))]
    won = [case for answer in answers for case in answer.cases]
    assert len(won) == len({case.id for case in won}) == 50
    assert {case.fence for case in won} == {1}
    assert [answer.reason for answer in answers].count("empty") == 150
    assert await desk.count("assignments") == 50


async def add_members(desk, count) -> list[UUID]:
    members = [new_id() for _ in range(count)]
    await desk.world.fetch(
        "INSERT INTO members (agency_id, id, email, name, roles, languages, skills, capacity, serves_all)"
        " SELECT $1, id, id::text, 'Mo', '{moderator}', '{}', '{}', 1, true FROM unnest($2::uuid[]) AS t(id)",
        desk.agency_id,
        members,
    )
    return members


async def test_two_tabs_of_one_moderator_never_exceed_the_capacity(world):
    desk = await open_desk(world, capacity=3)
    await desk.receive(8)
    answers = await asyncio.gather(*(desk.moderator.claim(hold) for hold in (1, 2, 3, 4, 5, 3)))
    assert len({one["id"] for answer in answers for one in answer["assignments"]}) == 3
    assert len(await desk.moderator.list_held()) == 3
    assert await desk.count("cases", "state = 'leased'") == 3


async def test_a_long_poll_returns_as_soon_as_a_case_appears(world):
    desk = await open_desk(world)
    polling = asyncio.create_task(desk.moderator.claim(wait=20))
    await asyncio.sleep(0.3)
    assert not polling.done()
    [item] = await desk.receive()
    answer = await asyncio.wait_for(polling, 10)
    assert ids(answer["assignments"]) == [item]


async def test_a_long_poll_in_vain_ends_when_its_time_is_over(world):
    desk = await open_desk(world)
    started = time.monotonic()
    answer = await desk.moderator.claim(wait=1)
    assert answer == {"assignments": [], "reason": "empty"}
    assert 0.9 < time.monotonic() - started < 5


async def test_waiting_holds_no_transaction(world):
    desk = await open_desk(world)
    waiting = [await desk.hire() for _ in range(3)]
    polls = [asyncio.create_task(one.claim(wait=1)) for one in waiting]
    ages = []
    while not all(poll.done() for poll in polls):
        ages += [float(row["age"]) for row in await world.fetch(APP_TRANSACTIONS)]
        await asyncio.sleep(0.02)
    assert all(age < 0.8 for age in ages), ages


async def test_an_expired_lease_waits_its_turn_among_the_ready_cases(world):
    desk = await open_desk(world)
    early, late = await desk.receive(2)
    [held] = await desk.moderator.take()
    assert ids([held]) == [early]
    other: Moderator = await desk.hire()
    await world.move_clock(LEASE + timedelta(seconds=1))
    assert ids(await other.take(2)) == [early, late]
