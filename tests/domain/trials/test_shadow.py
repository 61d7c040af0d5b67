"""A version in shadow is asked about every item and never acts; its report is held against people."""

from tests.domain.trials.rule_sets import ask, rules, save
from tests.support.desk import ASK_RULES, open_desk, slug


async def report(desk, version):
    return await desk.agency.owner.call("GET", f"{desk.client.base}/rule-sets/{version}/shadow")


async def shadowed(world, document, live=ASK_RULES):
    desk = await open_desk(world, live, capacity=10)
    version = await save(desk, document)
    started = await ask(desk, version, "shadow")
    assert (started.status_code, started.json()["state"]) == (200, "draft")
    return desk, version


async def test_it_never_acts_and_tells_what_it_would_have_done(world):
    desk, version = await shadowed(world, rules("hello"))
    for text in ("hello", "hello bad", "fine", "fine"):
        (item,) = await desk.receive(text=text)
        decision = (await desk.client.look(item))["decision"]
        assert (decision["verdict"], decision["rule_set_version"]) == ("remove" if "bad" in text else "allow", 1)
        assert version not in decision.values()
    found = await report(desk, version)
    assert (found["running"], found["evaluated"]) == (True, 4)
    assert found["outcomes"] == [
        {"shadow": "allow", "live": "allow", "count": 2},
        {"shadow": "remove", "live": "allow", "count": 1},
        {"shadow": "remove", "live": "remove", "count": 1},
    ]
    (rule,) = found["rules"]
    assert (rule["rule"], rule["fire_rate"]["value"], rule["decided"]) == ("bad", 0.5, 2)
    assert found["overlap"] == [{"rule": "bad", "live_rule": "bad", "count": 1}]
    assert found["actions"] == [{"code": "remove", "count": 2}]
    assert await desk.count("decisions", f"rule_set_version = {version}") == 0


async def test_it_is_held_against_what_people_decided_on_the_same_items(world):
    desk, version = await shadowed(world, rules("offer"))
    for text in ("doubtful offer", "doubtful offer too", "doubtful greeting"):
        await desk.receive(text=text)
    for held in await desk.moderator.take(3):
        bad = held["item"]["text"] == "doubtful offer"
        assert (await desk.moderator.decide(held, "remove" if bad else "allow")).status_code == 201
    found = await report(desk, version)
    precision = {rule["rule"]: (rule["precision"]["hits"], rule["precision"]["of"]) for rule in found["rules"]}
    assert precision == {"bad": (1, 2), "doubts": (1, 3)}
    assert (found["against_people"]["precision"]["value"], found["against_people"]["recall"]["value"]) == (0.5, 1.0)
    assert (
        found["against_people"]["precision"]["interval"][0] < 0.5 < found["against_people"]["precision"]["interval"][1]
    )


async def test_one_at_a_time_and_never_the_one_in_force(world):
    desk, version = await shadowed(world, rules("hello"))
    second = await save(desk, rules("other"))
    assert slug(await ask(desk, second, "shadow")) == "shadow-taken"
    assert (await ask(desk, version, "shadow")).status_code == 200
    assert slug(await ask(desk, 1, "shadow")) == "conflict"
    stopped = await desk.agency.owner.call("DELETE", f"{desk.client.base}/rule-sets/{version}/shadow")
    assert stopped["shadow_until"] is not None
    assert (await ask(desk, second, "shadow")).status_code == 200


async def test_after_it_was_stopped_the_report_stays_as_it_was(world):
    desk, version = await shadowed(world, rules("hello"))
    await desk.receive(text="hello")
    await desk.agency.owner.call("DELETE", f"{desk.client.base}/rule-sets/{version}/shadow")
    await desk.receive(text="hello")
    found = await report(desk, version)
    assert (found["running"], found["evaluated"]) == (False, 1)


async def test_publishing_it_ends_its_shadow(world):
    desk, version = await shadowed(world, rules("hello"))
    assert (await ask(desk, version, "publish")).status_code == 200
    assert not (await report(desk, version))["running"]
    assert (await desk.client.look((await desk.receive(text="hello"))[0]))["decision"]["rule_set_version"] == version


async def test_a_first_rule_set_runs_in_the_shadow_of_people(world):
    desk, version = await shadowed(world, rules("hello"), live=None)
    held = await desk.take_one(text="hello")
    await desk.moderator.decide(held, "remove")
    found = await report(desk, version)
    assert found["outcomes"] == [{"shadow": "remove", "live": "escalate", "count": 1}]
    assert found["against_people"]["precision"]["value"] == 1.0


async def test_a_shadow_that_can_not_be_compiled_stops_no_screening(world):
    desk, version = await shadowed(world, rules("hello"))
    await desk.fetch(
        "UPDATE rule_sets SET document = '{}', digest = 'broken-' || agency_id WHERE agency_id = $1 AND version = 2"
    )
    (item,) = await desk.receive(text="bad")
    assert (await desk.client.look(item))["decision"]["verdict"] == "remove"
    assert (await report(desk, version))["evaluated"] == 0


async def test_a_version_that_never_was_in_shadow_has_an_empty_report(world):
    desk = await open_desk(world, ASK_RULES)
    assert await report(desk, 1) == {
        "version": 1, "running": False, "since": None, "until": None, "evaluated": 0,
        "outcomes": [], "rules": [], "overlap": [], "actions": [], "against_people": None,
    }  # fmt: skip
