"""One look, many decisions: each whole in its effects, none taken out of somebody's hands."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.desk import LEASE, open_desk, slug
from tests.support.people import unique

REMOVE = {"verdict": "remove", "actions": [{"code": "remove"}], "policies": ["spam"]}
AUTHOR = {"external_id": "u_spam", "display_name": "Spam"}


async def take_first(desk, count, text="Buy NOW, cheap", **fields):
    """One case of `count` copies in hand."""
    await desk.receive(count, text=text, **fields)
    [held] = await desk.moderator.take()
    return held


async def look(desk, held, by="near_dup"):
    return await desk.moderator.caller.call(
        "GET", f"/moderator/v1/assignments/{held['id']}/similar?by={by}", status=200
    )


async def apply(desk, held, expect, by="near_dup", **more):
    return await desk.moderator.decide(held, apply_to={"by": by, "expect": expect}, **REMOVE | more)


async def test_similar_says_how_many_would_be_decided_along_and_shows_some(world):
    desk = await open_desk(world)
    held = await take_first(desk, 13)
    await desk.receive(text="buy later")
    found = await look(desk, held)
    assert (found["count"], found["held"], found["more"], len(found["samples"])) == (12, 0, False, 10)
    assert held["item"]["id"] not in [one["id"] for one in found["samples"]]


async def test_each_copy_gets_a_decision_clock_usage_audit_and_callback_of_its_own(world):
    desk = await open_desk(world)
    held = await take_first(desk, 5)
    await world.move_clock(timedelta(seconds=60))
    answer = await apply(desk, held, 4, explanation="Spam.")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["applied"]["count"] == len(made["applied"]["decisions"]) == 4
    assert await desk.count("decisions", "verdict = 'remove' AND explanation = 'Spam.'") == 5
    assert await desk.count("decisions", "bulk_of IS NOT NULL") == 4
    assert await desk.count("sla_clocks", "state = 'met'") == await desk.count("cases", "state = 'decided'") == 5
    assert await desk.count("audit_entries", "action = 'decision.made'") == 5
    assert await desk.count("events", "type = 'decision.made'") == 5
    human = "meter = 'decision.human' AND billable AND dims->'bulk' = 'true'"
    assert await desk.count("usage_records", human) == 5
    [seconds] = await desk.fetch(
        "SELECT sum(quantity) AS sum, count(*) AS count FROM usage_records WHERE agency_id = $1 AND meter = 'review.seconds'"
    )
    assert (round(seconds["sum"]), seconds["count"]) == (60, 1)
    assert (await desk.moderator.claim())["reason"] == "empty"


async def test_repeating_it_answers_the_same_decisions_and_changes_nothing(world):
    desk = await open_desk(world)
    held = await take_first(desk, 3)
    first = await apply(desk, held, 2)
    again = await apply(desk, held, 2)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert await desk.count("decisions") == 3
    assert (await apply(desk, held, 3)).status_code == 409


@pytest.mark.parametrize("expect", [0, 1, 3])
async def test_another_number_than_expected_decides_nothing(world, expect):
    desk = await open_desk(world)
    held = await take_first(desk, 3)
    answer = await apply(desk, held, expect)
    assert (answer.status_code, slug(answer), answer.json()["count"]) == (409, "count-changed", 2)
    assert await desk.count("decisions") == 0
    assert (await apply(desk, held, 2)).status_code == 201


async def test_what_others_hold_is_left_to_them_and_listed(world):
    desk = await open_desk(world)
    colleague = await desk.hire()
    held = await take_first(desk, 4)
    [theirs] = await colleague.take()
    found = await look(desk, held)
    assert (found["count"], found["held"]) == (2, 1)
    made = (await apply(desk, held, 2)).json()
    assert made["applied"]["skipped"] == [{"case_id": theirs["case"]["id"], "item_id": theirs["item"]["id"]}]
    assert (await colleague.decide(theirs)).status_code == 201


async def test_a_lease_that_ran_out_does_not_keep_a_copy_back_and_its_holder_is_told(world):
    desk = await open_desk(world)
    colleague = await desk.hire()
    held = await take_first(desk, 2)
    [theirs] = await colleague.take()
    await world.move_clock(LEASE + timedelta(seconds=1))
    assert (await apply(desk, held, 1)).status_code == 201
    answer = await colleague.decide(theirs)
    assert (answer.status_code, slug(answer)) == (409, "already-decided")


async def test_ones_own_other_cases_are_decided_along(world):
    desk = await open_desk(world)
    await desk.receive(3, text="Buy now")
    first, *_ = await desk.moderator.take(3)
    assert (await apply(desk, first, 2)).status_code == 201
    assert await desk.moderator.list_held() == []
    assert await desk.count("assignments", "outcome = 'decided'") == 3


async def test_by_author_and_by_link_reach_other_words(world):
    desk = await open_desk(world)
    [_] = await desk.receive(text="one https://www.spam.example/win?ref=1 !", author=AUTHOR)
    await desk.receive(text="two HTTPS://spam.example/win.", author={"external_id": "u_2"})
    await desk.receive(text="three https://spam.example/other", author=AUTHOR)
    [held] = await desk.moderator.take()
    assert held["item"]["text"].startswith("one")
    assert (await look(desk, held, "link"))["count"] == 1
    by_author = await look(desk, held, "author")
    assert [one["text"] for one in by_author["samples"]] == ["three https://spam.example/other"]
    assert (await look(desk, held, "near_dup"))["count"] == 0
    assert (await apply(desk, held, 1, by="author")).status_code == 201


async def test_an_item_without_a_link_or_author_is_like_nothing(world):
    desk = await open_desk(world)
    held = await take_first(desk, 2)
    for by in ("link", "author"):
        assert (await look(desk, held, by))["count"] == 0


async def test_another_clients_copies_stay(world):
    desk = await open_desk(world)
    other = await desk.agency.add_client()
    held = await take_first(desk, 2)
    await desk.receive(client=other, text="Buy NOW, cheap")
    assert (await look(desk, held))["count"] == 1
    await apply(desk, held, 1)
    [left] = await desk.moderator.take()
    assert left["client"]["id"] == other.id


async def test_two_who_apply_to_the_same_copies_do_so_once(world):
    desk = await open_desk(world)
    colleague = await desk.hire()
    held = await take_first(desk, 8)
    [theirs] = await colleague.take()
    answers = await asyncio.gather(
        apply(desk, held, 6),
        colleague.decide(theirs, apply_to={"by": "near_dup", "expect": 6}, **REMOVE),
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert await desk.count("decisions") == 7


async def test_each_copy_is_explained_in_its_own_language_to_its_own_author(world):
    desk = await open_desk(world)
    texts = {"fr": "Bonjour {author}", "en": "Hello {author}"}
    await desk.agency.owner.call("POST", f"{desk.client.base}/macros", {"code": "m", "title": "M", "texts": texts}, 201)
    for name, language in (("Ann", "en"), ("Jean", "fr")):
        await desk.receive(text="Same", language=language, author={"external_id": unique("u"), "display_name": name})
    [held] = await desk.moderator.take()
    assert (await apply(desk, held, 1, macro="m")).status_code == 201
    rows = await desk.fetch("SELECT explanation FROM decisions WHERE agency_id = $1 ORDER BY explanation")
    assert [row[0] for row in rows] == ["Bonjour Jean", "Hello Ann"]


async def test_as_many_statements_whatever_the_number_of_copies(world):
    desk = await open_desk(world)
    counted = []
    for copies in (2, 40):
        held = await take_first(desk, copies + 1, text=unique("words"))
        with world.count_statements() as sent:
            assert (await apply(desk, held, copies)).status_code == 201
        counted.append(len(sent))
    assert counted[0] == counted[1]
