"""Every screening leaves what it saw and answered behind, and it can be done again from there."""

from datetime import timedelta
from uuid import UUID

import pytest

from tests.support.desk import ASK_RULES, open_desk
from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.evaluate import evaluate
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.rules.outcome import show_outcome
from veilleur.domain.screening.contexts import read_contexts
from veilleur.kernel.ids import read_id


async def contexts_of(desk, client=None, **options):
    client_id = read_id("cli", (client or desk.client).id)
    async with desk.world.worker.database.transaction(desk.scope) as session:
        return await read_contexts(session, desk.agency_id, client_id, **({"limit": 100} | options))


async def test_what_was_screened_can_be_evaluated_again_and_gives_the_same_to_the_last_bit(world):
    desk = await open_desk(world, ASK_RULES)
    for text in ("fine", "so doubtful", "bad, visit https://x.example"):
        await desk.receive(text=text, author={"external_id": "u1", "created_at": "2026-11-01T00:00:00Z"})
    compiled = compile_rule_set(parse_rule_set(ASK_RULES))
    contexts = await contexts_of(desk)
    assert [context.item["text"] for context in contexts] == ["bad, visit https://x.example", "so doubtful", "fine"]
    for context in contexts:
        again = evaluate(compiled, item_facts(context.item, context.evaluated_at))
        assert (again.trace, show_outcome(again.outcome)) == (context.trace, context.outcome)
        assert context.rule_set_version == 1


async def test_decisions_and_cases_name_their_evaluation(world):
    desk = await open_desk(world, ASK_RULES)
    held = await desk.take_one(text="doubtful")
    await desk.moderator.decide(held)
    await desk.receive(text="bad")
    automatic, asked = await contexts_of(desk)
    rows = await desk.fetch("SELECT evaluation_id, automated FROM decisions WHERE agency_id = $1 ORDER BY made_at")
    assert [(row[0], row[1]) for row in rows] == [(asked.evaluation_id, False), (automatic.evaluation_id, True)]
    assert await desk.count("cases", f"evaluation_id = '{asked.evaluation_id}'") == 1


async def test_an_edited_item_is_there_with_what_it_said_at_each_screening(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(external_id="e1", text="doubtful")
    await desk.client.send({"external_id": "e1", "text": "so doubtful"}, "item.updated")
    await world.drain()
    second, first = await contexts_of(desk)
    assert [(one.revision, one.item["text"]) for one in (first, second)] == [(1, "doubtful"), (2, "so doubtful")]
    assert await desk.count("cases", f"evaluation_id = '{second.evaluation_id}'") == 1


@pytest.mark.parametrize(("mode", "kept"), [("test", 0), ("observe", 1)])
async def test_what_is_observed_is_kept_and_what_is_rehearsed_is_not(world, mode, kept):
    desk = await open_desk(world, ASK_RULES)
    path = f"{desk.client.base}/sources/{desk.client.source['id']}"
    await desk.agency.owner.call("PATCH", path, {"mode": mode})
    await desk.receive(text="bad")
    assert len(await contexts_of(desk)) == kept


async def test_without_a_rule_set_the_context_is_kept_for_the_first_one_to_come(world):
    desk = await open_desk(world)
    await desk.receive(text="anything")
    [context] = await contexts_of(desk)
    assert (context.rule_set_version, context.trace) == (None, {})
    assert context.outcome == {"escalate": {"queue": None, "priority": "normal"}}


async def test_pages_go_back_in_time_without_a_gap_or_a_repetition_and_never_to_another_client(world):
    desk = await open_desk(world, ASK_RULES)
    other = await desk.agency.add_client(ASK_RULES)
    for minute in range(3):
        await world.move_clock(timedelta(minutes=minute))
        await desk.receive(2, text="fine")
    await desk.receive(text="fine", client=other)
    pages, place = [], None
    while page := await contexts_of(desk, after=place, limit=4):
        pages.append(page)
        place = page[-1].place
    everything = [context for page in pages for context in page]
    assert [len(page) for page in pages] == [4, 2]
    assert len({context.evaluation_id for context in everything}) == 6
    assert [context.place for context in everything] == sorted((one.place for one in everything), reverse=True)
    newest = everything[0].evaluated_at
    assert all(one.evaluated_at < newest for one in await contexts_of(desk, after=(newest, UUID(int=0))))
    assert len(await contexts_of(desk, client=other)) == 1


async def test_what_was_settled_before_is_not_evaluated_again(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(external_id="r1", text="bad")
    report = {"external_id": "r1", "report": {"source": "user", "reason": "rude"}}
    await desk.client.send(report, "item.reported")
    await world.drain()
    assert len(await contexts_of(desk)) == 1
