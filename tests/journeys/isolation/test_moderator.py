"""A moderator is handed what the granted clients sent, and what is in hand is the holder's alone."""

import pytest

from tests.journeys.isolation.attempts import BY_PATH, named, refuses, try_path
from tests.journeys.isolation.rows import dump_agency, dump_client


@pytest.mark.parametrize("operation", [one for one in BY_PATH if "assignment_id" in one.path_ids], **named)
async def test_an_assignment_is_its_holders_alone(world, thief, operation):
    colleague = await thief.agency.add_moderator("all")
    before = await dump_client(world, thief.homes[0])
    refuses(await try_path(colleague, operation, thief.homes[0].ids))
    assert await dump_client(world, thief.homes[0]) == before


async def test_a_heartbeat_keeps_nobody_elses_lease(world, thief, seized):
    mine, foreign = thief.homes[0].ids["assignment_id"], seized.homes[0].ids["assignment_id"]
    before = await dump_agency(world, seized)
    held = [{"id": mine, "fence": 1}, {"id": foreign, "fence": 1}]
    answer = await thief.moderator.call("POST", "/moderator/v1/heartbeat", {"assignments": held}, 200)
    kept, refused = answer["assignments"]
    assert "expires_at" in kept
    assert (refused["problem"]["status"], set(refused)) == (404, {"id", "problem"})
    assert await dump_agency(world, seized) == before


async def test_a_moderator_is_handed_only_what_the_granted_clients_sent(world, thief, seized):
    """In an agency of its own, because claiming takes what there is."""
    agency = await world.operator.found_agency()
    first, second = [await agency.add_client() for _ in range(2)]
    moderator = await agency.add_moderator([first.id], capacity=20)
    wanted = {(await first.accept())["id"] for _ in range(2)}
    for _ in range(2):
        await second.accept()
    await world.drain()
    for queues in (None, ["default"]):
        claim = {"hold": 10} | ({"queues": queues} if queues else {})
        answer = await moderator.call("POST", "/moderator/v1/assignments", claim, 200)
        assert {one["item"]["id"] for one in answer["assignments"]} == wanted
    foreign = await moderator.ask("POST", "/moderator/v1/assignments", {"hold": 10, "queues": [seized.ids["queue"]]})
    refuses(foreign, "/queues/0")
    refuses(await moderator.ask("GET", f"/moderator/v1/clients/{second.id}/guide"))
