"""A platform's own deadline caps every promise, is shown with its cause, and is never pushed back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.ingest.platforms import open_platform
from tests.support.desk import instant
from veilleur.domain.intake.sources.deadlines import find_deadline
from veilleur.domain.sla.calendar import parse_calendar
from veilleur.domain.sla.countdown import Aim, pause_run, resume_run, retarget_run, start_run
from veilleur.domain.sla.policy import Target

OFFICE = parse_calendar({"time_zone": "UTC", "weekly": {"mon": [["09:00", "17:00"]], "tue": [["09:00", "17:00"]]}})
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
SLOW = Target("standard", 8 * 3_600, business=True, warnings=("50%", "60s"))


def test_only_what_a_platform_ends_has_a_deadline():
    said = {"created_at": "2026-11-22T10:00:00Z"}
    sent = datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert find_deadline("telegram", said, MONDAY).at == sent + timedelta(hours=48)
    assert find_deadline("telegram", {}, MONDAY).at == MONDAY + timedelta(hours=48)
    assert find_deadline("twitch", said | {"metadata": {"held": True}}, MONDAY).at == sent + timedelta(minutes=5)
    assert find_deadline("twitch", said | {"metadata": {"held": False}}, MONDAY) is None
    assert find_deadline("discourse", said, MONDAY) is None


def test_a_deadline_moves_due_time_and_warnings_forward():
    run, _ = start_run(SLOW, OFFICE, MONDAY, MONDAY, MONDAY + timedelta(minutes=5))
    assert run.due_at == MONDAY + timedelta(minutes=5)
    assert [(timer.threshold, timer.at - MONDAY) for timer in run.timers] == [
        ("50%", timedelta(seconds=150)), ("60s", timedelta(seconds=240)),
    ]  # fmt: skip
    assert start_run(SLOW, OFFICE, MONDAY, MONDAY, MONDAY + timedelta(days=9))[0].due_at == MONDAY + timedelta(hours=8)


MINUTES = st.integers(0, 3_000).map(lambda minutes: timedelta(minutes=minutes))


@given(deadline=MINUTES, steps=st.lists(st.tuples(st.sampled_from(["pause", "resume", "faster", "slower"]), MINUTES)))
def test_nothing_that_happens_to_a_clock_makes_it_due_after_the_deadline(deadline, steps):
    ends_at = MONDAY + deadline
    run, _ = start_run(SLOW, OFFICE, MONDAY, MONDAY, ends_at)
    present = MONDAY
    for what, later in steps:
        present += later
        if what == "pause":
            run, _ = pause_run(run, OFFICE, "awaiting_client", present)
        elif what == "resume":
            run, _ = resume_run(run, OFFICE, present)
        else:
            target = Target(what, 3_600 if what == "faster" else 90_000, business=True, warnings=("80%",))
            run, _ = retarget_run(run, OFFICE, Aim(target, OFFICE), present)
        assert run.due_at <= ends_at
        assert all(timer.at <= run.due_at for timer in run.timers)


async def test_a_held_message_is_due_within_minutes_and_says_why(world, monkeypatch):
    platform = await open_platform(world, "twitch", monkeypatch)
    await platform.take(platform.sample)
    await world.drain()
    [held] = await platform.desk.moderator.take()
    [item] = await platform.list_items()
    due_at = item["received_at"] + timedelta(minutes=5)
    assert instant(held["case"]["due_at"]) == due_at
    assert held["case"]["deadline"]["cause"] == "twitch_automod"
    [clock] = (await platform.desk.client.look(held["item"]["id"]))["clocks"]
    assert (instant(clock["due_at"]), clock["deadline"]["cause"]) == (due_at, "twitch_automod")


@pytest.mark.parametrize(("age_h", "capped"), [(47, True), (49, False)])
async def test_a_message_of_telegram_is_due_while_it_can_be_deleted(world, monkeypatch, age_h, capped):
    """One that came too late to be deleted has the promise that all have."""
    platform = await open_platform(world, "telegram", monkeypatch)
    sent = datetime.now(UTC) - timedelta(hours=age_h)
    message = platform.sample["message"] | {"date": int(sent.timestamp())}
    await platform.take(platform.sample | {"message": message})
    await world.drain()
    [held] = await platform.desk.moderator.take()
    clock = await platform.desk.clock_of(held["item"]["id"])
    assert (clock["deadline_at"] is not None) is capped
    assert (clock["due_at"] <= sent + timedelta(hours=48)) is capped


async def test_a_hold_ends_before_the_platform_decides_by_itself(world, monkeypatch):
    from tests.support.acting import REMOVE, Stage  # noqa: PLC0415
    from tests.support.platforms import OAUTH, answer, open_site  # noqa: PLC0415

    platform = await open_platform(world, "twitch", monkeypatch)
    stage = Stage(platform.desk, platform.client)
    granted = OAUTH | {"access_token": "access-1", "expires_at": 4_000_000_000.0, "moderator_id": "99"}
    await stage.configure(granted, "act_after_hold", hold_s=3_600)
    async with open_site(world, lambda _: answer(204)) as site:
        await platform.take(platform.sample)
        await world.drain()
        [held] = await platform.desk.moderator.take()
        assert (await platform.desk.moderator.decide(held, "remove", actions=[REMOVE])).status_code == 201
        await stage.work()
        assert site.asked == []
        await world.move_clock(timedelta(minutes=4, seconds=35))
        try:
            await stage.work()
        finally:
            await world.reset_clock()
        assert site.asked[-1].json["action"] == "DENY"
