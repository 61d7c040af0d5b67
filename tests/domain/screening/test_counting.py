"""Declared counters, as rules see them: once an item, in event time, and unknown rather than too small."""

import asyncio
from collections import Counter as Tally
from dataclasses import replace
from datetime import datetime

from redis.asyncio import Redis

from tests.support.desk import open_desk
from tests.support.rules import ASK, make_rule, make_rules
from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.screening.contexts import read_contexts, replay_context
from veilleur.domain.screening.screen import mark_attempts
from veilleur.infra.counters import Counters
from veilleur.kernel.ids import read_id
from veilleur_worker.counting import count_batch
from veilleur_worker.drains import Drains

FAST = make_rules(
    make_rule("fast", "counter('posts') > 2", on_unknown=ASK),
    counters={"posts": {"key": "author.id", "window": "10m"}},
)
"""A third post of an author within ten minutes is removed; while counts are unknown a person looks."""

BY_U1 = {"author": {"external_id": "u1"}}


async def verdicts(desk):
    rows = await desk.fetch("SELECT verdict FROM decisions WHERE agency_id = $1 AND automated ORDER BY made_at")
    return [row["verdict"] for row in rows]


async def contexts_of(desk):
    async with desk.world.worker.database.transaction(desk.scope) as session:
        return await read_contexts(session, desk.agency_id, read_id("cli", desk.client.id), limit=500)


async def counts_of(desk, fact="counter('posts')"):
    """What the rules were told, oldest first; None: nothing."""
    return [context.gathered.get(fact) for context in reversed(await contexts_of(desk))]


async def open_counted_desk(world, worker, rules=FAST):
    desk = await open_desk(world, rules)
    await worker.recount(desk)
    return desk


async def test_the_third_post_of_an_author_is_removed_and_nobody_elses_is(world, worker):
    desk = await open_counted_desk(world, worker)
    for author in ("u1", "u1", "u2", "u1"):
        await worker.see(desk, author={"external_id": author})
    assert await verdicts(desk) == ["allow", "allow", "allow", "remove"]
    assert await counts_of(desk) == [1, 2, 1, 3]


async def test_all_of_one_batch_are_counted_in_one_go(world, worker):
    desk = await open_counted_desk(world, worker)
    for _ in range(5):
        await desk.client.accept(**BY_U1)
    await worker.screen(desk)
    assert Tally(await verdicts(desk)) == {"allow": 2, "remove": 3}


async def test_an_edit_a_report_and_a_batch_that_is_tried_again_count_once(world, worker):
    desk = await open_counted_desk(world, worker)
    item = await worker.see(desk, external_id="e1", text="first", **BY_U1)
    await desk.client.send({"external_id": "e1", "text": "second"} | BY_U1, "item.updated")
    await worker.screen(desk)
    await desk.client.accept(**BY_U1)
    marked = [row["id"] for row in await desk.fetch("SELECT id FROM items WHERE agency_id = $1 AND state = 'received'")]
    await asyncio.gather(*(count_batch(worker.parts, desk.agency_id, marked) for _ in range(3)))
    await worker.screen(desk)
    assert await counts_of(desk) == [1, 1, 2]
    assert (await desk.client.look(item))["state"] == "decided"


async def test_items_are_counted_when_they_were_written_not_when_they_came(world, worker):
    desk = await open_counted_desk(world, worker)
    for created_at in ("2026-11-22T03:00:00Z", "2026-11-22T03:20:00Z", "2026-11-22T03:25:00Z", "2026-11-22T03:04:00Z"):
        await worker.see(desk, created_at=await shift(world, created_at), **BY_U1)
    assert await counts_of(desk) == [1, 1, 2, 2]


async def shift(world, text):
    """An instant of this morning as one within the last hour, whatever the time is now."""
    [row] = await world.fetch(
        "SELECT to_char(now() AT TIME ZONE 'UTC' - interval '40 minutes' + ($1::timestamptz - '2026-11-22T03:00:00Z'),"
        ' \'YYYY-MM-DD"T"HH24:MI:SS"Z"\') AS at',
        datetime.fromisoformat(text),
    )
    return row["at"]


async def test_different_values_are_counted_and_only_items_that_the_leaf_lets_in(world, worker):
    rules = make_rules(
        make_rule("wave", "counter('authors') >= 2", on_unknown=ASK),
        counters={
            "authors": {"key": "item.kind", "distinct": "author.id", "window": "1h", "where": "item.text.contains('x')"}
        },
    )
    desk = await open_counted_desk(world, worker, rules)
    for author, text in (("u1", "x"), ("u1", "x!"), ("u2", "y"), ("u2", "x"), ("u3", "y")):
        await worker.see(desk, text=text, author={"external_id": author})
    assert await counts_of(desk, "counter('authors')") == [1, 1, 1, 2, 2]


async def test_an_item_without_the_key_has_no_count(world, worker):
    desk = await open_counted_desk(world, worker)
    await worker.see(desk, text="by nobody")
    assert await counts_of(desk) == [None]
    assert await desk.count("cases") == 1, "the rule says what to do when it is not known"


async def test_after_a_wipe_it_is_unknown_then_recounted_and_never_too_small(world, worker):
    desk = await open_counted_desk(world, worker)
    for _ in range(2):
        await worker.see(desk, **BY_U1)
    async with Redis.from_url(worker.url) as redis:
        await redis.flushdb()
    await worker.see(desk, **BY_U1)
    await worker.recount(desk)
    await worker.see(desk, **BY_U1)
    assert await counts_of(desk) == [1, 2, None, 4]
    assert await desk.count("work_hints", "kind = 'counters'") >= 1


async def test_a_batch_that_could_not_be_counted_is_made_good(world, worker):
    desk = await open_counted_desk(world, worker)
    await worker.see(desk, **BY_U1)
    nowhere = replace(worker, parts=replace(worker.parts, counters=Counters("redis://127.0.0.1:9/0")))
    await nowhere.see(desk, **BY_U1)
    await worker.see(desk, **BY_U1)
    await worker.recount(desk)
    await worker.see(desk, **BY_U1)
    assert await counts_of(desk) == [1, None, None, 4]


async def test_a_batch_that_dies_after_it_was_counted_is_recounted_too(world, worker):
    desk = await open_counted_desk(world, worker)
    await desk.client.accept(**BY_U1)
    async with worker.parts.database.transaction(desk.scope) as session:
        await mark_attempts(session, desk.agency_id, fresh=True, limit=10)
    async with Redis.from_url(worker.url) as redis:
        await redis.flushdb()
    await worker.recount(desk)
    await worker.see(desk, **BY_U1)
    assert 2 in await counts_of(desk)


async def test_other_rules_in_force_count_anew_from_what_is_stored(world, worker):
    desk = await open_counted_desk(world, worker)
    await worker.see(desk, text="a", **BY_U1)
    counters = {"texts": {"key": "item.near_dup", "distinct": "author.id", "window": "1h"}}
    await desk.client.publish(make_rules(make_rule("copies", "counter('texts') > 1"), counters=counters))
    await worker.see(desk, text="A!", author={"external_id": "u2"})
    await worker.recount(desk)
    await worker.see(desk, text="a", author={"external_id": "u3"})
    assert await counts_of(desk, "counter('texts')") == [None, None, 3]


async def test_clients_do_not_share_their_counts(world, worker):
    desk = await open_desk(world, FAST)
    other = await desk.agency.add_client(FAST)
    await worker.recount(desk)
    for client in (desk.client, other, desk.client):
        await client.accept(**BY_U1)
        await worker.screen(desk)
    assert await counts_of(desk) == [1, 2]


async def test_what_rules_were_told_is_kept_so_that_the_evaluation_can_be_done_again(world, worker):
    desk = await open_counted_desk(world, worker)
    for _ in range(4):
        await worker.see(desk, text="Bonjour à tous, il fait beau", **BY_U1)
    compiled = compile_rule_set(parse_rule_set(FAST))
    for context in await contexts_of(desk):
        again = replay_context(compiled, context)
        assert (dict(again.trace), again.decided_by) == (context.trace, context.trace["decided_by"])


async def test_two_workers_at_once_count_every_item_once(world, worker):
    desk = await open_counted_desk(world, worker)
    items = [{"external_id": f"c{number}", "text": "x"} | BY_U1 for number in range(60)]
    await desk.client.api.call("POST", "/ingest/v1/items", {"source": desk.client.source["id"], "items": items}, 202)
    second = Counters(worker.url)
    workers = [Drains(worker.parts), Drains(replace(worker.parts, counters=second))]
    await asyncio.gather(*(one.run("screening", desk.agency_id) for one in workers))
    await second.close()
    await worker.see(desk, **BY_U1)
    assert (await counts_of(desk))[-1] == 61
