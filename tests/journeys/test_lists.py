"""A phrase added to a list that clients share is looked for everywhere at once, and what was judged before stands."""

from tests.support.desk import open_desk
from tests.support.rules import make_rule, make_rules
from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.rules.list_queries import load_lists_as_they_were
from veilleur.domain.rules.outcome import show_outcome
from veilleur.domain.screening.contexts import read_contexts, replay_context
from veilleur.kernel.ids import read_id

SHARING = make_rules(
    make_rule("bad", "hits('bad') > 0"),
    lists={"bad": {"kind": "shared", "list": "insults"}},
)


def holding(*entries):
    return {"title": "Insults", "list": {"entries": entries}}


async def open_shared(world, *entries):
    """A desk whose client shares the agency's `insults`, and the path of that list."""
    desk = await open_desk(world)
    made = await desk.agency.owner.call("POST", "/owner/v1/lists", {"code": "insults"} | holding(*entries), 201)
    await desk.client.publish(SHARING)
    return desk, f"/owner/v1/lists/{made['id']}"


async def verdict(desk, client, text):
    receipt = await client.accept(text)
    await desk.world.drain()
    return (await client.look(receipt["id"]))["decision"]["verdict"]


async def contexts_of(desk):
    async with desk.world.worker.database.transaction(desk.scope) as session:
        contexts = await read_contexts(session, desk.agency_id, read_id("cli", desk.client.id), limit=10)
        client_id = read_id("cli", desk.client.id)
        held = [await load_lists_as_they_were(session, desk.agency_id, client_id, one.lists) for one in contexts]
    return list(zip(contexts, held, strict=True))


async def test_a_changed_list_is_live_everywhere_with_the_next_batch(world):
    desk, path = await open_shared(world, "idiot")
    other = await desk.agency.add_client(SHARING)
    for client in (desk.client, other):
        assert await verdict(desk, client, "idiot") == "remove"
        assert await verdict(desk, client, "crétin") == "allow"
    await desk.agency.owner.call("PUT", path, holding("crétin"))
    for client in (desk.client, other):
        assert await verdict(desk, client, "crétin") == "remove"
        assert await verdict(desk, client, "idiot") == "allow"


async def test_a_clients_own_list_stands_for_the_agencys_and_for_no_other_client(world):
    desk, _ = await open_shared(world, "idiot")
    other = await desk.agency.add_client(SHARING)
    owner, base = desk.agency.owner, f"{desk.client.base}/lists"
    mine = await owner.call("POST", base, {"code": "insults"} | holding("andouille"), 201)
    assert [await verdict(desk, desk.client, text) for text in ("idiot", "andouille")] == ["allow", "remove"]
    assert [await verdict(desk, other, text) for text in ("idiot", "andouille")] == ["remove", "allow"]
    assert (await owner.ask("DELETE", f"{base}/{mine['id']}")).status_code == 409


async def test_what_was_judged_by_an_older_list_is_replayed_bit_for_bit(world):
    desk, path = await open_shared(world, "idiot")
    await desk.receive(text="idiot, crétin")
    await desk.agency.owner.call("PUT", path, holding("crétin", "autre"))
    await desk.receive(text="idiot, crétin")
    replayed = []
    for context, held in await contexts_of(desk):
        compiled = compile_rule_set(parse_rule_set(SHARING, held))
        again = replay_context(compiled, context)
        assert (again.trace, show_outcome(again.outcome)) == (context.trace, context.outcome)
        replayed.append([held["insults"]["entries"], context.trace["spans"]["bad"]])
    assert replayed == [[["crétin", "autre"], [[7, 13]]], [["idiot"], [[0, 5]]]]


async def test_counters_that_count_by_a_list_begin_anew_when_it_changes(world):
    desk, path = await open_shared(world, "idiot")
    counted = make_rules(
        make_rule("often", "counter('insults') > 2"),
        lists=SHARING["lists"],
        counters={"insults": {"key": "author.id", "window": "1h", "where": "hits('bad') > 0"}},
    )
    plain = await desk.agency.add_client(SHARING)
    await desk.client.publish(counted)
    await desk.fetch("DELETE FROM work_hints WHERE agency_id = $1")
    await desk.agency.owner.call("PUT", path, holding("crétin"))
    rows = await desk.fetch("SELECT id, counter_epoch FROM clients WHERE agency_id = $1")
    epochs = {row["id"]: row["counter_epoch"] for row in rows}
    assert (epochs[read_id("cli", desk.client.id)], epochs[read_id("cli", plain.id)]) == (1, 0)
    assert await desk.count("work_hints", "kind = 'counters'") == 1


async def test_a_backtest_looks_into_the_lists_as_they_are_now(world):
    desk, path = await open_shared(world, "idiot")
    for text in ("idiot", "crétin", "fine"):
        await desk.receive(text=text)
    owner, rule_sets = desk.agency.owner, f"{desk.client.base}/rule-sets"
    await desk.agency.owner.call("PUT", path, holding("idiot", "crétin"))
    asked = await owner.call("POST", f"{rule_sets}/1/backtest", {}, 202)
    await world.drain()
    found = await owner.call("GET", f"{rule_sets}/1/backtests/{asked['id']}")
    assert found["state"] == "done"
    assert found["outcomes"]["after"]["remove"] == 2
