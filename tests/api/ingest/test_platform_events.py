"""What platforms tell after the first word: edits, deletions, reports, echoes, batches, private messages."""

import pytest

from tests.api.ingest.platforms import open_platform

PAGE = "448242228374517"


def slack(**event):
    said = {"type": "message", "channel": "C1", "channel_type": "channel", "ts": "1355517523.000005"} | event
    return {"type": "event_callback", "team_id": "T1", "event_id": f"Ev{abs(hash(str(event)))}", "event": said}


def meta(*values, account=PAGE):
    changes = [{"field": "feed", "value": value} for value in values]
    return {"object": "page", "entry": [{"id": account, "time": 1, "changes": changes}]}


def comment(number=1, verb="add", who="77", **fields):
    told = {"item": "comment", "verb": verb, "comment_id": f"9_{number}", "post_id": f"{PAGE}_9", "from": {"id": who}}
    return told | ({"message": f"Comment {number}"} if verb in ("add", "edited") else {}) | fields


async def test_an_edit_reopens_and_a_deletion_closes(world, monkeypatch):
    platform = await open_platform(world, "slack", monkeypatch)
    desk = platform.desk
    await platform.take(slack(user="U1", text="Hello"))
    await world.drain()
    [held] = await desk.moderator.take()
    assert (await desk.moderator.decide(held)).status_code == 201
    changed = {"type": "message", "user": "U1", "text": "Worse", "ts": "1355517523.000005"}
    await platform.take(slack(subtype="message_changed", message=changed))
    await world.drain()
    [item] = await platform.list_items()
    assert (item["revision"], item["state"]) == (2, "in_review")
    [again] = await desk.moderator.take()
    assert again["item"]["text"] == "Worse"
    await platform.take(slack(subtype="message_deleted", deleted_ts="1355517523.000005"))
    await world.drain()
    [item] = await platform.list_items()
    assert item["state"] == "deleted"
    assert await desk.moderator.list_held() == []


async def test_a_thousand_changes_are_one_transaction(world, monkeypatch):
    platform = await open_platform(world, "meta", monkeypatch)
    await platform.take(meta(*map(comment, range(1_000))))
    [row] = await platform.desk.fetch(
        "SELECT count(*), count(DISTINCT xmin::text) AS transactions FROM items WHERE agency_id = $1"
    )
    assert tuple(row) == (1_000, 1)


async def test_the_account_tells_whose_content_it_is(world, monkeypatch):
    """One app, two sources with accounts of their own."""
    first = await open_platform(world, "meta", monkeypatch, accounts=["1"])
    second = await open_platform(world, "meta", monkeypatch, first.desk, accounts=["2"])
    payload = {
        "object": "page",
        "entry": [*meta(comment(1), account="1")["entry"], *meta(comment(2), account="2")["entry"]],
    }
    for platform, number in ((first, "9_1"), (second, "9_2")):
        await platform.take(payload)
        assert [item["external_id"] for item in await platform.list_items()] == [number]


async def test_our_own_actions_coming_back_open_nothing(world, monkeypatch):
    platform = await open_platform(world, "meta", monkeypatch)
    await platform.take(meta(comment(1)))
    await world.drain()
    [held] = await platform.desk.moderator.take()
    assert (await platform.desk.moderator.decide(held, "remove", policies=["spam"])).status_code == 201
    for verb in ("hide", "unhide", "remove"):
        await platform.take(meta(comment(1, verb)))
    await platform.take(meta(comment(2, who=PAGE)))
    await world.drain()
    assert await platform.desk.count("cases") == 1
    assert await platform.desk.count("cases", "state <> 'decided'") == 0
    assert len(await platform.list_items()) == 1


FLAG = {"reviewable": {"id": 1, "target_id": 79563, "reviewable_scores": [{"user": {"id": 3}}]}}


async def test_a_report_on_what_nobody_knows_is_left_out_and_on_what_is_known_is_kept(world, monkeypatch):
    platform = await open_platform(world, "discourse", monkeypatch)
    await platform.take(FLAG, x_discourse_event="reviewable_created")
    assert await platform.list_items() == []
    await platform.take(platform.sample)
    flag = {"reviewable": FLAG["reviewable"] | {"id": 2}}
    await platform.take(flag, x_discourse_event="reviewable_created")
    assert await platform.desk.count("reports") == 1


async def test_a_discourse_event_that_comes_again_under_another_number_is_a_duplicate(world, monkeypatch):
    platform = await open_platform(world, "discourse", monkeypatch)
    for number, body in enumerate((platform.sample, {**platform.sample, "extra": 1}, platform.sample)):
        await platform.take(body, x_discourse_event_id=str(number))
    [item] = await platform.list_items()
    assert item["revision"] == 1
    edited = {"post": platform.sample["post"] | {"raw": "Another text", "version": 2}}
    for number in range(2):
        await platform.take(edited, x_discourse_event="post_edited", x_discourse_event_id=f"9{number}")
    [item] = await platform.list_items()
    assert item["revision"] == 2


@pytest.mark.parametrize("wanted", [False, True])
async def test_private_messages_are_stored_only_where_the_source_says_so(world, monkeypatch, wanted):
    platform = await open_platform(world, "discourse", monkeypatch, private_messages=wanted)
    await platform.take({"post": platform.sample["post"] | {"topic_archetype": "private_message"}})
    assert len(await platform.list_items()) == wanted


async def test_what_moderation_does_not_need_of_a_person_is_never_stored(world, monkeypatch):
    platform = await open_platform(world, "mastodon", monkeypatch)
    reporter = {"id": "3", "email": "reporter@example.org", "ip": "192.0.2.7", "ips": [{"ip": "192.0.2.7"}]}
    status = {"id": "9", "content": "<p>Bad</p>", "account": {"id": "4", "email": "accused@example.org"}}
    report = {"id": "1", "category": "spam", "comment": "look", "account": reporter, "statuses": [status]}
    await platform.take({"event": "report.created", "object": report})
    assert await platform.desk.count("reports", "reason = 'spam' AND reporter_external_id = '3'") == 1
    for table in ("items", "reports", "webhook_receipts", "audit_entries"):
        rows = str([dict(row) for row in await platform.desk.fetch(f"SELECT * FROM {table} WHERE agency_id = $1")])
        assert "example.org" not in rows
        assert "192.0.2.7" not in rows
