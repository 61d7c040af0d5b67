"""The worker counts how often rules fire, and raises an alarm when that is not as usual."""

from datetime import UTC, datetime, timedelta

from tests.support.desk import ASK_RULES, open_desk
from veilleur.domain.alarms.record import Trouble, close_alarms, raise_alarm
from veilleur.domain.screening.windows import WINDOW, find_count_time, floor_window
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains


async def alarms(desk, query=""):
    return (await desk.agency.owner.call("GET", f"/owner/v1/alarms{query}"))["data"]


async def count_rates(desk):
    assert await Drains(desk.world.worker).run("rates", desk.agency_id)


async def send(desk, count, text):
    items = [
        {"external_id": f"{text}{number}{datetime.now(UTC)}", "text": f"{text} {number}"} for number in range(count)
    ]
    await desk.client.api.call("POST", "/ingest/v1/items", {"source": desk.client.source["id"], "items": items}, 202)
    await Drains(desk.world.worker).run("screening", desk.agency_id)


async def live_through(desk, windows):
    """A past of quiet windows: 100 items, the rule `bad` fires on two."""
    client_id = read_id("cli", desk.client.id)
    (row,) = await desk.world.fetch("SELECT app_now() AS at")
    for number in range(1, windows + 1):
        await desk.world.fetch(
            "INSERT INTO rule_rates VALUES ($1, $2, $3, 100, '{\"bad\": 2, \"doubts\": 0}')",
            desk.agency_id, client_id, floor_window(row["at"]) - number * WINDOW,
        )  # fmt: skip


async def pass_window(desk, number):
    """To the middle of another window from here."""
    (row,) = await desk.world.fetch("SELECT now() AS at")
    middle = floor_window(row["at"]) + number * WINDOW + WINDOW / 2
    await desk.world.move_clock(middle - row["at"])


def test_windows_begin_at_round_minutes_and_are_counted_when_they_are_over():
    instant = datetime(2026, 11, 22, 10, 29, 59, tzinfo=UTC)
    assert floor_window(instant) == datetime(2026, 11, 22, 10, 20, tzinfo=UTC)
    assert find_count_time(instant) == datetime(2026, 11, 22, 10, 30, 5, tzinfo=UTC)


async def test_a_rule_that_suddenly_fires_on_everything_raises_one_alarm_that_closes_by_itself(world):
    desk = await open_desk(world, ASK_RULES)
    await pass_window(desk, 1)
    await live_through(desk, 20)
    await send(desk, 60, "bad")
    await pass_window(desk, 2)
    for _ in range(2):
        await count_rates(desk)
    (alarm,) = await alarms(desk, f"?state=open&client={desk.client.id}")
    assert (alarm["kind"], alarm["rule"], alarm["state"], alarm["times"]) == ("rule.anomaly", "bad", "open", 1)
    assert (alarm["figures"]["fired"], alarm["figures"]["evaluated"], alarm["figures"]["usual_rate"]) == (60, 60, 0.02)
    await send(desk, 60, "bad")
    await pass_window(desk, 3)
    await count_rates(desk)
    assert [one["times"] for one in await alarms(desk)] == [2]
    await send(desk, 60, "fine")
    await pass_window(desk, 4)
    await count_rates(desk)
    assert await alarms(desk, "?state=open") == []
    assert [one["state"] for one in await alarms(desk, "?kind=rule.anomaly")] == ["closed"]


async def test_every_rule_of_the_version_in_force_is_counted_silent_ones_too(world):
    desk = await open_desk(world, ASK_RULES)
    await pass_window(desk, 1)
    await send(desk, 3, "so doubtful")
    await pass_window(desk, 2)
    await count_rates(desk)
    (row,) = await desk.fetch("SELECT evaluated, fired::text FROM rule_rates WHERE agency_id = $1")
    assert (row["evaluated"], row["fired"]) == (3, '{"bad": 0, "doubts": 3}')


async def test_screening_leaves_the_counting_for_later(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(text="bad")
    (hint,) = await desk.fetch("SELECT due_at, app_now() AS at FROM work_hints WHERE agency_id = $1 AND kind = 'rates'")
    assert timedelta(0) < hint["due_at"] - hint["at"] <= WINDOW + timedelta(seconds=5)


async def test_an_alarm_is_one_row_while_it_is_open_and_a_new_one_afterwards(world):
    desk = await open_desk(world)
    trouble = Trouble("queue.uncovered", "default", None, {"waiting": 3})

    async def do(work):
        async with world.worker.database.transaction(desk.scope) as session:
            return await work(session)

    assert await do(lambda session: raise_alarm(session, desk.agency_id, trouble)) is True
    assert await do(lambda session: raise_alarm(session, desk.agency_id, trouble)) is False
    kind, subjects = "queue.uncovered", ["default", "other"]
    assert await do(lambda session: close_alarms(session, desk.agency_id, kind, subjects)) == ["default"]
    assert await do(lambda session: raise_alarm(session, desk.agency_id, trouble)) is True
    shown = await alarms(desk)
    assert [(one["state"], one["times"], one["client"]) for one in shown] == [("closed", 2, None), ("open", 1, None)]
