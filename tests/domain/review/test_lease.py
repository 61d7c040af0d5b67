"""Leases: an expired one goes to whoever asks, and until then it still holds; every write names its fence."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.desk import LEASE, instant, open_desk, slug

EXPIRED = LEASE + timedelta(seconds=1)


async def lose(desk, held):
    """Let the lease run out and somebody else claim the case; the new holder and what is held."""
    await desk.world.move_clock(EXPIRED)
    other = await desk.hire()
    [taken] = await other.take()
    assert taken["case"]["id"] == held["case"]["id"]
    return other, taken


async def test_an_expired_lease_gives_the_case_to_the_next_with_a_higher_fence(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    other = await desk.hire()
    assert (await other.claim())["reason"] == "empty"
    _, taken = await lose(desk, held)
    assert taken["fence"] > held["fence"]
    assert taken["id"] != held["id"]
    assert await desk.moderator.list_held() == []
    assert await desk.count("assignments", "outcome = 'expired'") == 1


async def test_a_lease_that_was_lost_can_do_nothing_any_more(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    other, taken = await lose(desk, held)
    for answer in (await desk.moderator.decide(held), await desk.moderator.release(held)):
        assert (answer.status_code, slug(answer)) == (409, "lease-lost")
    [beat] = await desk.moderator.beat(held)
    assert slug(beat["problem"]) == "lease-lost"
    assert [one["fence"] for one in await other.list_held()] == [taken["fence"]]
    assert (await other.decide(taken)).status_code == 201


async def test_the_old_fence_is_worth_nothing_in_the_new_holders_hand(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    other, taken = await lose(desk, held)
    answer = await other.decide(taken | {"fence": held["fence"]})
    assert (answer.status_code, slug(answer)) == (409, "lease-lost")


async def test_a_decision_still_counts_after_expiry_while_nobody_else_has_claimed(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    await world.move_clock(EXPIRED)
    assert (await desk.moderator.decide(held)).status_code == 201


async def test_a_heartbeat_revives_an_expired_lease_that_nobody_else_has_claimed(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    await world.move_clock(EXPIRED)
    [beat] = await desk.moderator.beat(held)
    assert instant(beat["expires_at"]) - instant(held["expires_at"]) >= EXPIRED - timedelta(seconds=1)
    other = await desk.hire()
    assert (await other.claim())["reason"] == "empty"


async def test_coming_back_before_anybody_else_keeps_case_and_fence(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    await world.move_clock(EXPIRED)
    [again] = await desk.moderator.take()
    assert (again["id"], again["fence"]) == (held["id"], held["fence"])
    assert instant(again["expires_at"]) > instant(held["expires_at"])


async def test_a_heartbeat_keeps_the_case_for_another_lease(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    other = await desk.hire()
    await world.move_clock(LEASE - timedelta(seconds=5))
    [beat] = await desk.moderator.beat(held)
    assert beat["id"] == held["id"]
    assert beat["item_revision"] == held["item"]["revision"]
    await world.move_clock(EXPIRED)
    assert (await other.claim())["reason"] == "empty"


async def test_a_queues_own_lease_counts(world):
    desk = await open_desk(world)
    await world.fetch("UPDATE queues SET lease_s = 30 WHERE agency_id = $1", desk.agency_id)
    held = await desk.take_one()
    await world.move_clock(timedelta(seconds=31))
    other = await desk.hire()
    [taken] = await other.take()
    assert taken["case"]["id"] == held["case"]["id"]


async def test_a_released_case_is_free_at_once_and_releasing_again_changes_nothing(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    assert (await desk.moderator.release(held)).status_code == 204
    other = await desk.hire()
    [taken] = await other.take()
    assert taken["fence"] > held["fence"]
    assert (await desk.moderator.release(held)).status_code == 204
    assert [one["id"] for one in await other.list_held()] == [taken["id"]]


async def test_a_released_case_is_not_decided_by_who_gave_it_back(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    await desk.moderator.release(held)
    answer = await desk.moderator.decide(held)
    assert (answer.status_code, slug(answer)) == (409, "lease-lost")
    [beat] = await desk.moderator.beat(held)
    assert slug(beat["problem"]) == "lease-lost"


async def test_a_wrong_fence_is_a_lost_lease(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    wrong = held | {"fence": held["fence"] + 1}
    for answer in (await desk.moderator.decide(wrong), await desk.moderator.release(wrong)):
        assert (answer.status_code, slug(answer)) == (409, "lease-lost")
    [beat] = await desk.moderator.beat(wrong)
    assert slug(beat["problem"]) == "lease-lost"
    assert (await desk.moderator.decide(held)).status_code == 201


async def test_somebody_elses_assignment_is_not_found_like_one_that_never_was(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    stranger = await desk.hire()
    foreign = await open_desk(world)
    for one in (stranger, foreign.moderator):
        answers = [await one.decide(held), await one.release(held), await one.note(held, "hello", "case")]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
        [beat] = await one.beat(held)
        assert slug(beat["problem"]) == "not-found"
    assert (await desk.moderator.decide(held | {"id": held["id"][:-1] + "!"})).status_code == 404


async def test_one_lost_lease_leaves_the_other_heartbeats_alone(world):
    desk = await open_desk(world)
    await desk.receive(2)
    first, second = await desk.moderator.take(2)
    await desk.moderator.release(first)
    lost, kept = await desk.moderator.beat(first, second)
    assert slug(lost["problem"]) == "lease-lost"
    assert (kept["id"], "problem" in kept) == (second["id"], False)


async def test_an_id_that_can_be_none_costs_the_other_heartbeats_nothing(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    wrong = {"id": "asg_x", "fence": 1}
    before, kept, after = await desk.moderator.beat(wrong, held, wrong)
    assert [(one["id"], slug(one["problem"])) for one in (before, after)] == [("asg_x", "not-found")] * 2
    assert kept["id"] == held["id"]
    assert kept["expires_at"]


@pytest.mark.parametrize("rounds", [8])
async def test_heartbeats_of_two_tabs_in_opposite_order_do_not_deadlock(world, rounds):
    desk = await open_desk(world)
    await desk.receive(5)
    held = await desk.moderator.take(5)
    beats = [order for _ in range(rounds) for order in (held, held[::-1])]
    answers = await asyncio.gather(*(desk.moderator.caller.ask("POST", *beat_body(order)) for order in beats))
    assert {answer.status_code for answer in answers} == {200}
    assert [one["id"] for one in answers[1].json()["assignments"]] == [one["id"] for one in held[::-1]]


def beat_body(held):
    return "/moderator/v1/heartbeat", {"assignments": [{"id": one["id"], "fence": one["fence"]} for one in held]}
