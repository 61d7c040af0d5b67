"""Promises counted, the ledger of breaches and what is waived, what will be late and why, every client at a glance."""

from datetime import timedelta

import pytest

from tests.api.refusals import read_pointers
from tests.support.desk import Moderator, open_desk
from veilleur.kernel.ids import show_id

POLICY = {"default": {"class": "gold", "decision": {"seconds": 3_600, "time": "calendar"}}}
SHORT = timedelta(minutes=61)


async def open_gold(world, **moderator):
    desk = await open_desk(world, **moderator)
    await desk.agency.owner.call("POST", f"{desk.client.base}/sla-policies", {"policy": POLICY}, 201)
    return desk


async def settle(desk):
    """One decided in time, one decided late, one late and open."""
    items = await desk.receive(3)
    [held] = await desk.moderator.take()
    assert (await desk.moderator.decide(held)).status_code == 201
    await desk.world.move_clock(SHORT)
    await desk.world.drain()
    [held] = await desk.moderator.take()
    assert (await desk.moderator.decide(held)).status_code == 201
    return items


async def ask(desk, path, status=200):
    return await desk.agency.owner.call("GET", f"/owner/v1/{path}", status=status)


async def test_what_is_late_and_open_counts_as_missed_and_what_is_waived_no_more(world):
    desk = await open_gold(world)
    await settle(desk)
    [row] = (await ask(desk, "sla?group_by=client,metric,class,priority"))["data"]
    assert {name: row[name] for name in ("client", "metric", "class", "met", "missed", "percent")} == {
        "client": desk.client.id, "metric": "decision", "class": "gold", "met": 1, "missed": 2, "percent": 33.3,
    }  # fmt: skip
    assert row["p50_s"] < row["p90_s"] <= 3_700
    ledger = (await ask(desk, f"sla/breaches?client={desk.client.id}"))["data"]
    assert {one["state"] for one in ledger} == {"running", "missed"}
    for one in ledger:
        assert [event["type"] for event in one["events"]][:2] == ["started", "breached"]
        assert one["breached_at"] == one["due_at"]
    waive = f"/owner/v1/sla/breaches/{ledger[0]['id']}/waive"
    for _ in range(2):
        waived = await desk.agency.owner.call("POST", waive, {"reason": "their mistake"}, 200)
        assert waived["excluded"] == "waived"
    [row] = (await ask(desk, "sla?group_by=metric"))["data"]
    assert (row["met"], row["missed"], row["percent"], row["excluded"]["waived"]) == (1, 1, 50.0, 1)
    assert await desk.count("audit_entries", "action = 'clock.waived' AND details->>'reason' = 'their mistake'") == 1


async def test_days_are_those_of_the_client_and_a_range_is_half_open(world):
    desk = await open_gold(world)
    await settle(desk)
    report = await ask(desk, f"sla?client={desk.client.id}&group_by=day")
    days = {row["day"] for row in report["data"]}
    assert report["time_zone"] == "Europe/Paris"
    last = max(days)
    assert (await ask(desk, f"sla?from=0001-01-01&to={min(days)}"))["data"] == []
    assert (await ask(desk, f"sla?from={last}&to=9999-12-31"))["data"]


async def test_the_ledger_is_paged_from_the_last_one_back(world):
    desk = await open_gold(world)
    await settle(desk)
    first = await ask(desk, "sla/breaches?limit=1")
    second = await ask(desk, f"sla/breaches?limit=1&after={first['next']}")
    assert second["next"] is None
    assert first["data"][0]["breached_at"] > second["data"][0]["breached_at"]


async def test_what_was_kept_can_not_be_waived(world):
    desk = await open_gold(world)
    [item] = await desk.receive()
    clock = await desk.clock_of(item)
    path = f"/owner/v1/sla/breaches/{show_id('clk', clock['id'])}/waive"
    answer = await desk.agency.owner.ask("POST", path, {"reason": "x"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:veilleur:problem:nothing-to-waive")


async def test_a_forecast_names_each_case_that_nobody_can_save_and_why(world):
    desk = await open_gold(world, languages=["en"])
    await desk.receive(language="fr", external_id="a")
    forecast = await ask(desk, "forecast")
    [row] = forecast["late"]
    assert (row["cause"], row["expected_at"], row["client"]) == ("no_eligible_member", None, desk.client.id)
    helper = await desk.hire(languages=["fr"])
    assert (await ask(desk, "forecast"))["late"] == []
    await helper.caller.call("PUT", "/moderator/v1/me/status", {"status": "off"})
    assert [one["cause"] for one in (await ask(desk, "forecast"))["late"]] == ["no_eligible_member"]


async def test_a_backlog_that_does_not_fit_before_its_deadline_is_foreseen(world):
    desk = await open_gold(world)
    [item] = await desk.receive()
    [held] = await desk.moderator.take()
    await world.move_clock(timedelta(minutes=5))
    await desk.moderator.decide(held)
    await desk.receive(20)
    await world.move_clock(timedelta(minutes=10))
    forecast = await ask(desk, "forecast")
    # Five minutes each, fifty minutes left: ten fit.
    assert 9 <= 20 - len(forecast["late"]) <= 11
    assert {row["cause"] for row in forecast["late"]} == {"backlog"}
    assert forecast["late"][0]["expected_at"] > forecast["late"][0]["due_at"]
    assert forecast["staffing"]["planned"] == 1
    assert 295 < forecast["staffing"]["handling_s"] < 310
    at_risk = await ask(desk, "sla/at-risk?within_s=3600&limit=15")
    assert [row["cause"] for row in at_risk["data"]][:9] == [None] * 9
    assert at_risk["data"][-1]["cause"] == "backlog"
    rest = await ask(desk, f"sla/at-risk?within_s=3600&limit=15&after={at_risk['next']}")
    assert len(rest["data"]) == 5
    assert item


async def test_the_overview_says_it_all_in_statements_that_do_not_grow(world):
    desk = await open_gold(world)
    await settle(desk)
    await ask(desk, "overview")
    with world.count_statements() as few:
        shown = await ask(desk, "overview")
    [row] = shown["clients"]
    assert (row["client"], row["backlog"], row["on_shift"]) == (desk.client.id, 1, 1)
    assert row["at_risk"] == {"cases": 1, "causes": {"already_late": 1}}
    assert row["month_to_date"]["decision.human"] == "2"
    assert row["health"]["unscreened"] == 0
    for _ in range(3):
        client = await desk.agency.add_client()
        await desk.receive(client=client)
    with world.count_statements() as many:
        assert len((await ask(desk, "overview"))["clients"]) == 4
    assert len(many) == len(few) <= 20


@pytest.mark.parametrize(
    ("path", "pointers"),
    [
        ("sla?group_by=colour", ["/group_by"]),
        ("sla?group_by=day,day", ["/group_by"]),
        ("sla/at-risk?after=x", ["/after"]),
        ("sla/breaches?after=x", ["/after"]),
        ("forecast?hours=0", ["/hours"]),
    ],
)
async def test_a_question_that_is_none_gets_422(world, path, pointers):
    agency = await world.operator.found_agency()
    answer = await agency.owner.ask("GET", f"/owner/v1/{path}")
    assert read_pointers(answer, 422, "invalid") == pointers


async def test_moderators_and_accountants_do_not_see_it(world):
    desk = await open_desk(world)
    accountant = Moderator(await desk.agency.add_moderator(roles=["accountant"]))
    for who in (desk.moderator, accountant):
        await who.caller.call("GET", "/owner/v1/overview", status=403)
