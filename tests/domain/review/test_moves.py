"""Where else a case in hand may go: skipped, handed over, escalated. It keeps its due time, and never hides."""

from datetime import timedelta

import pytest

from tests.support.desk import LEASE, open_desk, slug

MOVES = {
    "skip": {"reason": "other"},
    "handover": {"to": "mem_x"},
    "escalate": {"queue": "default", "note": "look"},
    "ask": {"question": "why?"},
}


async def add_queue(desk, code, **terms):
    return await desk.agency.owner.call("POST", "/owner/v1/queues", {"code": code, "name": code} | terms, 201)


async def case_row(desk):
    [row] = await desk.fetch("SELECT * FROM cases WHERE agency_id = $1")
    return row


@pytest.mark.parametrize("move", MOVES)
async def test_every_move_needs_the_present_fence(world, move):
    desk = await open_desk(world)
    held = await desk.take_one()
    wrong = await desk.moderator.move(held | {"fence": held["fence"] + 1}, move, **MOVES[move])
    assert (wrong.status_code, slug(wrong)) == (409, "lease-lost")
    await world.move_clock(LEASE + timedelta(seconds=1))
    other = await desk.hire()
    await other.take()
    late = await desk.moderator.move(held, move, **MOVES[move])
    assert (late.status_code, slug(late)) == (409, "lease-lost")
    foreign = await (await open_desk(world)).moderator.move(held, move, **MOVES[move])
    assert foreign.status_code == 404


async def test_a_skipped_case_keeps_its_due_time_and_does_not_come_back_to_who_skipped_it(world):
    desk = await open_desk(world)
    other = await desk.hire()
    held = await desk.take_one()
    assert (await desk.moderator.move(held, "skip", reason="conflict_of_interest")).status_code == 204
    assert (await desk.moderator.move(held, "skip", reason="conflict_of_interest")).status_code == 204
    assert (await desk.moderator.claim())["reason"] == "empty"
    [taken] = await other.take()
    assert taken["case"]["due_at"] == held["case"]["due_at"]
    assert (await case_row(desk))["flag"] is None
    assert await desk.count("assignments", "outcome = 'skipped' AND reason = 'conflict_of_interest'") == 1
    # Nor when the other's lease runs out.
    await world.move_clock(LEASE + timedelta(seconds=1))
    assert (await desk.moderator.claim())["reason"] == "empty"


async def test_skipped_cases_do_not_block_the_queue(world):
    desk = await open_desk(world)
    await desk.hire()
    await desk.receive(10)
    for held in await desk.moderator.take(5):
        await desk.moderator.move(held, "skip", reason="distressing")
    assert len(await desk.moderator.take(5)) == 5


async def test_a_case_that_every_moderator_has_skipped_is_a_leads(world):
    desk = await open_desk(world)
    await desk.hire(languages=["xx"], skills=["none"], clients=[])
    lead = await desk.hire(roles=["lead"])
    held = await desk.take_one()
    await desk.moderator.move(held, "skip", reason="distressing")
    assert (await case_row(desk))["flag"] == "skipped"
    late_comer = await desk.hire()
    assert (await late_comer.claim())["reason"] == "empty"
    [taken] = await lead.take()
    assert taken["case"]["id"] == held["case"]["id"]
    assert await desk.count("alarms", "closed_at IS NULL AND kind = 'case.flagged'") == 1


async def test_a_wrong_language_is_corrected_and_sent_where_the_rules_say(world):
    desk = await open_desk(world)
    await add_queue(desk, "deutsch", languages=["de"])
    rule = {"name": "German", "when": {"language": ["de"]}, "queue": "deutsch"}
    await desk.agency.owner.call("POST", "/owner/v1/routing-rules", rule, 201)
    french, german = await desk.hire(languages=["fr"]), await desk.hire(languages=["de"])
    await desk.receive(language="fr")
    [held] = await french.take()
    assert (await french.move(held, "skip", reason="wrong_language", language="de-CH")).status_code == 204
    [item] = await desk.fetch("SELECT language FROM items WHERE agency_id = $1")
    assert item["language"] == "de-CH"
    [taken] = await german.take()
    assert (taken["case"]["queue"], taken["case"]["due_at"]) == ("deutsch", held["case"]["due_at"])


async def test_too_hard_goes_a_tier_up_and_to_a_lead_where_there_is_none(world):
    desk = await open_desk(world)
    await add_queue(desk, "senior", tier=2)
    senior = await desk.hire(tier=2)
    held = await desk.take_one()
    await desk.moderator.move(held, "skip", reason="too_hard")
    [taken] = await senior.take()
    assert taken["case"]["queue"] == "senior"
    await senior.move(taken, "skip", reason="too_hard")
    assert (await case_row(desk))["flag"] == "stuck"


async def test_a_case_is_handed_to_a_colleague_who_gets_it_before_anything_else(world):
    desk = await open_desk(world)
    third = await desk.hire()
    colleague = await desk.hire()
    first, second = await desk.receive(2)
    held = await desk.moderator.take(2)
    later = held[1]
    to = await colleague.get_id()
    answer = await desk.moderator.move(later, "handover", to=to)
    assert answer.json() == {"case": later["case"]["id"], "to": to}
    assert (await desk.moderator.move(later, "handover", to=to)).json()["to"] == to
    again = await desk.moderator.move(later, "handover", to=await third.get_id())
    assert (again.status_code, slug(again)) == (409, "lease-lost")
    path = f"/moderator/v1/assignments/{held[0]['id']}/colleagues"
    colleagues = (await desk.moderator.caller.call("GET", path))["data"]
    assert {to, await third.get_id()} <= {one["id"] for one in colleagues}
    assert await desk.moderator.get_id() not in [one["id"] for one in colleagues]
    await desk.moderator.release(held[0])
    assert (await third.take())[0]["case"]["id"] == held[0]["case"]["id"]
    assert (await third.claim(2))["reason"] == "empty"
    assert (await colleague.take())[0]["case"]["id"] == later["case"]["id"]
    assert {first, second} == {one["item"]["id"] for one in held}


async def test_what_is_kept_for_somebody_is_not_kept_for_ever(world):
    desk = await open_desk(world)
    colleague = await desk.hire()
    held = await desk.take_one()
    await desk.moderator.move(held, "handover", to=await colleague.get_id())
    assert (await desk.moderator.claim())["reason"] == "empty"
    await world.move_clock(timedelta(minutes=31))
    await desk.moderator.take()


async def test_a_colleague_who_is_off_leaves_it_to_the_pool(world):
    desk = await open_desk(world)
    colleague, third = await desk.hire(), await desk.hire()
    await colleague.set_status("off")
    held = await desk.take_one()
    answer = await desk.moderator.move(held, "handover", to=await colleague.get_id())
    assert answer.json()["to"] is None
    await third.take()


@pytest.mark.parametrize("whom", ["nobody", "without a grant", "without the skill", "myself", "disabled"])
async def test_who_may_not_have_it_is_refused_and_who_may_is_named(world, whom):
    desk = await open_desk(world)
    await desk.client.owner.call("PATCH", f"/owner/v1/queues/{await default_queue(desk)}", {"skills": ["s"]})
    holder, fit = await desk.hire(skills=["s"]), await desk.hire(skills=["s"])
    others = {
        "nobody": None,
        "without a grant": await desk.hire(skills=["s"], clients=[]),
        "without the skill": desk.moderator,
        "myself": holder,
        "disabled": await desk.hire(skills=["s"]),
    }
    to = await others[whom].get_id() if others[whom] else "mem_x"
    await desk.agency.owner.call("PATCH", f"/owner/v1/members/{await others['disabled'].get_id()}", {"active": False})
    await desk.receive()
    [held] = await holder.take()
    answer = await holder.move(held, "handover", to=to)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], await fit.get_id() in error["hint"]) == ("/to", True)
    assert len(await holder.list_held()) == 1


async def default_queue(desk):
    queues = (await desk.agency.owner.call("GET", "/owner/v1/queues"))["data"]
    return next(queue["id"] for queue in queues if queue["code"] == "default")


async def test_an_escalated_case_goes_up_with_its_note_and_the_clock_of_the_higher_tier(world):
    desk = await open_desk(world)
    policy = {
        "rules": [],
        "default": {
            "class": "standard",
            "decision": {"seconds": 28_800, "time": "calendar"},
            "escalation": {"seconds": 1_800, "time": "calendar"},
        },
    }
    await desk.agency.owner.call("POST", f"{desk.client.base}/sla-policies", {"policy": policy}, 201)
    await add_queue(desk, "board", tier=3)
    senior = await desk.hire(tier=3)
    held = await desk.take_one()
    assert held["case"]["due_at"]
    answer = await desk.moderator.move(held, "escalate", tier=2, note="is this satire?")
    assert answer.json() == {"queue": "board", "tier": 3}
    assert (await desk.moderator.move(held, "escalate", tier=2, note="is this satire?")).status_code == 200
    assert (await desk.moderator.claim())["reason"] == "empty"
    [taken] = await senior.take()
    assert [note["text"] for note in taken["context"]["notes"]] == ["is this satire?"]
    assert taken["case"]["due_at"] == held["case"]["due_at"]
    clocks = await desk.fetch("SELECT metric, state FROM sla_clocks WHERE agency_id = $1 ORDER BY metric")
    assert [tuple(clock) for clock in clocks] == [("decision", "running"), ("escalation", "running")]
    assert await desk.count("alarms", "closed_at IS NULL AND kind = 'case.escalated'") == 1
    assert (await senior.decide(taken)).status_code == 201
    clocks = await desk.fetch("SELECT state FROM sla_clocks WHERE agency_id = $1")
    assert [clock["state"] for clock in clocks] == ["met", "met"]
    assert await desk.count("alarms", "closed_at IS NULL") == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"queue": "nowhere"}, "/queue"), ({}, "/queue"), ({"tier": 5}, "/tier")],
)
async def test_an_escalation_to_nowhere_is_refused(world, body, pointer):
    desk = await open_desk(world)
    held = await desk.take_one()
    answer = await desk.moderator.move(held, "escalate", note="x", **body)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])


async def test_the_third_lease_that_runs_out_calls_a_lead(world):
    desk = await open_desk(world)
    crew = [desk.moderator, await desk.hire(), await desk.hire()]
    lead, last = await desk.hire(roles=["lead"]), await desk.hire()
    await desk.receive()
    for turn, moderator in enumerate(crew, 1):
        [held] = await moderator.take()
        await world.move_clock(turn * (LEASE + timedelta(seconds=1)))
    assert (await last.claim())["reason"] == "empty"
    row = await case_row(desk)
    assert (row["flag"], row["expiries"], row["state"]) == ("expired", 3, "ready")
    assert await desk.count("assignments", "outcome = 'expired'") == 3
    late = await crew[2].decide(held)
    assert (late.status_code, slug(late)) == (409, "lease-lost")
    await lead.take()


async def test_no_heart_keeps_a_lease_alive_beyond_the_queues_cap(world):
    desk = await open_desk(world)
    await world.fetch("UPDATE queues SET lease_s = 600, hold_cap_s = 900 WHERE agency_id = $1", desk.agency_id)
    held = await desk.take_one()
    other = await desk.hire()
    await world.move_clock(timedelta(seconds=500))
    [beat] = await desk.moderator.beat(held)
    assert beat["expires_at"] > held["expires_at"]
    await world.move_clock(timedelta(seconds=890))
    assert (await desk.moderator.beat(held))[0]["expires_at"] == beat["expires_at"]
    assert (await other.claim())["reason"] == "empty"
    await world.move_clock(timedelta(seconds=901))
    assert [one["id"] for one in await desk.moderator.take()] == [held["id"]]
    [taken] = await other.take()
    assert taken["case"]["id"] == held["case"]["id"]
