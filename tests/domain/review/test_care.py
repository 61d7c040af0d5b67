"""Care: nobody is handed more of what is hard to look at than was agreed, and everybody reads why."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.refusals import read_pointers
from tests.support.desk import ASK_RULES, open_desk
from veilleur.domain.review.care import Bearable, Exposure, Limits, Scale, find_bearable
from veilleur.kernel.ids import read_id

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEVERE = ASK_RULES | {
    "rules": [ASK_RULES["rules"][0] | {"then": {"escalate": {"queue": "default"}, "policies": ["threat"]}}]
}
"""`doubtful` opens a case that may be a threat (severity 4); everything else is allowed."""


def looked(*minutes_ago, severity=4, seconds=0):
    return [Exposure(NOON - timedelta(minutes=ago), severity, seconds) for ago in sorted(minutes_ago)]


def bearable(limits, exposures):
    return find_bearable(limits, exposures, frozenset(), NOON)


# --- the rules


@given(st.lists(st.integers(0, 1_400), max_size=30), st.integers(1, 5))
def test_without_limits_everything_may_be_handed_out(minutes, severity):
    assert bearable(Limits(), looked(*minutes, severity=severity, seconds=600)) == Bearable()


@pytest.mark.parametrize(
    ("limits", "minutes_ago", "full"),
    [
        (Limits(severe_per_hour=2), (5, 50), True),
        (Limits(severe_per_hour=2), (5, 61), False),
        (Limits(severe_per_hour=0), (), True),
        (Limits(severe_per_shift=3), (10, 200, 400), True),
        (Limits(severe_per_shift=3), (10, 200, 501), False),
        (Limits(severe_in_a_row=2), (1, 2), True),
        (Limits(severe_in_a_row=2), (11, 12), False),
    ],
)
def test_caps_per_hour_per_stretch_and_in_a_row(limits, minutes_ago, full):
    assert (bearable(limits, looked(*minutes_ago)).below_severity == 4) == full
    assert bearable(limits, looked(*minutes_ago, severity=3)).below_severity == (
        4 if limits.severe_per_hour == 0 else None
    )


def test_something_mild_breaks_a_row():
    mixed = [*looked(1, severity=1), *looked(2, 3)]
    assert bearable(Limits(severe_in_a_row=2), mixed).below_severity is None


def test_a_break_is_due_after_so_much_work_and_over_after_the_pause():
    limits = Limits(break_after_min=60, break_min=10)
    busy = looked(*range(2, 64, 4), severity=1, seconds=200)
    assert bearable(limits, busy).break_until == NOON + timedelta(minutes=8)
    assert bearable(limits, looked(*range(11, 71, 4), severity=1, seconds=200)).break_until is None
    paused = [*looked(2, 20, severity=1), *looked(*range(35, 90, 4), severity=1)]
    assert bearable(limits, paused).break_until is None


def test_what_was_opted_out_of_is_not_handed_out_however_mild():
    assert not Bearable(opt_outs=frozenset({"spam"})).allows(["spam", "insult"], Scale())
    assert Bearable(opt_outs=frozenset({"spam"})).allows(["insult"], Scale())
    assert not Bearable(below_severity=4).allows(["threat"], Scale({"threat": 4}))
    assert Bearable(below_severity=4).allows(["unknown"], Scale({"threat": 4}))


# --- at the claim


async def open_severe(world, **limits):
    desk = await open_desk(world, SEVERE, capacity=10)
    await desk.agency.owner.call("PUT", "/owner/v1/care", {"limits": limits}, 200)
    return desk


async def decide_all(desk, count=1):
    for held in await desk.moderator.take(count):
        assert (await desk.moderator.decide(held)).status_code == 201


async def test_a_full_measure_leaves_only_what_is_mild_and_says_why(world):
    desk = await open_severe(world, severe_per_hour=2)
    mild = await desk.agency.add_client()
    await desk.receive(4, text="doubtful")
    await decide_all(desk, 2)
    answer = await desk.moderator.claim()
    assert (answer["assignments"], answer["reason"]) == ([], "exposure_cap")
    [item] = await desk.receive(client=mild)
    [held] = await desk.moderator.take()
    assert held["item"]["id"] == item
    await desk.moderator.decide(held)
    await world.move_clock(timedelta(minutes=61))
    assert (await desk.moderator.take())[0]["wellness"]["severity"] == 4


async def test_a_break_is_due_and_then_over(world):
    desk = await open_severe(world, break_after_min=5, break_min=10)
    await desk.receive(3, text="doubtful")
    [held] = await desk.moderator.take()
    await world.move_clock(timedelta(minutes=6))
    await desk.moderator.decide(held)
    assert (await desk.moderator.claim())["reason"] == "break_due"
    await world.move_clock(timedelta(minutes=17))
    assert len(await desk.moderator.take()) == 1


async def test_who_opted_out_is_not_handed_it_and_others_are(world):
    desk = await open_desk(world, SEVERE)
    colleague = await desk.hire()
    await desk.receive(text="doubtful")
    await desk.moderator.caller.call("PUT", "/moderator/v1/me/care", {"opt_outs": ["threat"]}, 200)
    answer = await desk.moderator.claim()
    assert (answer["assignments"], answer["reason"]) == ([], "empty")
    assert len(await colleague.take()) == 1


async def test_a_members_own_limits_stand_over_those_of_all(world):
    desk = await open_severe(world, severe_per_hour=0, severe_from=4)
    await desk.receive(text="doubtful")
    assert (await desk.moderator.claim())["reason"] == "exposure_cap"
    me = await desk.moderator.caller.call("GET", "/moderator/v1/me")
    path = f"/owner/v1/members/{me['id']}/care"
    own = await desk.agency.owner.call("PUT", path, {"limits": {"severe_per_hour": None}}, 200)
    assert own["limits"]["severe_per_hour"] is None
    assert await desk.moderator.caller.call("GET", "/moderator/v1/me/care") == own
    assert (await desk.agency.owner.call("GET", "/owner/v1/care"))["limits"]["severe_per_hour"] == 0
    assert len(await desk.moderator.take()) == 1


async def test_images_are_blurred_until_one_chooses_otherwise_and_the_choice_is_in_the_trail(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    assert held["wellness"]["blur"] is True
    await desk.moderator.caller.call("PUT", "/moderator/v1/me/care", {"blur": False}, 200)
    [again] = await desk.moderator.list_held()
    assert again["wellness"]["blur"] is False
    assert await desk.count("audit_entries", "action = 'care.changed' AND details->'blur' = 'false'") == 1


async def test_the_ledger_says_who_looked_at_what_for_how_long_and_nobody_is_billed_for_it(world):
    desk = await open_desk(world, SEVERE)
    await desk.receive(text="doubtful")
    [held] = await desk.moderator.take()
    await world.move_clock(timedelta(seconds=30))
    await desk.moderator.decide(held, "remove", policies=["illegal"])
    [row] = await desk.fetch("SELECT kind, severity, seconds FROM exposures WHERE agency_id = $1")
    assert (row["kind"], row["severity"]) == ("decision", 5)
    assert 29 <= row["seconds"] <= 32


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 5)), st.integers(1, 5), st.lists(st.sampled_from("abcx"))
)
def test_the_worst_policy_known_counts_and_the_clients_word_where_none_is(policies, default, suspected):
    known = [policies[code] for code in suspected if code in policies]
    assert Scale(policies, default).rate(suspected) == (max(known) if known else default)


async def test_without_rules_a_report_says_what_it_may_be_and_the_client_what_to_expect_otherwise(world):
    desk = await open_severe(world, severe_per_hour=1)
    await desk.agency.owner.call("PUT", f"{desk.client.base}/automation", {"mode": "off", "reason": "x"}, 200)
    changed = await desk.agency.owner.call("PATCH", desk.client.base, {"default_severity": 2}, 200)
    assert changed["default_severity"] == 2
    guide = await desk.moderator.caller.call("GET", f"/moderator/v1/clients/{desk.client.id}/guide")
    assert guide["default_severity"] == 2
    plain, reported = await desk.receive(2)
    report = {"source": "user", "reason": "threat", "reporter": {"external_id": "u_1"}}
    [row] = await world.fetch("SELECT external_id FROM items WHERE id = $1", read_id("itm", reported))
    event = {"external_id": row["external_id"], "report": report}
    assert (await desk.client.send(event, "item.reported")).status_code == 202
    await world.drain()
    held = {one["item"]["id"]: one for one in await desk.moderator.take(2)}
    assert {item: one["wellness"]["severity"] for item, one in held.items()} == {plain: 2, reported: 4}
    for one in held.values():
        assert (await desk.moderator.decide(one)).status_code == 201
    rows = await desk.fetch("SELECT severity FROM exposures WHERE agency_id = $1 ORDER BY severity")
    assert [row["severity"] for row in rows] == [2, 4]
    # One severe item was agreed: a client whose content is severe as a rule is not handed out any more.
    await desk.receive()
    [mild] = await desk.moderator.take()
    assert mild["wellness"]["severity"] == 2
    await desk.moderator.decide(mild)
    await desk.agency.owner.call("PATCH", desk.client.base, {"default_severity": 4}, 200)
    await desk.receive()
    assert (await desk.moderator.claim())["reason"] == "exposure_cap"


async def test_only_policies_that_there_are_can_be_opted_out_of_and_the_answer_names_them(world):
    desk = await open_desk(world)
    other = await desk.agency.add_client()
    await desk.agency.owner.call("POST", f"{other.base}/policies", {"code": "gore", "title": "Gore"}, 201)
    local = await desk.hire(clients=[desk.client.id])
    path = "/moderator/v1/me/care"
    refused = await local.caller.ask("PUT", path, {"opt_outs": ["spam", "gore", "nonsense"]})
    assert read_pointers(refused, 422, "invalid") == ["/opt_outs/1", "/opt_outs/2"]
    assert "spam" in refused.json()["errors"][0]["hint"]
    assert "gore" not in refused.json()["errors"][0]["hint"]
    await desk.moderator.caller.call("PUT", path, {"opt_outs": ["spam", "gore"]}, 200)
    for owners in ("/owner/v1/care", f"/owner/v1/members/{await local.get_id()}/care"):
        refused = await desk.agency.owner.ask("PUT", owners, {"opt_outs": ["nonsense"]})
        assert read_pointers(refused, 422, "invalid") == ["/opt_outs/0"]


async def test_null_clears_limits_and_what_is_left_out_stays(world):
    desk = await open_severe(world, severe_per_hour=3)
    path = f"/owner/v1/members/{await desk.moderator.get_id()}/care"
    owner = desk.agency.owner
    await owner.call("PUT", path, {"limits": {"severe_per_hour": 1}, "opt_outs": ["spam"]}, 200)
    kept = await owner.call("PUT", path, {"blur": False}, 200)
    assert (kept["limits"]["severe_per_hour"], kept["opt_outs"], kept["blur"]) == (1, ["spam"], False)
    cleared = await owner.call("PUT", path, {"limits": None}, 200)
    assert (cleared["limits"]["severe_per_hour"], cleared["opt_outs"], cleared["blur"]) == (3, ["spam"], False)
