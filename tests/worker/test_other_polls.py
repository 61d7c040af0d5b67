"""Reddit's queue, YouTube's threads and Discourse's review queue asked for: nothing twice, tokens renewed and sealed."""

import json
from datetime import timedelta

import pytest

from tests.api.ingest.platforms import open_platform
from tests.api.refusals import read_pointers
from tests.support.acting import Stage, set_stage
from tests.support.platforms import OAUTH, SECRET, Tokens, answer, open_site
from veilleur.domain.intake.sources.discourse_pages import WALK, WINDOW, find_walk
from veilleur_worker.drains import Drains


def thing(number, text="Buy now", **more):
    data = {
        "name": number, "body": text, "author": "spammer", "author_fullname": "t2_x", "subreddit": "pics",
        "created_utc": 1_790_000_000.0, "edited": False, "permalink": f"/r/pics/comments/a/{number}/", "link_id": "t3_a",
    }  # fmt: skip
    return {"kind": "t1", "data": data | more}


class Reddit:
    """`r/pics/about/modqueue`, two things a page."""

    def __init__(self):
        self.tokens, self.queue, self.headers = Tokens("", basic=True), [], {}

    def __call__(self, asked):
        if asked.path == "/api/v1/access_token":
            return self.tokens.handle(asked)
        if asked.headers.get("authorization") != self.tokens.live:
            return answer(401, {"message": "Unauthorized"})
        assert asked.headers["user-agent"] == "server:veilleur:v1"
        assert (asked.method, asked.host, asked.path) == ("GET", "oauth.reddit.com", "/r/pics/about/modqueue")
        start = int(asked.query.get("after", "t0_0").split("_")[1])
        after = f"t0_{start + 2}" if start + 2 < len(self.queue) else None
        return answer(200, {"data": {"children": self.queue[start : start + 2], "after": after}}, **self.headers)


class Youtube:
    def __init__(self):
        self.tokens, self.shown, self.held, self.refusal = Tokens(""), [], [], None

    def __call__(self, asked):
        if asked.host == "oauth2.googleapis.com":
            return self.tokens.handle(asked)
        if asked.headers.get("authorization") != self.tokens.live:
            return answer(401, {"error": {"code": 401}})
        assert (asked.method, asked.host, asked.path) == ("GET", "www.googleapis.com", "/youtube/v3/commentThreads")
        assert asked.query["allThreadsRelatedToChannelId"] == "UC1234567890"
        if self.refusal is not None:
            return answer(403, {"error": {"errors": [{"reason": self.refusal}]}})
        if asked.query.get("moderationStatus") == "heldForReview":
            return answer(200, {"items": self.held})
        start = int(asked.query.get("pageToken", 0))
        page = {"items": self.shown[start : start + 2]}
        return answer(200, page | ({"nextPageToken": str(start + 2)} if start + 2 < len(self.shown) else {}))


def thread(number, minute=0, text="Nice", updated=None, replies=()):
    def comment(name, **more):
        at = f"2026-11-22T10:{minute:02}:00Z"
        said = {
            "textOriginal": text, "videoId": "v1", "channelId": "UC1234567890", "authorDisplayName": "Jean",
            "authorChannelId": {"value": "UCx"}, "publishedAt": at, "updatedAt": updated or at,
        }  # fmt: skip
        return {"id": name, "snippet": said | more}

    answers = [comment(name, parentId=number) for name in replies]
    return {"snippet": {"topLevelComment": comment(number)}, "replies": {"comments": answers}}


WANTED = {
    "reddit": {"credentials": OAUTH, "subreddit": "pics"},
    "youtube": {"credentials": OAUTH, "channel_id": "UC1234567890"},
}


async def set_poll(world, kind):
    stage = await set_stage(world, kind)
    path = f"{stage.client.base}/sources/{stage.client.source['id']}/poll"
    shown = await stage.desk.agency.owner.call("PUT", path, WANTED[kind], 200)
    assert SECRET not in json.dumps(shown)
    return stage, path


async def ask(world, stage, minutes=0):
    await world.move_clock(timedelta(minutes=minutes))
    try:
        await Drains(world.worker).run("poll", stage.desk.agency_id)
    finally:
        await world.reset_clock()


async def list_items(stage):
    query = "SELECT * FROM items WHERE agency_id = $1 ORDER BY external_id"
    return [dict(row) | {"body": json.loads(row["body"])} for row in await stage.desk.fetch(query)]


async def test_reddit_s_queue_is_read_whole_and_each_thing_once(world):
    reddit = Reddit()
    async with open_site(world, reddit) as site:
        stage, path = await set_poll(world, "reddit")
        reddit.queue = [thing(f"t1_{number}") for number in range(5)]
        await ask(world, stage)
        assert [item["external_id"] for item in await list_items(stage)] == [f"t1_{number}" for number in range(5)]
        assert len(site.asked) == 4
        await world.drain()
        assert await stage.desk.count("cases") == 5
        await ask(world, stage, 3)
        await world.drain()
        assert await stage.desk.count("cases") == 5
        reddit.queue[1] = thing("t1_1", "Buy later", edited=1_790_000_300.0)
        reddit.queue[2] = thing("t1_2", user_reports=[["spam", 2, False, True]])
        await ask(world, stage, 6)
        items = {item["external_id"]: item for item in await list_items(stage)}
        assert items["t1_1"]["revision"] == 1_790_000_300
        assert await stage.desk.count("reports") == 1
        await ask(world, stage, 9)
        assert await stage.desk.count("reports") == 1
        assert items["t1_0"]["body"]["context"] == {"channel": "pics", "thread_id": "t3_a"}
        assert reddit.tokens.given == 1
        [row] = await stage.desk.fetch("SELECT * FROM source_polls WHERE agency_id = $1")
        assert SECRET not in str(dict(row))
        assert (await stage.desk.agency.owner.call("GET", path))["last_error"] is None


async def test_a_thing_that_a_devvit_app_sent_is_not_a_second_one(world):
    reddit = Reddit()
    async with open_site(world, reddit):
        stage, _ = await set_poll(world, "reddit")
        sent = {"external_id": "t1_9", "text": "Buy now", "revision": 1_790_000_000, "kind": "comment"}
        assert (await stage.client.send(sent)).status_code == 202
        await world.drain()
        reddit.queue = [thing("t1_9")]
        await ask(world, stage)
        await world.drain()
        assert await stage.desk.count("items") == await stage.desk.count("cases") == 1


async def test_tokens_that_ran_out_are_renewed_once_and_a_grant_that_ended_is_told(world):
    reddit = Reddit()
    reddit.queue = [thing("t1_1")]
    async with open_site(world, reddit):
        stage, path = await set_poll(world, "reddit")
        await ask(world, stage)
        reddit.tokens.given = 4  # another token is live: ours is refused before its end
        await ask(world, stage, 3)
        assert (await stage.desk.agency.owner.call("GET", path))["last_error"] == "unauthorized"
        await stage.desk.agency.owner.call("PUT", path, WANTED["reddit"] | {
            "credentials": OAUTH | {"refresh_token": "refresh-token-5"}}, 200)  # fmt: skip
        await ask(world, stage, 6)
        assert (await stage.desk.agency.owner.call("GET", path))["last_error"] is None
        assert reddit.tokens.given == 5


async def test_reddit_is_left_alone_when_its_calls_are_used_up(world):
    reddit = Reddit()
    reddit.queue = [thing(f"t1_{number}") for number in range(5)]
    reddit.headers = {"x_ratelimit_remaining": "0.0", "x_ratelimit_reset": "540"}
    async with open_site(world, reddit) as site:
        stage, path = await set_poll(world, "reddit")
        await ask(world, stage)
        seen = await stage.desk.agency.owner.call("GET", path)
        assert (seen["last_error"], len(await list_items(stage))) == ("rate_limited", 2)
        asked = len(site.asked)
        await ask(world, stage, 8)
        assert len(site.asked) == asked
        await ask(world, stage, 10)
        assert len(site.asked) > asked


async def test_youtube_s_threads_are_read_back_to_what_was_seen(world):
    youtube = Youtube()
    async with open_site(world, youtube) as site:
        stage, path = await set_poll(world, "youtube")
        youtube.shown = [thread("c2", 2, replies=["c2.1"]), thread("c1", 1)]
        youtube.held = [thread("h1", 3, "Free money")]
        await ask(world, stage)
        assert [item["external_id"] for item in await list_items(stage)] == ["c1", "c2", "c2.1", "h1"]
        held = next(item for item in await list_items(stage) if item["external_id"] == "h1")
        assert held["body"]["metadata"] == {"held": True}
        youtube.shown = [thread(f"n{minute}", minute) for minute in range(9, 4, -1)] + youtube.shown
        asked = len(site.asked)
        await ask(world, stage, 16)
        assert len(await list_items(stage)) == 9
        assert len(site.asked) - asked == 5
        youtube.shown = [thread("h1", 3, "Free money"), thread("c2", 2, "Edited", "2026-11-22T11:00:00Z")]
        youtube.held = []
        await world.drain()
        cases = await stage.desk.count("cases")
        await ask(world, stage, 32)
        await world.drain()
        items = {item["external_id"]: item for item in await list_items(stage)}
        assert (items["c2"]["body"]["text"], items["h1"]["body"]["metadata"]) == ("Edited", {"held": True})
        assert await stage.desk.count("cases") == cases
        assert (await stage.desk.agency.owner.call("GET", path))["cursor"] is not None


async def test_youtube_s_quota_is_waited_for(world):
    youtube = Youtube()
    youtube.refusal = "quotaExceeded"
    async with open_site(world, youtube) as site:
        stage, path = await set_poll(world, "youtube")
        await ask(world, stage)
        assert (await stage.desk.agency.owner.call("GET", path))["last_error"] == "rate_limited"
        asked = len(site.asked)
        await ask(world, stage, 50)
        assert len(site.asked) == asked


class Forum:
    def __init__(self):
        self.posts, self.reviews = {}, []

    def __call__(self, asked):
        if asked.path == "/review.json":
            return answer(200, {"reviewables": self.reviews})
        last = int(asked.query.get("before", max(self.posts, default=0)))
        return answer(200, {"latest_posts": [self.posts[one] for one in self.posts if last - 50 < one <= last]})


def write(number, text="Post", version=1):
    return {"id": number, "raw": text, "version": version, "user_id": 1, "created_at": "2026-11-22T10:00:00Z"}


async def test_a_forum_s_edits_and_review_queue_are_read_without_doubling_its_webhooks(world, monkeypatch):
    forum = Forum()
    async with open_site(world, forum):
        platform = await open_platform(world, "discourse", monkeypatch)
        stage = Stage(platform.desk, platform.client)
        path = f"{stage.client.base}/sources/{stage.client.source['id']}/poll"
        wanted = {"url": "https://forum.example", "api_key": "a-key-of-the-forum"}
        await stage.desk.agency.owner.call("PUT", path, wanted, 200)
        forum.posts = {number: write(number) for number in range(1, 121)}
        await ask(world, stage)
        await ask(world, stage, 6)
        forum.posts[120] = write(120, "Edited", 2)
        forum.posts[30] = write(30, "Edited long after", 2)
        for minutes in (12, 18, 24):
            await ask(world, stage, minutes)
        items = {item["external_id"]: item for item in await list_items(stage)}
        assert [items[one]["body"]["text"] for one in ("120", "30", "119")] == ["Edited", "Edited long after", "Post"]
        flag = {"id": 5, "type": "ReviewableFlaggedPost", "target_id": 119, "created_by_id": 77}
        queued = {"id": 6, "type": "ReviewableQueuedPost", "payload": {"raw": "Let me in"}, "target_created_by_id": 3}
        said = flag | {"reviewable_scores": [{"user": {"id": 77}, "score_type": {"title": "Spam"}}]}
        headers = {"x_discourse_event_type": "reviewable", "x_discourse_event": "reviewable_created"}
        await platform.take({"reviewable": said}, **headers)
        await platform.take({"reviewable": queued}, **headers)
        forum.reviews = [flag, queued, flag | {"id": 7, "target_id": 118}]
        for minutes in (30, 36):
            await ask(world, stage, minutes)
        reports = await stage.desk.fetch(
            "SELECT i.external_id, r.reason FROM reports r JOIN items i ON i.id = r.item_id WHERE r.agency_id = $1"
        )
        assert sorted(map(tuple, reports)) == [("118", "flagged"), ("119", "Spam")]
        assert await stage.desk.count("items", "external_id = 'reviewable:6'") == 1


def test_the_walk_back_covers_a_thousand_posts_and_begins_anew():
    walk, seen = None, set()
    for _ in range(25):
        walk = find_walk(walk, 5_000)
        seen |= set(range(walk - WINDOW + 1, walk + 1))
    assert set(range(5_000 - WALK + 1, 5_000 - WINDOW)) <= seen
    assert find_walk(None, 30) <= 0


@pytest.mark.parametrize(
    ("kind", "body", "pointers"),
    [
        ("reddit", {}, ["/credentials", "/subreddit"]),
        ("reddit", {"credentials": {"client_id": "x"}, "subreddit": "../x", "url": "https://x.example"},
         ["/credentials/client_id", "/credentials/client_secret", "/credentials/refresh_token", "/subreddit", "/url"]),
        ("youtube", {"credentials": OAUTH, "channel_id": "nobody", "every_s": 1}, ["/channel_id", "/every_s"]),
    ],
)  # fmt: skip
async def test_a_poll_of_another_shape_is_told(world, kind, body, pointers):
    stage = await set_stage(world, kind)
    path = f"{stage.client.base}/sources/{stage.client.source['id']}/poll"
    refused = await stage.desk.agency.owner.ask("PUT", path, body)
    assert sorted(read_pointers(refused, 422, "invalid")) == sorted(pointers)
