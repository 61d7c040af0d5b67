"""What a moderator is given to decide with: the item, what surrounds it, and nothing of another client."""

from tests.support.desk import ASK_RULES, open_desk

AUTHOR = {"external_id": "u_1", "display_name": "Jean"}
HIDE = {"verdict": "restrict", "actions": [{"code": "hide"}], "policies": ["spam"]}


async def show(desk, **fields):
    """The assignment of a fresh item."""
    [item] = await desk.receive(**fields)
    held = (await desk.moderator.claim(5))["assignments"]
    return next(one for one in held if one["item"]["id"] == item)


async def test_the_item_is_shown_as_it_was_sent(world):
    desk = await open_desk(world)
    sent = {
        "external_id": "c_1",
        "kind": "review",
        "text": "Très déçu",
        "language": "fr",
        "url": "https://client.example/p/1",
        "created_at": "2026-11-22T10:00:00Z",
        "author": AUTHOR,
        "context": {"channel": "general", "title": "Une page"},
        "media": [{"url": "https://client.example/1.jpg", "type": "image"}],
        "metadata": {"stars": 1},
    }
    held = await show(desk, **sent)
    shown = held["item"]
    shown["media"] = [{name: value for name, value in medium.items() if name != "id"} for medium in shown["media"]]
    assert {name: shown[name] for name in sent} == sent
    assert held["client"] == {"id": desk.client.id, "slug": held["client"]["slug"], "name": "Forum"}
    assert held["case"]["queue"] == "default"


async def test_parent_and_thread_are_shown_newest_first(world):
    desk = await open_desk(world)
    parent = {"external_id": "c_0", "text": "What came before", "author": {"external_id": "u_9"}}
    await desk.receive(text="first", context={"thread_id": "t"})
    await desk.receive(text="second", context={"thread_id": "t"})
    await desk.receive(text="elsewhere", context={"thread_id": "other"})
    held = await show(desk, text="third", context={"thread_id": "t", "parent": parent})
    assert held["context"]["parent"] == parent
    assert [one["text"] for one in held["context"]["thread"]] == ["second", "first"]


async def test_the_authors_history_comes_with_its_verdicts(world):
    desk = await open_desk(world)
    earlier = await show(desk, text="buy now", author=AUTHOR)
    await desk.moderator.decide(earlier, **HIDE)
    await desk.receive(text="somebody else", author={"external_id": "u_2"})
    held = await show(desk, text="buy again", author=AUTHOR)
    history = held["context"]["author"]
    assert [(one["text"], one["state"], one["verdict"]) for one in history["items"]] == [
        ("buy now", "decided", "restrict")
    ]
    assert history["decisions"] == {"restrict": 1}
    [decision] = history["latest_decisions"]
    assert (decision["verdict"], decision["policies"], decision["actions"]) == ("restrict", ["spam"], ["hide"])
    assert decision["item"] == earlier["item"]["id"]


async def test_same_words_elsewhere_are_counted_as_similar(world):
    desk = await open_desk(world)
    await desk.receive(text="Buy NOW, cheap!")
    await desk.receive(text="buy now cheap")
    await desk.receive(text="buy later")
    held = await show(desk, text="¡ buy... now cheap")
    assert held["context"]["similar"] == 2


async def test_nothing_of_another_client_is_shown(world):
    desk = await open_desk(world)
    other = await desk.agency.add_client()
    same = {"text": "the same words", "author": AUTHOR, "context": {"thread_id": "t"}}
    await desk.receive(client=other, **same)
    [theirs] = await desk.moderator.take()
    await desk.moderator.note(theirs, "known elsewhere", "author")
    await desk.moderator.decide(theirs, **HIDE)
    held = await show(desk, **same)
    assert held["context"]["similar"] == 0
    assert held["context"]["thread"] == held["context"]["notes"] == []
    assert held["context"]["author"] == {"items": [], "decisions": {}, "latest_decisions": []}


async def test_notes_stay_with_their_case_or_go_with_the_author(world):
    desk = await open_desk(world)
    earlier = await show(desk, author=AUTHOR)
    assert (await desk.moderator.note(earlier, "about this one", "case")).status_code == 201
    assert (await desk.moderator.note(earlier, "about the person", "author")).status_code == 201
    [again] = await desk.moderator.list_held()
    assert {note["text"] for note in again["context"]["notes"]} == {"about this one", "about the person"}
    held = await show(desk, author=AUTHOR, text="something else")
    assert [(note["text"], note["pin"]) for note in held["context"]["notes"]] == [("about the person", "author")]


async def test_a_note_on_nobody_is_refused_with_a_way_out(world):
    desk = await open_desk(world)
    held = await show(desk)
    answer = await desk.moderator.note(held, "about the person", "author")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/pin"


async def test_the_guide_named_is_the_one_that_is_served(world):
    desk = await open_desk(world)
    held = await show(desk)
    path = f"/moderator/v1/clients/{desk.client.id}/guide"
    guide = await desk.moderator.caller.call("GET", path)
    assert held["guide"]["version"] == guide["version"]
    assert held["guide"]["policies"] == sorted(policy["code"] for policy in guide["policies"])
    assert held["guide"]["actions"] == sorted(action["code"] for action in guide["actions"])
    await desk.agency.owner.call("POST", f"{desk.client.base}/policies", {"code": "new", "title": "New"}, 201)
    [renewed] = await desk.moderator.list_held()
    assert renewed["guide"]["version"] != guide["version"]
    assert "new" in renewed["guide"]["policies"]


async def test_what_rules_suspect_sets_how_hard_it_may_be_to_look_at(world):
    desk = await open_desk(world)
    assert (await show(desk))["wellness"] == {"blur": True, "severity": 1}
    rules = ASK_RULES | {
        "rules": [ASK_RULES["rules"][0] | {"then": {"escalate": {"queue": "default"}, "policies": ["threat"]}}]
    }
    suspicious = await desk.agency.add_client(rules)
    [item] = await desk.receive(client=suspicious, text="doubtful")
    held = (await desk.moderator.claim(5))["assignments"]
    assert next(one for one in held if one["item"]["id"] == item)["wellness"]["severity"] == 4


async def test_ten_cases_are_described_with_as_many_queries_as_one(world):
    desk = await open_desk(world, capacity=10)
    await desk.receive(10, author=AUTHOR, context={"thread_id": "t"})
    await desk.moderator.take(1)
    with world.count_statements() as one:
        await desk.moderator.list_held()
    await desk.moderator.take(10)
    with world.count_statements() as ten:
        assert len(await desk.moderator.list_held()) == 10
    assert len(ten) == len(one)
