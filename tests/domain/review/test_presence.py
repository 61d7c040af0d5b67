"""Being there: off frees everything at once, a break brings nothing new, and the queues that have something for me."""

from datetime import UTC, datetime, timedelta

from tests.support.desk import ASK_RULES, open_desk, slug
from veilleur.domain.review.presence import Presence, is_on_duty, why_not
from veilleur.domain.sla.calendar import parse_calendar

MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PARIS = parse_calendar({"time_zone": "Europe/Paris", "weekly": {"mon": [["09:00", "17:00"]]}})
NIGHT = parse_calendar({"time_zone": "Asia/Tokyo", "weekly": {"tue": [["00:00", "08:00"]]}})


def test_without_any_shift_one_is_always_on():
    assert is_on_duty(Presence("available"), MONDAY_NOON)
    assert why_not(Presence("available"), MONDAY_NOON) is None


def test_on_shift_is_within_any_of_them_in_its_own_zone():
    evening = MONDAY_NOON.replace(hour=17)
    assert is_on_duty(Presence("available", [PARIS]), MONDAY_NOON)
    assert not is_on_duty(Presence("available", [PARIS]), evening)
    assert is_on_duty(Presence("available", [PARIS, NIGHT]), evening)
    assert why_not(Presence("available", [PARIS]), evening) == "off_shift"


def test_absent_and_off_are_off_and_a_break_is_on_duty():
    hour = timedelta(hours=1)
    away = Presence("available", absences=[(MONDAY_NOON, MONDAY_NOON + hour)])
    assert why_not(away, MONDAY_NOON) == "off_shift"
    assert why_not(away, MONDAY_NOON + hour) is None
    assert why_not(Presence("off"), MONDAY_NOON) == "off_shift"
    assert why_not(Presence("break"), MONDAY_NOON) == "break_due"
    assert is_on_duty(Presence("break"), MONDAY_NOON)


async def test_off_frees_all_in_hand_at_once_and_counts_against_nobody(world):
    desk = await open_desk(world)
    other = await desk.hire()
    await desk.receive(3)
    held = await desk.moderator.take(2)
    me = await desk.moderator.set_status("off")
    assert (me["status"], me["on_duty"], me["held"]) == ("off", False, 0)
    assert await desk.moderator.claim(wait=5) == {"assignments": [], "reason": "off_shift"}
    assert len(await other.take(3)) == 3
    assert await desk.count("assignments", "outcome = 'freed'") == 2
    assert await desk.count("cases", "(expiries > 0 OR cardinality(passed_by) > 0)") == 0
    answer = await desk.moderator.decide(held[0])
    assert (answer.status_code, slug(answer)) == (409, "lease-lost")
    await desk.moderator.set_status("available")
    assert (await desk.moderator.claim())["reason"] == "empty"


async def test_a_break_keeps_what_is_in_hand_and_brings_nothing_new(world):
    desk = await open_desk(world)
    await desk.receive(2)
    [held] = await desk.moderator.take()
    await desk.moderator.set_status("break")
    answer = await desk.moderator.claim(2)
    assert ([one["id"] for one in answer["assignments"]], answer["reason"]) == ([held["id"]], "break_due")
    assert (await desk.moderator.decide(held)).status_code == 201


async def test_what_was_kept_for_who_leaves_is_anybodys(world):
    desk = await open_desk(world)
    colleague = await desk.hire()
    held = await desk.take_one()
    await desk.moderator.move(held, "handover", to=await colleague.get_id())
    assert (await desk.moderator.claim())["reason"] == "empty"
    await colleague.set_status("off")
    await desk.moderator.take()


async def test_an_unknown_status_is_refused(world):
    desk = await open_desk(world)
    answer = await desk.moderator.caller.ask("PUT", "/moderator/v1/me/status", {"status": "asleep"})
    assert answer.status_code == 422


async def test_my_queues_are_those_i_may_work_in_with_what_is_ready_for_me(world):
    desk = await open_desk(world, ASK_RULES, languages=["fr"])
    for code, terms in (("legal", {"skills": ["legal"]}), ("senior", {"tier": 2}), ("spam", {})):
        await desk.agency.owner.call("POST", "/owner/v1/queues", {"code": code, "name": code} | terms, 201)
    await desk.receive(2, text="doubtful", language="fr")
    await desk.receive(text="doubtful", language="de")
    [held] = await desk.moderator.take()
    answer = await desk.moderator.caller.call("GET", "/moderator/v1/queues")
    shown = {queue["code"]: queue for queue in answer["data"]}
    assert set(shown) == {"default", "spam", "unscreened"}
    assert {code: queue["ready"] for code, queue in shown.items()} == {"default": 1, "spam": 0, "unscreened": 0}
    assert shown["default"]["next_due_at"] >= held["case"]["due_at"]
    assert (shown["spam"]["next_due_at"], shown["default"]["more"]) == (None, False)
