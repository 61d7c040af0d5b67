"""The payloads platforms publish, and the events they become."""

import base64
import hashlib
import hmac
import json
from importlib import import_module

import pytest

from tests.domain.intake.sources.senders import SENDERS, deliver
from veilleur.domain.intake.envelope import read_event
from veilleur.domain.intake.sources.protocol import Delivery, Known
from veilleur.domain.intake.sources.registry import PLATFORMS


def read(kind, payload, settings=None, **headers):
    """The events of a payload, each checked against the contract, so that nothing had to be left out to fit it."""
    known = Known(SENDERS[kind].known.secrets, {**SENDERS[kind].known.settings, **(settings or {})})
    module = import_module(f"veilleur.domain.intake.sources.{kind}")
    found = module.map_events(deliver(kind, payload, **headers), payload, known)
    for mapped in found:
        read_event(mapped.type, mapped.data, "")
    return [(mapped.type, mapped.data) for mapped in found]


def slack(**event):
    return {
        "token": "t", "team_id": "T1", "api_app_id": "A1", "type": "event_callback", "event_id": "Ev111", "event_time": 1595926230,
        "event": {"type": "message", "channel": "C1", "channel_type": "channel", "ts": "1355517523.000005"} | event,
    }  # fmt: skip


def test_slack_messages_edits_and_deletions():
    (made,) = read("slack", slack(user="U1", text="Hello"))
    assert made[0] == "item.created"
    assert made[1] == {
        "external_id": "T1:C1:1355517523.000005", "kind": "message", "text": "Hello",
        "created_at": "2012-12-14T20:38:43.000005Z", "author": {"external_id": "U1"}, "context": {"channel": "C1"},
    }  # fmt: skip
    changed = {"type": "message", "user": "U1", "text": "Bye", "ts": "1355517523.000005"}
    (edit,) = read("slack", slack(subtype="message_changed", ts="1355517999.0", message=changed))
    assert (edit[0], edit[1]["external_id"], edit[1]["text"]) == ("item.updated", made[1]["external_id"], "Bye")
    (gone,) = read("slack", slack(subtype="message_deleted", deleted_ts="1355517523.000005"))
    assert gone == ("item.deleted", {"external_id": made[1]["external_id"]})


@pytest.mark.parametrize(
    "payload",
    [
        slack(subtype="channel_join", user="U1", text="joined"),
        slack(channel_type="im", user="U1", text="psst"),
        {"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": 1518467820, "api_app_id": "A1"},
        {}, [], None, "text",
    ],
)  # fmt: skip
def test_slack_says_much_that_is_no_case(payload):
    assert read("slack", payload) == []


def test_private_messages_come_in_only_where_the_source_says_so():
    assert len(read("slack", slack(channel_type="im", user="U1", text="psst"), {"private_messages": True})) == 1


def test_slack_is_greeted_with_its_own_words():
    body = {"token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}
    payload = body | {"type": "url_verification"}
    reply = PLATFORMS["slack"].shake_signed(deliver("slack", payload), payload)
    assert (reply.status, reply.body.decode()) == (200, body["challenge"])


TELEGRAM = {
    "message_id": 1365, "date": 1441645532, "text": "/start",
    "from": {"id": 1111111, "is_bot": False, "first_name": "Test", "username": "Testusername"},
    "chat": {"id": -1001, "type": "supergroup", "title": "Group"},
}  # fmt: skip


def test_telegram_messages_and_edits():
    (made,) = read("telegram", {"update_id": 10000, "message": TELEGRAM})
    assert made == ("item.created", {
        "external_id": "-1001:1365", "kind": "message", "text": "/start", "created_at": "2015-09-07T17:05:32Z",
        "author": {"external_id": "1111111", "display_name": "Testusername"},
        "context": {"channel": "-1001", "title": "Group"},
    })  # fmt: skip
    assert read("telegram", {"update_id": 10001, "edited_message": TELEGRAM | {"text": "x"}})[0][0] == "item.updated"
    assert read("telegram", {"update_id": 1, "message": TELEGRAM | {"chat": {"id": 5, "type": "private"}}}) == []
    assert PLATFORMS["telegram"].delivery_key(Delivery("POST", {}, {}, b""), {"update_id": 10000}) == "10000"
    assert b"method" not in PLATFORMS["telegram"].accepted.body


DISCOURSE = {
    "id": 79563, "username": "darknao", "created_at": "2023-02-09T10:19:46.324Z", "updated_at": "2023-02-09T10:19:46.324Z",
    "post_number": 3, "topic_id": 46582, "topic_slug": "docs-meeting-agenda-2023-02-08", "topic_archetype": "regular",
    "topic_title": "Docs meeting agenda: 2023-02-08", "category_slug": "project", "trust_level": 2, "user_id": 2401, "version": 1,
}  # fmt: skip


def test_discourse_posts():
    (made,) = read("discourse", {"post": DISCOURSE | {"cooked": "<p>Hello <b>all</b><br>of you</p><p>Bye</p>"}})
    assert made == ("item.created", {
        "external_id": "79563", "revision": 1, "kind": "post", "text": "Hello all\nof you\nBye",
        "url": "https://forum.example/t/docs-meeting-agenda-2023-02-08/46582/3", "created_at": "2023-02-09T10:19:46.324000Z",
        "author": {"external_id": "2401", "display_name": "darknao", "trust": "2"},
        "context": {"channel": "project", "thread_id": "46582", "title": "Docs meeting agenda: 2023-02-08"},
    })  # fmt: skip
    edited = DISCOURSE | {"raw": "*new*", "cooked": "<em>new</em>", "version": 2}
    (edit,) = read("discourse", {"post": edited}, x_discourse_event="post_edited")
    assert (edit[0], edit[1]["revision"], edit[1]["text"]) == ("item.updated", 2, "*new*")
    assert read("discourse", {"post": DISCOURSE}, x_discourse_event="post_destroyed") == [
        ("item.deleted", {"external_id": "79563"})
    ]
    private = DISCOURSE | {"raw": "psst", "topic_archetype": "private_message"}
    assert read("discourse", {"post": private}) == []
    assert read("discourse", {"topic": {"id": 1}}, x_discourse_event="topic_created") == []


def test_discourse_flags():
    flag = {
        "id": 5, "type": "ReviewableFlaggedPost", "target_id": 79563, "target_created_by": {"id": 2401}, "cooked": "<p>Rude</p>",
        "reviewable_scores": [{"id": 1, "user": {"id": 7}, "score_type": {"title": "Inappropriate"}, "reason": "insult"}],
    }  # fmt: skip
    (told,) = read("discourse", {"reviewable": flag}, x_discourse_event="reviewable_created")
    assert told == ("item.reported", {
        "external_id": "79563", "text": "Rude", "kind": "post", "author": {"external_id": "2401"},
        "report": {"source": "user", "reason": "Inappropriate", "detail": "insult", "reporter": {"external_id": "7"}},
    })  # fmt: skip


def test_discourse_is_answered_its_ping():
    ping = deliver("discourse", {"ping": "OK"}, x_discourse_event_type="ping")
    assert PLATFORMS["discourse"].shake_signed(ping, {"ping": "OK"}).status == 200


PAGE_COMMENT = {
    "from": {"id": "77", "name": "SuperTester"}, "message": "meow 2", "item": "comment", "verb": "add", "created_time": 1742667604,
    "post_id": "448242228374517_122131676912594941", "comment_id": "122131676912594941_1213590066982748",
    "parent_id": "122131676912594941_542072878449250",
}  # fmt: skip


def page(*values, account="448242228374517"):
    changes = [{"field": "feed", "value": value} for value in values]
    return {"object": "page", "entry": [{"id": account, "time": 1742667607, "changes": changes}]}


def test_a_page_sends_many_changes_at_once():
    found = read(
        "meta",
        page(PAGE_COMMENT, PAGE_COMMENT | {"verb": "edited", "message": "meow"}, PAGE_COMMENT | {"verb": "remove"}),
    )
    assert [kind for kind, _ in found] == ["item.created", "item.updated", "item.deleted"]
    assert found[0][1] == {
        "external_id": "122131676912594941_1213590066982748", "kind": "comment", "text": "meow 2",
        "created_at": "2025-03-22T18:20:04Z", "author": {"external_id": "77", "display_name": "SuperTester"},
        "context": {
            "thread_id": "448242228374517_122131676912594941",
            "parent": {"external_id": "122131676912594941_542072878449250"},
        },
        "metadata": {"account": "448242228374517", "network": "facebook"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "payload",
    [
        page(PAGE_COMMENT, account="999"),
        page(*(PAGE_COMMENT | {"verb": verb} for verb in ("hide", "unhide"))),
        page(PAGE_COMMENT | {"from": {"id": "448242228374517"}}),
        page({"item": "like", "verb": "add", "post_id": "1"}),
    ],
)
def test_other_accounts_and_echoes_of_our_own_doing_are_left_out(payload):
    assert read("meta", payload) == []


def test_instagram_comments():
    value = {"from": {"id": "5", "username": "ig"}, "media": {"id": "9"}, "id": "17", "parent_id": "16", "text": "hi"}
    payload = {
        "object": "instagram",
        "entry": [{"id": "178", "time": 1, "changes": [{"field": "comments", "value": value}]}],
    }
    (made,) = read("meta", payload)
    assert (made[0], made[1]["external_id"], made[1]["context"]) == (
        "item.created", "17", {"thread_id": "9", "parent": {"external_id": "16"}},
    )  # fmt: skip


def greet(kind, settings=None, **query):
    known = SENDERS[kind].known
    return PLATFORMS[kind].shake(
        Delivery("GET", {name.replace("__", "."): value for name, value in query.items()}, {}, b""), known
    )


def test_meta_checks_the_address_with_its_token():
    asked = {"hub__mode": "subscribe", "hub__challenge": "1158201444", "hub__verify_token": "meatyhamhock"}
    assert greet("meta", **asked).body == b"1158201444"
    with pytest.raises(Exception, match="does not match"):
        greet("meta", **asked | {"hub__verify_token": "guess"})
    assert greet("meta") is None


def test_x_and_linkedin_check_that_the_secret_is_known():
    secret = SENDERS["x"].known.secrets[0]
    digest = hmac.new(secret, b"challenge", hashlib.sha256)
    crc = greet("x", crc_token="challenge")
    assert json.loads(crc.body) == {"response_token": "sha256=" + base64.b64encode(digest.digest()).decode()}
    answer = greet("linkedin", challengeCode="challenge")
    assert json.loads(answer.body) == {"challengeCode": "challenge", "challengeResponse": digest.hexdigest()}
    assert {crc.media_type, answer.media_type} == {"application/json"}


def twitch(kind, **event):
    return {
        "subscription": {"type": kind},
        "event": {"broadcaster_user_id": "1337", "message_id": "bad-message-id", **event},
    }


def test_twitch_holds_chat_and_its_own_moderators():
    held = {
        "user_id": "4242",
        "user_name": "Baddie",
        "message": {"text": "bad", "fragments": []},
        "held_at": "2026-11-22T10:00:00Z",
    }
    (made,) = read(
        "twitch", twitch("automod.message.hold", reason="automod", automod={"category": "aggressive"}, **held)
    )
    assert made == ("item.created", {
        "external_id": "bad-message-id", "kind": "message", "text": "bad", "created_at": "2026-11-22T10:00:00Z",
        "author": {"external_id": "4242", "display_name": "Baddie"}, "context": {"channel": "1337"},
        "metadata": {"held": True, "automod_category": "aggressive"},
    })  # fmt: skip
    (chat,) = read("twitch", twitch("channel.chat.message", chatter_user_id="1", message={"text": "hi"}))
    assert chat[1]["author"] == {"external_id": "1"}
    for status, events in (("Denied", 1), ("expired", 1), ("Approved", 0)):
        assert len(read("twitch", twitch("automod.message.update", status=status))) == events
    assert read("twitch", twitch("automod.message.hold", **held), twitch_eventsub_message_type="revocation") == []


def test_twitch_is_greeted_with_its_own_words():
    payload = {"challenge": "pogchamp-kappa-360noscope-vohiyo", "subscription": {}}
    sent = deliver("twitch", payload, twitch_eventsub_message_type="webhook_callback_verification")
    reply = PLATFORMS["twitch"].shake_signed(sent, payload)
    assert (reply.status, reply.body, reply.media_type) == (200, b"pogchamp-kappa-360noscope-vohiyo", "text/plain")


def discord(kind, **data):
    message = {
        "id": "1397729799727878254",
        "content": "welcome to the party!",
        "lobby_id": "1397729744753266719",
    } | data
    event = {"type": kind, "timestamp": "2025-08-05T20:39:19.587872", "data": message}
    return {"version": 1, "application_id": "1234567765431056709", "type": 1, "event": event}


def test_discord_lobby_messages():
    (made,) = read("discord", discord("LOBBY_MESSAGE_CREATE", author={"id": "5", "username": "u"}))
    assert made == ("item.created", {
        "external_id": "1397729799727878254", "kind": "message", "text": "welcome to the party!",
        "created_at": "2025-08-05T20:39:19.587872Z", "author": {"external_id": "5", "display_name": "u"},
        "context": {"channel": "1397729744753266719"},
    })  # fmt: skip
    assert read("discord", discord("LOBBY_MESSAGE_UPDATE"))[0][0] == "item.updated"
    assert read("discord", discord("LOBBY_MESSAGE_DELETE"))[0][0] == "item.deleted"
    assert read("discord", discord("GAME_DIRECT_MESSAGE_CREATE")) == []
    assert read("discord", discord("APPLICATION_AUTHORIZED")) == []


def test_discords_ping_is_answered_with_nothing():
    ping = {"version": 1, "application_id": "1234560123453231555", "type": 0}
    reply = PLATFORMS["discord"].shake_signed(deliver("discord", ping), ping)
    assert (reply.status, reply.body) == (204, b"")


STATUS = {
    "id": "109", "content": "<p>Buy <a href='x'>now</a></p>", "language": "en", "url": "https://m.example/@a/109",
    "created_at": "2023-10-26T13:34:00.351Z", "visibility": "public", "account": {"id": "7", "acct": "a"},
}  # fmt: skip


def test_mastodon_reports_bring_no_address_of_the_reporter():
    report = {
        "id": "3", "category": "spam", "comment": "look", "statuses": [STATUS, STATUS | {"id": "110"}],
        "account": {"id": "9", "email": "me@home.example", "ip": "192.0.2.1", "ips": [{"ip": "192.0.2.1"}]},
        "target_account": {"id": "7", "email": "a@b.example", "account": {"id": "7", "acct": "a", "note": "<p>Bio</p>"}},
    }  # fmt: skip
    found = read("mastodon", {"event": "report.created", "created_at": "2023-10-26T13:34:00.351Z", "object": report})
    assert [data["external_id"] for _, data in found] == ["109", "110"]
    assert found[0][1]["report"] == {
        "source": "user",
        "reason": "spam",
        "detail": "look",
        "reporter": {"external_id": "9"},
    }
    assert found[0][1]["text"] == "Buy now"
    assert "example" not in json.dumps([data for _, data in found]).replace("https://m.example", "")
    (profile,) = read("mastodon", {"event": "report.created", "object": report | {"statuses": []}})
    assert (profile[1]["external_id"], profile[1]["kind"], profile[1]["text"]) == ("account:7", "account", "a\nBio")


def test_mastodon_statuses():
    assert read("mastodon", {"event": "status.created", "object": STATUS})[0][0] == "item.created"
    assert read("mastodon", {"event": "status.updated", "object": STATUS})[0][0] == "item.updated"
    assert read("mastodon", {"event": "status.created", "object": STATUS | {"visibility": "direct"}}) == []
    assert read("mastodon", {"event": "account.created", "object": {"id": "1", "email": "x@y.example"}}) == []


def x(kind, **payload):
    post = {
        "id": "20",
        "text": "just setting up",
        "author_id": "12",
        "conversation_id": "19",
        "created_at": "2026-11-22T10:00:00.000Z",
    }
    data = {
        "event_uuid": "2080761390344937796",
        "filter": {"user_id": "11"},
        "event_type": kind,
        "payload": post | payload,
    }
    return {"data": data | {"includes": {"users": [{"id": "12", "username": "jack"}]}}}


def test_x_replies():
    (made,) = read("x", x("post.reply.create"))
    assert made == ("item.created", {
        "external_id": "20", "kind": "post", "text": "just setting up", "url": "https://x.com/i/status/20",
        "created_at": "2026-11-22T10:00:00Z", "author": {"external_id": "12", "display_name": "jack"},
        "context": {"thread_id": "19"},
    })  # fmt: skip
    assert read("x", x("post.reply.create", author_id="11")) == []
    assert read("x", x("dm.received")) == []
    assert PLATFORMS["x"].delivery_key(Delivery("POST", {}, {}, b""), x("post.create")) == "2080761390344937796"


def test_linkedin_comments():
    told = {
        "notificationId": 1, "organizationalEntity": "urn:li:organization:1", "sourcePost": "urn:li:share:2",
        "generatedActivity": "urn:li:comment:(urn:li:activity:3,4)", "action": "COMMENT", "lastModifiedAt": 1755500000000,
        "decoratedGeneratedActivity": {"comment": {"text": "Nice", "owner": "urn:li:person:p"}},
    }  # fmt: skip
    found = read("linkedin", {"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": [
        told, told | {"action": "COMMENT_EDIT"}, told | {"action": "COMMENT_DELETE"}, told | {"action": "LIKE"},
    ]})  # fmt: skip
    assert [kind for kind, _ in found] == ["item.created", "item.updated", "item.deleted"]
    assert found[0][1] == {
        "external_id": "urn:li:comment:(urn:li:activity:3,4)", "kind": "comment", "text": "Nice",
        "created_at": "2025-08-18T06:53:20Z", "author": {"external_id": "urn:li:person:p"},
        "context": {"channel": "urn:li:organization:1", "thread_id": "urn:li:share:2"},
    }  # fmt: skip


def tiktok(**content):
    told = {
        "comment_id": "71",
        "video_id": "70",
        "text": "wow",
        "unique_identifier": "u1",
        "parent_comment_id": "0",
    } | content
    return {
        "client_key": "k",
        "event": "comment.update",
        "create_time": 1755500000,
        "user_openid": "o",
        "content": json.dumps(told),
    }


def test_tiktok_comments_are_json_in_a_text():
    (made,) = read("tiktok", tiktok(comment_action="insert"))
    assert made == ("item.created", {
        "external_id": "71", "kind": "comment", "text": "wow", "created_at": "2025-08-18T06:53:20Z",
        "author": {"external_id": "u1"}, "context": {"channel": "o", "thread_id": "70"},
    })  # fmt: skip
    assert read("tiktok", tiktok(comment_action="delete"))[0][0] == "item.deleted"
    assert read("tiktok", tiktok(comment_action="set_to_hidden")) == []
    assert read("tiktok", tiktok() | {"content": "{not json"}) == []
