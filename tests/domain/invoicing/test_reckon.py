"""Every night facts are held against records: kept, said once, over when both agree; erased is not lost; any size fits."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.billing import agency_of, count_on, sign, tamper
from tests.support.desk import ASK_RULES, open_desk
from veilleur.domain.billing.period import Period
from veilleur.domain.invoicing import reconcile
from veilleur.domain.invoicing.agreement import Stretch, cut_days
from veilleur.domain.invoicing.reckon import LASTS_S, find_night
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import parse_id, read_id
from veilleur_worker import reckoning
from veilleur_worker.drains import Drains

FIRST = date(2026, 10, 1)
DAY = timedelta(days=1)


@pytest.fixture
async def desk(world):
    return await open_desk(world, ASK_RULES)


async def list_alarms(desk, state="open"):
    return (await desk.agency.owner.call("GET", f"/owner/v1/alarms?state={state}&kind=usage.unreconciled"))["data"]


async def list_kept(desk):
    return (await desk.agency.owner.call("GET", f"{desk.client.base}/reconciliations"))["data"]


async def pass_night(desk, days):
    """Into the day after so many nights; the worker comes twice."""
    await desk.world.move_clock(timedelta(days=days))
    for _ in range(2):
        assert await Drains(desk.world.worker).run("reckoning", desk.agency_id)


async def reconcile_now(desk, period):
    path = f"/owner/v1/reconciliation?client={desk.client.id}&period={period}"
    return await desk.agency.owner.call("GET", path)


def today():
    return datetime.now(UTC).date()


def test_every_agency_has_its_own_second_of_each_night():
    present = datetime(2026, 11, 22, 12, tzinfo=UTC)
    first, second = UUID(int=10), UUID(int=11)
    assert find_night(second, present) - find_night(first, present) == timedelta(seconds=1)
    assert find_night(first, find_night(first, present)) == find_night(first, present)
    assert find_night(first, find_night(first, present) - timedelta(seconds=1)) == find_night(first, present) - DAY
    assert find_night(UUID(int=LASTS_S), present).hour == 1


@given(
    length=st.integers(1, 40),
    counted=st.dictionaries(st.integers(-3, 45), st.integers(0, 50)),
    most=st.integers(1, 60),
    most_days=st.integers(1, 10),
)
def test_slices_are_the_same_days_each_once_and_none_is_too_large(length, counted, most, most_days):
    days = Period(FIRST, FIRST + length * DAY)
    records = {FIRST + offset * DAY: count for offset, count in counted.items()}
    slices = cut_days(days, records.items(), most, most_days)
    assert [slices[0].first, *(one.past for one in slices)] == [one.first for one in slices] + [days.past]
    for one in slices:
        held = sum(records.get(one.first + offset * DAY, 0) for offset in range(one.days))
        assert one.days == 1 or (held <= most and one.days <= most_days)


async def test_a_night_keeps_what_it_found_and_says_a_difference_once_until_it_is_over(desk):
    await desk.agency.owner.call(
        "POST", "/owner/v1/endpoints", {"kind": "standard", "url": "http://127.0.0.1:9/x"}, 201
    )
    await sign(desk.client)
    await desk.client.accept()
    [record] = await desk.fetch("SELECT id FROM usage_records WHERE agency_id = $1")
    await tamper(desk.world, "UPDATE usage_records SET quantity = 2 WHERE id = $1", record["id"])
    await pass_night(desk, 1)
    [kept] = await list_kept(desk)
    assert (kept["made_by"], kept["differences"]) == (None, 2)
    assert kept["period"]["to"] == (today() + DAY).isoformat() or today().day == 1
    [alarm] = await list_alarms(desk)
    assert (alarm["subject"], alarm["client"], alarm["times"]) == (kept["billing_period"], desk.client.id, 1)
    assert (alarm["figures"]["differences"], alarm["figures"]["reconciliation"]) == (2, kept["id"])
    await pass_night(desk, 2)
    [alarm] = await list_alarms(desk)
    assert alarm["times"] == 2
    assert await desk.count("events", "type = 'usage.unreconciled'") == 1
    await tamper(desk.world, "UPDATE usage_records SET quantity = 1 WHERE id = $1", record["id"])
    await pass_night(desk, 40)
    assert await list_alarms(desk) == []
    assert [row["differences"] for row in await list_kept(desk)][:2] == [2, 2]


async def test_work_without_a_contract_is_reckoned_too_and_nothing_is_kept_of_nothing(desk):
    idle = await desk.agency.add_client()
    await desk.client.accept()
    await pass_night(desk, 1)
    [kept] = await list_kept(desk)
    assert (kept["billing_period"], kept["differences"]) == (None, 0)
    assert [row["meter"] for row in kept["meters"]] == ["items.received"]
    assert (await desk.agency.owner.call("GET", f"{idle.base}/reconciliations"))["data"] == []


async def test_one_clients_trouble_keeps_no_other_waiting_and_is_tried_again_in_an_hour(desk, monkeypatch):
    other = await desk.agency.add_client()
    for client in (desk.client, other):
        await client.accept()
    broken = parse_id("cli", desk.client.id)
    compare = reconcile.compare_slice

    async def fail(session, stretch, days):
        if stretch.client_id == broken:
            raise TimeoutError
        return await compare(session, stretch, days)

    monkeypatch.setattr(reconcile, "compare_slice", fail)
    await pass_night(desk, 1)
    assert await list_kept(desk) == []
    assert len((await desk.agency.owner.call("GET", f"{other.base}/reconciliations"))["data"]) == 1
    monkeypatch.setattr(reconcile, "compare_slice", compare)
    await desk.world.move_clock(DAY + timedelta(seconds=reckoning.AGAIN_S + 60))
    await desk.world.drain()
    assert len(await list_kept(desk)) == 1


async def test_the_watch_notes_the_night(desk):
    assert await Drains(desk.world.worker).run("watch", desk.agency_id)
    [hint] = await desk.fetch("SELECT due_at FROM work_hints WHERE agency_id = $1 AND kind = 'reckoning'")
    [now] = await desk.world.fetch("SELECT app_now() AS at")
    assert timedelta(0) < hint["due_at"] - now["at"] <= DAY


async def test_an_erased_explanation_was_counted_and_is_no_difference(desk):
    await desk.client.accept("doubtful", author={"external_id": "u_1"})
    await desk.world.drain()
    [held] = await desk.moderator.take()
    said = {"policies": ["spam"], "explanation": "because"}
    assert (await desk.moderator.decide(held, "remove", **said)).status_code == 201
    await sign(desk.client)
    await desk.client.api.call("DELETE", "/ingest/v1/authors/u_1", status=202)
    for kind in ("screening", "erasure", "screening", "erasure"):
        assert await Drains(desk.world.worker).run(kind, desk.agency_id)
    [decision] = await desk.fetch("SELECT explanation FROM decisions WHERE agency_id = $1 AND member_id IS NOT NULL")
    assert decision["explanation"] is None
    found = await reconcile_now(desk, today().isoformat())
    assert (found["differences"], found["findings"]) == (0, [])
    erased = {row["meter"]: row["erased"] for row in found["meters"]}
    assert erased["reply.sent"] == 1
    assert sum(erased.values()) == 1


async def test_a_reply_that_was_never_sent_is_still_found_out(desk):
    held = await desk.take_one(text="doubtful")
    assert (await desk.moderator.decide(held, "remove", policies=["spam"])).status_code == 201
    await sign(desk.client)
    await tamper(
        desk.world,
        "INSERT INTO usage_records (agency_id, id, client_id, source_id, meter, quantity, occurred_at, local_date,"
        " time_zone, billable, dims, item_id, decision_id)"
        " SELECT agency_id, gen_random_uuid(), client_id, source_id, 'reply.sent', 1, occurred_at, local_date,"
        " time_zone, billable, dims, item_id, decision_id FROM usage_records"
        " WHERE agency_id = $1 AND meter = 'decision.human'",
        desk.agency_id,
    )
    found = await reconcile_now(desk, today().isoformat())
    assert "record without a fact" in {one["finding"] for one in found["findings"] if one["meter"] == "reply.sent"}


async def test_a_client_that_was_erased_has_no_facts_left_and_differs_from_nothing(desk):
    await sign(desk.client)
    await desk.client.accept("bad")
    await desk.agency.owner.call(
        "POST", f"{desk.client.base}/offboard", {"mode": "finish", "term_days": 0, "waive_archive": True}, 202
    )
    for kind in ("screening", "offboarding", "offboarding", "erasure", "offboarding"):
        assert await Drains(desk.world.worker).run(kind, desk.agency_id)
    assert await desk.count("items") == 0
    found = await reconcile_now(desk, today().isoformat())
    assert found["differences"] == 0
    assert {row["meter"]: (row["records"], row["erased"]) for row in found["meters"]} == {
        "items.received": (1, 1),
        "decision.auto": (1, 1),
    }
    await pass_night(desk, 1)
    assert [row["made_by"] is None for row in await list_kept(desk)] == [False]


async def compare(world, client, **limits):
    agency_id = await agency_of(world, client)
    stretch = Stretch(agency_id, read_id("cli", client.id), "Europe/Paris", Period(FIRST, FIRST + 31 * DAY))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in limits.items():
            patch.setattr(reconcile, name, value)
        apart = await reconcile.compare_apart(world.parts.database, stretch)
        async with world.parts.database.transaction(Scope(agency_id)) as session:
            assert await reconcile.compare_within(session, stretch) == apart
            slices = await reconcile.list_slices(session, stretch)
    return apart, len(slices)


async def test_slices_find_what_the_whole_finds_and_each_thing_once(world):
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    for offset in range(0, 30, 3):
        await count_on(world, client, FIRST + offset * DAY, offset + 1)
    whole, one = await compare(world, client, MOST_RECORDS=1_000, MOST_DAYS=40)
    sliced, many = await compare(world, client, MOST_RECORDS=1, MOST_DAYS=2)
    assert (whole.differences, one) == (0, 1)
    assert many > 10
    assert sliced == whole
    agency_id = await agency_of(world, client)
    rows = await world.fetch("SELECT id FROM usage_records WHERE agency_id = $1 ORDER BY local_date", agency_id)
    for row, command in zip(
        rows[1::2],
        (
            "UPDATE usage_records SET local_date = local_date + 1 WHERE id = $1",
            "UPDATE usage_records SET quantity = quantity + 1 WHERE id = $1",
            "DELETE FROM usage_records WHERE id = $1",
            "UPDATE usage_records SET occurred_at = occurred_at + interval '1 day' WHERE id = $1",
        ),
        strict=False,
    ):
        await tamper(world, command, row["id"])
    whole, _ = await compare(world, client, MOST_RECORDS=1_000, MOST_DAYS=40)
    sliced, _ = await compare(world, client, MOST_RECORDS=1, MOST_DAYS=1)
    assert whole.differences == sliced.differences > 4
    assert sliced.counts == whole.counts
    told = [
        {(one["finding"], one.get("record"), one.get("fact")) for one in found.findings} for found in (whole, sliced)
    ]
    assert told[0] == told[1]
