"""What rules know of an author: decisions of this client that stand, strikes until they expire."""

from datetime import timedelta

from tests.support.desk import open_desk
from tests.support.rules import ASK, make_rule, make_rules
from veilleur.domain.screening.contexts import read_contexts
from veilleur.kernel.ids import read_id

RULES = make_rules(
    make_rule("repeated", "author.strikes >= 2", severity=20, on_unknown=ASK),
    make_rule("bad", "item.text.contains('bad')"),
    make_rule("known", "author.prior_approved >= 0", "author.prior_removed >= 0", mode="shadow"),
)
U1 = {"author": {"external_id": "u1"}}
FACTS = ("author.prior_approved", "author.prior_removed", "author.strikes")


async def last_facts(desk, client=None):
    """Approved, removed and strikes as the rules were last told."""
    client_id = read_id("cli", (client or desk.client).id)
    async with desk.world.worker.database.transaction(desk.scope) as session:
        [context] = await read_contexts(session, desk.agency_id, client_id, limit=1)
    return tuple(context.gathered.get(name) for name in FACTS)


async def test_every_decision_that_stands_counts_and_two_strikes_are_enough(world):
    desk = await open_desk(world, RULES)
    told = []
    for text in ("fine", "bad", "bad", "fine again"):
        [item] = await desk.receive(text=text, **U1)
        told.append(await last_facts(desk))
    assert told == [(0, 0, 0), (1, 0, 0), (1, 1, 1), (1, 2, 2)]
    assert (await desk.client.look(item))["decision"]["matched_rules"] == ["repeated"]


async def test_a_strike_expires_after_the_clients_days_and_a_removal_stays_a_removal(world):
    desk = await open_desk(world, RULES)
    await desk.agency.owner.call("PATCH", desk.client.base, {"strike_days": 7})
    await desk.receive(text="bad", **U1)
    await world.move_clock(timedelta(days=6, hours=23))
    await desk.receive(text="fine", **U1)
    assert await last_facts(desk) == (0, 1, 1)
    await world.move_clock(timedelta(days=7, minutes=1))
    await desk.receive(text="fine", **U1)
    assert await last_facts(desk) == (1, 1, 0)


async def test_what_was_taken_back_is_no_strike(world):
    desk = await open_desk(world, RULES)
    await desk.receive(text="bad", **U1)
    await world.fetch(
        "UPDATE decisions SET reversed_by = id WHERE agency_id = $1 AND verdict = 'remove'", desk.agency_id
    )
    await desk.receive(text="fine", **U1)
    assert await last_facts(desk) == (0, 0, 0)


async def test_authors_are_of_one_client_and_without_an_author_nothing_is_known(world):
    desk = await open_desk(world, RULES)
    other = await desk.agency.add_client(RULES)
    await desk.receive(text="bad", **U1)
    await desk.receive(text="fine", client=other, **U1)
    assert await last_facts(desk, other) == (0, 0, 0)
    await desk.receive(text="by nobody")
    assert await last_facts(desk) == (None, None, None)
    assert await desk.count("cases") == 1


async def test_a_robots_thousands_do_not_hold_up_a_batch(world):
    desk = await open_desk(world, RULES)
    await desk.receive(text="fine", **U1)
    await world.fetch(
        "INSERT INTO decisions SELECT more.* FROM decisions d, generate_series(2, 1500) n,"
        " jsonb_populate_record(d, jsonb_build_object('id', gen_random_uuid(), 'sequence', n)) AS more"
        " WHERE d.agency_id = $1",
        desk.agency_id,
    )
    await desk.receive(text="fine", **U1)
    assert await last_facts(desk) == (1_000, 0, 0)


async def test_days_of_a_strike_are_a_setting_with_bounds(world):
    desk = await open_desk(world)
    shown = await desk.agency.owner.call("GET", desk.client.base)
    assert shown["strike_days"] == 90
    await desk.agency.owner.call("PATCH", desk.client.base, {"strike_days": 0}, 422)
    await desk.agency.owner.call("PATCH", desk.client.base, {"strike_days": 3_651}, 422)
