"""Decisions carried out on the platform: ordered with the decision, done once, held, cancelled, taken back, told."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.acting import HIDE, REMOVE, set_stage, suspend
from tests.support.desk import ASK_RULES
from tests.support.platforms import answer, open_site
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains

KEY = "a-key-of-the-forum"
FORUM = {"url": "https://forum.example", "api_key": KEY}
DELETE, RECOVER = "DELETE forum.example/posts/7.json", "PUT forum.example/posts/7/recover.json"


def forum(asked):
    """A post that nobody has flagged."""
    if asked.headers.get("api-key") != KEY:
        return answer(403, {"errors": ["not allowed"]})
    return answer(200, {"id": 7, "reviewable_id": None, "hidden": False})


async def test_a_decision_is_carried_out_and_seen_by_owner_and_client(world):
    stage = await set_stage(world, "discourse")
    async with open_site(world, forum) as site:
        shown = await stage.configure(FORUM)
        assert (shown["mode"], shown["settings"]) == ("act", {"url": "https://forum.example", "username": "system"})
        assert KEY not in json.dumps(shown)
        made = await stage.decide("remove", REMOVE, external_id="7")
        assert await stage.acted() == [("delete_post", "pending", None)]
        await stage.work()
        assert site.lines[-1] == DELETE
        assert site.asked[-1].headers["api-username"] == "system"
        [action] = await stage.list_actions(f"?decision={made['id']}&state=done&client={stage.client.id}")
        assert (action["code"], action["attempts"], action["item"]) == ("remove", 1, made["item"])
        history = (await stage.client.look(made["item"]))["history"]
        [told] = [event for event in history if event["type"] == "action.done"]
        assert (told["operation"], told["decision"], told["detail"]) == ("delete_post", made["id"], None)
        last = (await stage.desk.agency.owner.call("GET", stage.path))["last"]
        assert [one["id"] for one in last] == [action["id"]]
        asked = len(site.asked)
        await stage.work()
        assert len(site.asked) == asked
    assert await Drains(world.worker).run("feed", stage.desk.agency_id)
    events = await stage.client.api.call("GET", "/ingest/v1/events?types=decision.made")
    assert len(events["data"]) == 1
    for table in ("source_actors", "platform_actions", "audit_entries"):
        assert KEY not in str(
            [dict(row) for row in await stage.desk.fetch(f"SELECT * FROM {table} WHERE agency_id = $1")]
        )


async def test_rules_act_too_and_what_is_merely_allowed_is_left_alone(world):
    stage = await set_stage(world, "discourse", rules=ASK_RULES)
    async with open_site(world, forum) as site:
        await stage.configure(FORUM)
        await stage.receive(external_id="7", text="bad")
        await stage.receive(external_id="8", text="fine")
        await stage.work()
        assert site.lines == ["GET forum.example/posts/7.json", DELETE]


async def test_nothing_is_done_unless_the_owner_asks_for_it(world):
    stage = await set_stage(world, "discourse")
    async with open_site(world, forum) as site:
        await stage.decide("remove", REMOVE, external_id="7")
        await stage.configure(FORUM)
        made = await stage.decide("remove", REMOVE, external_id="8")
        await stage.configure(mode="callback")
        await stage.work()
        assert await stage.acted() == [("delete_post", "cancelled", "switched_off")]
        await stage.decide("remove", REMOVE, external_id="9")
        redo = f"/owner/v1/platform-actions/{(await stage.list_actions())[0]['id']}/redo"
        read_problem(await stage.desk.agency.owner.ask("POST", redo), 409, "not-redoable")
        await stage.configure()
        await stage.desk.agency.owner.call("POST", redo, status=202)
        await stage.work()
        assert site.lines[-1] == "DELETE forum.example/posts/8.json"
        assert await stage.acted(f"?item={made['item']}") == [("delete_post", "done", None)]


async def test_a_hold_is_cancelled_by_a_moderator_and_the_decision_stands(world):
    stage = await set_stage(world, "discourse")
    async with open_site(world, forum) as site:
        await stage.configure(FORUM, "act_after_hold", hold_s=300)
        made = await stage.decide("remove", REMOVE, external_id="7")
        await stage.work()
        assert site.asked == []
        path = f"/moderator/v1/decisions/{made['id']}/cancel-actions"
        stranger = await stage.desk.hire(clients=[])
        assert (await stranger.caller.ask("POST", path)).status_code in {403, 404}
        answered = await stage.desk.moderator.caller.call("POST", path, status=200)
        assert [(one["state"], one["reason"]) for one in answered["actions"]] == [("cancelled", "cancelled")]
        await world.move_clock(timedelta(minutes=10))
        await stage.work()
        await world.reset_clock()
        assert site.asked == []
        assert (await stage.client.look(made["item"]))["decision"]["verdict"] == "remove"


async def test_a_hold_that_nobody_cancels_ends_in_the_action(world):
    stage = await set_stage(world, "discourse")
    async with open_site(world, forum) as site:
        await stage.configure(FORUM, "act_after_hold", hold_s=300)
        await stage.decide("remove", REMOVE, external_id="7")
        try:
            await world.move_clock(timedelta(seconds=299))
            await stage.work()
            assert site.asked == []
            await world.move_clock(timedelta(seconds=301))
            await stage.work()
            assert site.lines[-1] == DELETE
        finally:
            await world.reset_clock()


async def test_a_correction_takes_back_what_was_done_and_calls_off_what_was_not(world):
    stage = await set_stage(world, "discourse")
    async with open_site(world, forum) as site:
        await stage.configure(FORUM)
        made = await stage.decide("remove", REMOVE, external_id="7")
        await stage.work()
        second = await stage.correct(made, "allow")
        await stage.work()
        assert [line for line in site.lines if not line.startswith("GET")] == [DELETE, RECOVER]
        assert await stage.acted() == [("delete_post", "done", None), ("recover_post", "done", None)]
        third = await stage.correct(second, "remove", REMOVE)
        fourth = await stage.correct(third, "allow")
        await stage.work()
        assert await stage.acted(f"?decision={third['id']}") == [("delete_post", "cancelled", "reversed")]
        assert await stage.acted(f"?decision={fourth['id']}") == []


async def test_what_stays_wanted_is_neither_undone_nor_done_twice_however_often_minds_change(world):
    stage = await set_stage(world, "discourse")
    async with open_site(world, forum) as site:
        await stage.configure(FORUM)
        first = await stage.decide("remove", REMOVE, external_id="7")
        await stage.work()
        second = await stage.correct(first, "remove", REMOVE)
        await stage.work()
        assert len(await stage.acted()) == 1
        await stage.correct(second, "restrict", HIDE)
        await stage.work()
        assert {operation for operation, *_ in await stage.acted()} == {"delete_post", "recover_post", "hide_post"}
        assert site.lines.index(RECOVER) < site.lines.index("POST forum.example/post_actions.json")


async def test_what_can_not_be_taken_back_says_so(world):
    stage = await set_stage(world, "slack", {"signing_secret": "0123456789abcdef"})
    async with open_site(world, lambda _: answer(200, {"ok": True})):
        await stage.configure({"token": "xoxp-a-token"})
        made = await stage.decide("remove", REMOVE, external_id="T1:C1:1355517523.000005")
        await stage.work()
        await stage.correct(made, "allow")
        assert (await stage.acted())[1:] == [(None, "refused", "cannot_undo")]
        history = await stage.client.api.call("GET", f"/ingest/v1/items/{made['item']}", accept_language="fr")
        [told] = [event for event in history["history"] if event.get("reason") == "cannot_undo"]
        assert told["detail"] == "La plateforme ne permet pas de revenir là-dessus"


async def test_an_end_that_a_platform_can_not_keep_is_kept_here(world):
    stage = await set_stage(world, "mastodon", {"secret": "0123456789abcdef"})
    async with open_site(world, lambda _: answer(200, {})) as site:
        await stage.configure({"url": "https://social.example", "access_token": "a-token-of-ours"})
        until = datetime.now(UTC) + timedelta(days=2)
        author = {"author": {"external_id": "42"}}
        made = await stage.decide("restrict", suspend(until.isoformat()), external_id="9", **author)
        await stage.work()
        assert site.lines == ["POST social.example/api/v1/admin/accounts/42/action"]
        assert site.asked[0].json == {"type": "silence", "text": made["id"]}
        try:
            await world.move_clock(timedelta(days=2, minutes=1))
            await stage.work()
        finally:
            await world.reset_clock()
        assert site.lines[1:] == ["POST social.example/api/v1/admin/accounts/42/unsilence"]


async def test_what_goes_on_standing_still_ends(world):
    stage = await set_stage(world, "mastodon", {"secret": "0123456789abcdef"})
    async with open_site(world, lambda _: answer(200, {})) as site:
        await stage.configure({"url": "https://social.example", "access_token": "a-token-of-ours"})
        wanted = suspend((datetime.now(UTC) + timedelta(days=2)).isoformat())
        made = await stage.decide("restrict", wanted, external_id="9", author={"external_id": "42"})
        await stage.work()
        await stage.correct(made, "restrict", wanted)
        await stage.work()
        assert len(site.asked) == 1
        try:
            await world.move_clock(timedelta(days=2, minutes=1))
            await stage.work()
        finally:
            await world.reset_clock()
        assert site.lines[1:] == ["POST social.example/api/v1/admin/accounts/42/unsilence"]


async def test_what_a_reversed_decision_wanted_is_not_done_again(world):
    stage = await set_stage(world, "discourse")
    async with open_site(world, lambda _: answer(403, {})):
        await stage.configure(FORUM)
        made = await stage.decide("remove", REMOVE, external_id="7")
        await stage.work()
        await stage.correct(made, "allow")
        [refused] = await stage.list_actions("?state=refused")
        redo = f"/owner/v1/platform-actions/{refused['id']}/redo"
        read_problem(await stage.desk.agency.owner.ask("POST", redo), 409, "not-redoable")


async def test_a_refusal_is_a_result_and_done_once_more_when_its_cause_is_mended(world):
    stage = await set_stage(world, "discourse")
    async with open_site(world, forum) as site:
        await stage.configure(FORUM | {"api_key": "another-key"})
        await stage.decide("remove", REMOVE, external_id="7")
        await stage.work()
        assert await stage.acted() == [("delete_post", "refused", "forbidden")]
        assert (await stage.desk.agency.owner.call("GET", stage.path))["last_error"] == "forbidden"
        asked = len(site.asked)
        try:
            await world.move_clock(timedelta(days=1))
            await stage.work()
        finally:
            await world.reset_clock()
        assert len(site.asked) == asked
        await stage.configure(FORUM)
        [action] = await stage.list_actions("?state=refused")
        await stage.desk.agency.owner.call("POST", f"/owner/v1/platform-actions/{action['id']}/redo", status=202)
        await stage.work()
        assert await stage.acted() == [("delete_post", "done", None)]


async def test_a_platform_that_asks_to_wait_is_left_alone_and_asked_again(world):
    stage = await set_stage(world, "discourse")
    async with open_site(world, lambda _: answer(429, {}, retry_after="90")) as site:
        await stage.configure(FORUM)
        await stage.decide("remove", REMOVE, external_id="7")
        await stage.decide("remove", REMOVE, external_id="8")
        await stage.work()
        assert len(site.asked) == 1
        site.handle = forum
        try:
            await world.move_clock(timedelta(seconds=60))
            await stage.work()
            assert len(site.asked) == 1
            await world.move_clock(timedelta(minutes=10))
            await stage.work()
        finally:
            await world.reset_clock()
        assert [state for _, state, _ in await stage.acted()] == ["done", "done"]


async def test_a_worker_that_vanishes_after_the_call_is_followed_by_one_that_finds_it_done(world):
    """Killed between call and finish: the lease ends, the call is made once more, and "gone" is what was wanted."""
    stage = await set_stage(world, "discourse")
    posts = {"7"}

    def handle(asked):
        number = asked.path.split("/")[2].removesuffix(".json")
        if number not in posts:
            return answer(404, {"errors": ["not found"]})
        if asked.method == "DELETE":
            posts.discard(number)
        return answer(200, {"reviewable_id": None})

    async with open_site(world, handle) as site:
        await stage.configure(FORUM)
        await stage.decide("remove", REMOVE, external_id="7")
        killed = asyncio.create_task(Drains(world.worker).run("action", stage.desk.agency_id))
        async with asyncio.timeout(5):
            while DELETE not in site.lines:
                site.silent = len(site.asked) == 1
                await asyncio.sleep(0.001)
        from veilleur_worker import act  # noqa: PLC0415

        for task in [killed, *act._acting]:
            task.cancel()
        await asyncio.gather(killed, return_exceptions=True)
        site.silent = False
        await stage.work()
        assert site.lines.count(DELETE) == 1
        try:
            await world.move_clock(timedelta(seconds=61))
            await stage.work()
        finally:
            await world.reset_clock()
        assert await stage.acted() == [("delete_post", "done", "already_gone")]
        assert site.lines.count(DELETE) == 2
        [row] = await stage.desk.fetch("SELECT attempts, fence FROM platform_actions WHERE agency_id = $1")
        assert tuple(row) == (2, 2)


async def test_the_owner_may_say_what_each_action_means(world):
    stage = await set_stage(world, "discourse")
    async with open_site(world, forum) as site:
        chosen = {"actions": {"remove": "hide_post", "hide": None}, "verdicts": {"restrict": None}}
        await stage.configure(FORUM, operations=chosen)
        await stage.decide("restrict", HIDE, external_id="7")
        await stage.decide("restrict", external_id="8")
        await stage.decide("remove", REMOVE, external_id="9")
        await stage.work()
        assert site.lines[-1] == "POST forum.example/post_actions.json"
        assert site.asked[-1].json == {"id": "9", "post_action_type_id": 4, "take_action": True}
        assert len(await stage.acted()) == 1


async def test_the_credentials_are_tried_without_changing_anything(world):
    stage = await set_stage(world, "discourse")
    owner = stage.desk.agency.owner
    read_problem(await owner.ask("POST", f"{stage.path}/test"), 409, "conflict")
    async with open_site(world, forum) as site:
        await stage.configure(FORUM)
        tried = await owner.call("POST", f"{stage.path}/test", status=200)
        assert (tried["ok"], site.lines) == (True, ["GET forum.example/review.json"])
        await stage.configure(FORUM | {"api_key": "another-key"})
        tried = await owner.call("POST", f"{stage.path}/test", status=200, accept_language="fr")
        assert (tried["ok"], tried["reason"]) == (False, "forbidden")
        assert tried["detail"] == "Les identifiants ne donnent pas ce droit"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"mode": "act"}, ["/credentials"]),
        ({"mode": "act_after_hold", "credentials": FORUM}, ["/hold_s"]),
        ({"mode": "act", "hold_s": -1, "credentials": []}, ["/hold_s", "/credentials"]),
        ({"mode": "act", "credentials": {"url": "http://10.0.0.1", "api_key": KEY}}, ["/credentials/url"]),
        ({"mode": "act", "credentials": {"api_key": "x", "token": "y"}}, ["/credentials/api_key", "/credentials/token",
                                                                         "/credentials/url"]),
        (
            {"mode": "act", "credentials": FORUM, "operations": {"actions": {"nope": "hide_post", "hide": "sing"},
                                                                 "verdicts": {"remove": "suspend_user", "x": None}}},
            ["/operations/actions/hide", "/operations/actions/nope", "/operations/verdicts/remove",
             "/operations/verdicts/x"],
        ),
    ],
)  # fmt: skip
async def test_every_mistake_is_told(world, body, pointers):
    stage = await set_stage(world, "discourse")
    refused = await stage.desk.agency.owner.ask("PUT", stage.path, body)
    assert sorted(read_pointers(refused, 422, "invalid")) == sorted(pointers)


async def test_a_source_says_what_can_be_done_on_its_platform(world):
    stage = await set_stage(world, "tiktok", {"client_secret": "0123456789abcdef"})
    owner = stage.desk.agency.owner
    assert (await owner.call("GET", stage.path))["offers"] == {}
    body = {"mode": "act", "credentials": {"token": "x" * 10}}
    read_problem(await owner.ask("PUT", stage.path, body), 409, "conflict")
    bridged = await set_stage(world, "standard")
    refused = await bridged.desk.agency.owner.ask("PUT", bridged.path, body)
    assert read_pointers(refused, 422, "invalid") == ["/platform"]
    guild = {"bot_token": "a-token-of-ours", "guild_id": "77"}
    shown = await bridged.configure(guild, platform="discord_guild")
    assert shown["offers"]["ban_member"] == {"target": "author", "undo": "unban_member"}
    assert shown["settings"] == {"guild_id": "77"}
    assert await bridged.configure(hold_s=5, mode="act_after_hold") != shown


async def test_what_a_client_sees_is_its_own(world):
    stage = await set_stage(world, "discourse")
    async with open_site(world, forum):
        await stage.configure(FORUM)
        made = await stage.decide("remove", REMOVE, external_id="7")
        await stage.work()
    rows = await stage.desk.fetch("SELECT client_id FROM platform_actions WHERE agency_id = $1")
    assert [row["client_id"] for row in rows] == [read_id("cli", stage.client.id)]
    assert made["verdict"] == "remove"
