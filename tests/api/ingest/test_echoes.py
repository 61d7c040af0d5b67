"""Our own actions coming back as events open nothing; what authors do meanwhile is heard."""

from datetime import timedelta

import pytest

from tests.api.ingest.platforms import SETTINGS, open_platform
from tests.support.acting import REMOVE, Stage
from tests.support.platforms import OAUTH, answer, open_site

FORUM = {"url": "https://forum.example", "api_key": "a-key-of-the-forum"}
POST = {"id": 7, "raw": "Cheap pills", "user_id": 42, "version": 1, "topic_id": 3}
GRANTED = OAUTH | {"access_token": "access-1", "expires_at": 4_000_000_000.0}


async def set_up(world, monkeypatch, kind, credentials):
    platform = await open_platform(world, kind, monkeypatch)
    stage = Stage(platform.desk, platform.client)
    await stage.configure(credentials)
    return platform, stage


async def decide_open(stage, verdict, *actions):
    await stage.desk.world.drain()
    [held] = await stage.desk.moderator.take()
    made = await stage.desk.moderator.decide(held, verdict, actions=list(actions))
    assert made.status_code == 201
    await stage.work()
    return made.json()


async def count_cases(stage):
    await stage.desk.world.drain()
    return await stage.desk.count("cases"), await stage.desk.count("cases", "closed_at IS NULL")


def post(event, **fields):
    return {"post": POST | fields}, {"x_discourse_event_type": "post", "x_discourse_event": event}


async def test_a_post_that_we_delete_and_recover_is_no_question_again(world, monkeypatch):
    platform, stage = await set_up(world, monkeypatch, "discourse", FORUM)
    async with open_site(world, lambda _: answer(200, {"reviewable_id": None})) as site:
        payload, headers = post("post_created")
        await platform.take(payload, **headers)
        made = await decide_open(stage, "remove", REMOVE)
        assert site.lines[-1] == "DELETE forum.example/posts/7.json"
        payload, headers = post("post_destroyed", deleted_at="2026-11-22T10:00:00Z")
        await platform.take(payload, **headers)
        assert await count_cases(stage) == (1, 0)
        [item] = await platform.list_items()
        assert (item["state"], item["deleted_at"]) == ("decided", None)
        await stage.correct(made, "allow")
        await stage.work()
        assert site.lines[-1] == "PUT forum.example/posts/7/recover.json"
        payload, headers = post("post_recovered", version=2)
        await platform.take(payload, **headers)
        assert await count_cases(stage) == (1, 0)
        payload, headers = post("post_edited", version=3, raw="Cheaper pills")
        await platform.take(payload, **headers)
        assert await count_cases(stage) == (2, 1)


async def test_an_author_who_deletes_what_we_left_is_heard(world, monkeypatch):
    platform, stage = await set_up(world, monkeypatch, "discourse", FORUM)
    async with open_site(world, lambda _: answer(200, {"reviewable_id": None})):
        payload, headers = post("post_created")
        await platform.take(payload, **headers)
        await decide_open(stage, "allow")
        payload, headers = post("post_destroyed", deleted_at="2026-11-22T10:00:00Z")
        await platform.take(payload, **headers)
        assert await count_cases(stage) == (1, 0)
        [item] = await platform.list_items()
        assert item["deleted_at"] is not None


async def test_an_echo_that_comes_after_a_day_is_an_event_like_any_other(world, monkeypatch):
    platform, stage = await set_up(world, monkeypatch, "discourse", FORUM)
    async with open_site(world, lambda _: answer(200, {"reviewable_id": None})):
        payload, headers = post("post_created")
        await platform.take(payload, **headers)
        await decide_open(stage, "remove", REMOVE)
        await world.move_clock(timedelta(days=1, minutes=1))
        try:
            payload, headers = post("post_recovered", version=2, raw="Cheap pills")
            await platform.take(payload, **headers)
            assert await count_cases(stage) == (2, 1)
        finally:
            await world.reset_clock()


async def test_a_queued_post_that_we_publish_comes_back_as_a_new_one_and_is_not_asked_about_again(world, monkeypatch):
    platform, stage = await set_up(world, monkeypatch, "discourse", FORUM)
    review = {"id": 31, "type": "ReviewableQueuedPost", "version": 0, "status": 0}
    queued = review | {"payload": {"raw": "Hello"}, "target_created_by_id": 42, "target_id": None}
    async with open_site(
        world, lambda _: answer(200, {"reviewable": review, "actions": [{"id": "approve_post"}]})
    ) as site:
        headers = {"x_discourse_event_type": "reviewable", "x_discourse_event": "reviewable_created"}
        await platform.take({"reviewable": queued}, **headers)
        await decide_open(stage, "allow")
        assert site.lines[-1] == "PUT forum.example/review/31/perform/approve_post.json"
        payload, headers = post("post_created", raw="Hello")
        await platform.take(payload, **headers)
        assert await count_cases(stage) == (1, 0)
        payload, headers = post("post_created", id=8, raw="Hello", user_id=43)
        await platform.take(payload, **headers)
        assert await count_cases(stage) == (2, 1)


async def test_a_held_message_that_we_let_through_appears_in_the_chat_and_is_no_edit(world, monkeypatch):
    platform, stage = await set_up(world, monkeypatch, "twitch", GRANTED | {"moderator_id": "99"})
    async with open_site(world, lambda _: answer(204)) as site:
        await platform.take(platform.sample)
        await decide_open(stage, "allow")
        assert site.asked[-1].json["action"] == "ALLOW"
        event = platform.sample["event"] | {"chatter_user_id": "4242"}
        await platform.take({"subscription": {"type": "channel.chat.message"}, "event": event})
        assert await count_cases(stage) == (1, 0)
        [item] = await platform.list_items()
        assert item["revision"] == 1


@pytest.mark.parametrize(
    ("kind", "credentials", "echo"),
    [
        ("slack", {"token": "xoxp-a-token"},
         lambda sample: sample | {"event_id": "Ev2", "event": {
             "type": "message", "subtype": "message_deleted", "channel": "C024BE91L", "deleted_ts": "1355517523.000005"}}),
        ("twitch", GRANTED | {"moderator_id": "99"},
         lambda sample: {"subscription": {"type": "automod.message.update"},
                         "event": sample["event"] | {"status": "denied"}}),
        ("meta", {"tokens": {"448242228374517": "token-of-page"}},
         lambda sample: {"object": "page", "entry": [{"id": "448242228374517", "changes": [{"field": "feed", "value": {
             **sample["entry"][0]["changes"][0]["value"], "verb": "remove"}}]}]}),
    ],
)  # fmt: skip
async def test_the_news_of_our_own_removal_opens_nothing(world, monkeypatch, kind, credentials, echo):
    platform, stage = await set_up(world, monkeypatch, kind, credentials)
    assert kind in SETTINGS
    async with open_site(world, lambda _: answer(200, {"ok": True})) as site:
        await platform.take(platform.sample)
        await decide_open(stage, "remove", REMOVE)
        assert len(site.asked) == 1
        await platform.take(echo(platform.sample))
        assert await count_cases(stage) == (1, 0)
        [item] = await platform.list_items()
        assert (item["state"], item["revision"]) == ("decided", 1)
