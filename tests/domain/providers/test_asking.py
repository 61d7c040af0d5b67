"""From an item that rules leave open to a provider and back: asked where needed, once, and never waited for in vain."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.desk import open_desk
from tests.support.moderations import open_moderations
from tests.support.rules import ASK, make_rule, make_rules
from veilleur.domain.providers.begin import begin_questions
from veilleur.domain.providers.finish import finish_questions
from veilleur.domain.providers.round import Answer
from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.screening.contexts import read_contexts, replay_context
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains

RULES = make_rules(
    make_rule("spam", "hits('spam') > 0", severity=90),
    make_rule("tox", "provider.toxicity >= params.seuil_tox", severity=50, on_unknown=ASK),
    lists={"spam": {"kind": "phrases", "match": "word", "fold": "soft", "entries": ["casino"]}},
    params={"seuil_tox": 0.5},
)
"""Spam is removed for nothing; whether the rest is toxic a provider knows, and without one a person looks."""


@pytest.fixture
async def machine():
    async with open_moderations() as moderations:
        yield moderations


async def open_asking_desk(world, machine, *, allowed=True, rules=RULES, **more):
    desk = await open_desk(world, rules)
    body = {"kind": "openai", "name": "house", "settings": {"url": machine.url}, "secret": "sk-1", "timeout_s": 0.5}
    body |= {"clients": [desk.client.id] if allowed else []} | more
    provider = await desk.agency.owner.call("POST", "/owner/v1/providers", body, 201)
    return desk, f"/owner/v1/providers/{provider['id']}"


async def work(desk, *kinds):
    drains = Drains(desk.world.worker)
    for kind in kinds or ("screening", "providers", "screening"):
        assert await drains.run(kind, desk.agency_id)


async def see(desk, text, **fields):
    """An item sent and worked on until nothing is left; what became of it: a verdict, or `case`."""
    receipt = await desk.client.accept(text, **fields)
    await work(desk)
    return await outcome_of(desk, receipt["id"])


async def outcome_of(desk, item_id):
    [row] = await desk.world.fetch(
        "SELECT i.state, d.verdict FROM items i LEFT JOIN decisions d ON d.agency_id = i.agency_id AND d.item_id = i.id"
        " AND d.item_revision = i.revision WHERE i.id = $1",
        read_id("itm", item_id),
    )
    return row["verdict"] or {"in_review": "case"}.get(row["state"], row["state"])


async def today(desk, path):
    return (await desk.agency.owner.call("GET", path))["today"]


async def test_a_provider_is_asked_only_about_what_cheaper_rules_leave_open(world, machine):
    desk, path = await open_asking_desk(world, machine)
    assert await see(desk, "toxic casino") == "remove"
    assert machine.asked == []
    assert [await see(desk, text) for text in ("very toxic", "fine")] == ["remove", "allow"]
    assert machine.texts == ["very toxic", "fine"]
    assert machine.keys == ["Bearer sk-1"] * 2
    assert await today(desk, path) == {"calls": 2, "failures": 0, "cached": 0, "refused": 0}
    rows = await desk.fetch("SELECT attempts FROM items WHERE agency_id = $1")
    assert {row["attempts"] for row in rows} == {1}, "waiting costs no attempt"


async def test_what_it_said_stays_with_the_evaluation_which_replays(world, machine):
    desk, _ = await open_asking_desk(world, machine)
    await see(desk, "very toxic")
    async with world.worker.database.transaction(desk.scope) as session:
        [context] = await read_contexts(session, desk.agency_id, read_id("cli", desk.client.id), limit=9)
    assert context.gathered["provider.toxicity"] == context.gathered["provider.house.harassment"] == 0.9
    again = replay_context(compile_rule_set(parse_rule_set(RULES)), context)
    assert again.trace == context.trace
    assert again.decided_by == "tox"


async def test_many_texts_are_one_call_and_a_text_that_is_known_is_none(world, machine):
    desk, path = await open_asking_desk(world, machine)
    for text in ("one", "two", "two", "very toxic"):
        await desk.client.accept(text)
    await work(desk)
    assert [sorted(body["input"]) for body in machine.asked] == [["one", "two", "very toxic"]]
    assert await see(desk, "very toxic") == "remove"
    assert len(machine.asked) == 1
    assert await today(desk, path) == {"calls": 1, "failures": 0, "cached": 1, "refused": 0}
    await desk.agency.owner.call("PATCH", path, {"settings": {"url": machine.url, "model": "another"}})
    await see(desk, "very toxic")
    assert len(machine.asked) == 2, "another model may say something else"


async def test_a_client_that_is_not_listed_is_never_shown(world, machine):
    desk, path = await open_asking_desk(world, machine, allowed=False)
    assert await see(desk, "very toxic") == "case"
    assert machine.asked == []
    await desk.agency.owner.call("PATCH", path, {"clients": [desk.client.id]})
    assert await see(desk, "very toxic") == "remove"
    await desk.agency.owner.call("DELETE", path)
    assert await see(desk, "toxic once more") == "case"
    assert len(machine.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "error", "calls"),
    [
        (500, b"{}", "http_500", 2),
        (429, b"{}", "http_429", 2),
        (401, b"{}", "http_401", 1),
        (200, b"<html>", "unreadable", 2),
        (200, b" " * 2_000_000, "unreadable", 2),
        (200, b'{"results": []}', "unreadable", 2),
    ],
)
async def test_a_failure_is_unknown_after_one_more_try(world, machine, status, body, error, calls):
    desk, path = await open_asking_desk(world, machine)
    machine.break_down(status, body)
    receipt = await desk.client.accept("very toxic")
    await work(desk)
    await world.move_clock(timedelta(seconds=1))
    await work(desk, "providers", "screening")
    assert await outcome_of(desk, receipt["id"]) == "case"
    shown = await desk.agency.owner.call("GET", path)
    assert (len(machine.asked), shown["last_error"], shown["today"]["failures"]) == (calls, error, calls)


async def test_one_that_hangs_is_cut_off_and_one_that_recovers_is_believed(world, machine):
    desk, path = await open_asking_desk(world, machine, timeout_s=0.2)
    machine.silent = True
    receipt = await desk.client.accept("very toxic")
    await work(desk)
    assert await outcome_of(desk, receipt["id"]) == "received"
    assert (await desk.agency.owner.call("GET", path))["last_error"] == "timeout"
    machine.recover()
    await world.move_clock(timedelta(seconds=1))
    await work(desk, "providers", "screening")
    assert await outcome_of(desk, receipt["id"]) == "remove"
    assert (await desk.agency.owner.call("GET", path))["failures_in_a_row"] == 0


async def test_a_spent_budget_is_unknown_at_once(world, machine):
    desk, path = await open_asking_desk(world, machine, daily_budget=1)
    assert [await see(desk, text) for text in ("very toxic", "quite toxic")] == ["remove", "case"]
    assert len(machine.asked) == 1
    assert await today(desk, path) == {"calls": 1, "failures": 0, "cached": 0, "refused": 1}


async def test_one_that_fails_five_times_is_left_alone_then_tried_by_one(world, machine):
    desk, path = await open_asking_desk(world, machine)
    machine.break_down(401)
    assert [await see(desk, f"toxic {number}") for number in range(6)] == ["case"] * 6
    assert len(machine.asked) == 5
    assert (await desk.agency.owner.call("GET", path))["state"] == "open"
    machine.recover()
    await world.move_clock(timedelta(seconds=31))
    assert (await desk.agency.owner.call("GET", path))["state"] == "half_open"
    assert await see(desk, "toxic again") == "remove"
    assert (await desk.agency.owner.call("GET", path))["state"] == "closed"


async def test_a_worker_that_dies_while_asking_loses_nothing_and_its_answer_comes_too_late(world, machine):
    desk, _ = await open_asking_desk(world, machine)
    receipt = await desk.client.accept("very toxic")
    await work(desk, "screening")
    async with world.worker.database.transaction(desk.scope) as session:
        lost = await begin_questions(session, desk.agency_id, 10)
        assert await begin_questions(session, desk.agency_id, 10) is None, "leased"
    await world.move_clock(timedelta(seconds=2))
    await work(desk, "providers", "screening")
    assert await outcome_of(desk, receipt["id"]) == "remove"
    [call] = lost.calls
    answer = Answer(call, {key: {"harassment": 0.0} for key in call.questions})
    async with world.worker.database.transaction(desk.scope) as session:
        assert await finish_questions(session, desk.agency_id, lost, [answer]) == {}
    [row] = await desk.fetch("SELECT scores FROM provider_questions WHERE agency_id = $1")
    assert '"provider.toxicity": 0.9' in row["scores"]
    assert await desk.count("decisions") == 1


async def test_without_any_worker_that_asks_patience_ends(world, machine):
    desk, _ = await open_asking_desk(world, machine)
    receipt = await desk.client.accept("very toxic")
    await work(desk, "screening")
    assert await outcome_of(desk, receipt["id"]) == "received"
    await world.move_clock(timedelta(seconds=6))
    await work(desk, "screening")
    assert await outcome_of(desk, receipt["id"]) == "case"
    await work(desk, "providers", "screening")
    assert machine.asked == []


async def test_an_edit_while_it_thinks_is_asked_about_anew_and_a_deletion_is_not(world, machine):
    desk, _ = await open_asking_desk(world, machine)

    async def edit():
        machine.before = None
        await desk.client.send({"external_id": "e", "text": "fine now"}, "item.updated")
        await work(desk, "screening")

    machine.before = edit
    assert await see(desk, "very toxic", external_id="e") in ("received", "allow")
    await work(desk, "providers", "screening")
    [row] = await desk.fetch("SELECT verdict FROM decisions WHERE agency_id = $1")
    assert row["verdict"] == "allow"
    assert machine.texts == ["very toxic", "fine now"]
    gone = await desk.client.accept("very toxic indeed", external_id="g")
    await work(desk, "screening")
    await desk.client.send({"external_id": "g"}, "item.deleted")
    await work(desk)
    assert await outcome_of(desk, gone["id"]) == "deleted"
    assert len(machine.asked) == 2


async def test_many_askers_at_once_ask_once(world, machine):
    desk, path = await open_asking_desk(world, machine, daily_budget=3)
    for number in range(100):
        await desk.client.accept(f"text {number}")
    await work(desk, "screening")
    await asyncio.gather(*(Drains(world.worker).run("providers", desk.agency_id) for _ in range(3)))
    await work(desk, "screening")
    assert len(machine.texts) == len(set(machine.texts)) <= 96
    counted = await today(desk, path)
    assert (counted["calls"], len(machine.asked)) == (3, 3)
    assert await desk.count("decisions") + await desk.count("cases") == 100
