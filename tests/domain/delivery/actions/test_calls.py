"""What each platform is asked: method, host, path, query, proof and body, as its documents have them."""

import pytest

from tests.domain.delivery.actions.cases import BOT, NOW, UNTIL, play, until
from tests.support.platforms import answer
from veilleur.domain.delivery.actions.registry import ACTORS

MUTED = dict.fromkeys(
    ("can_send_messages", "can_send_audios", "can_send_documents", "can_send_photos", "can_send_videos",
     "can_send_video_notes", "can_send_voice_notes", "can_send_polls", "can_send_other_messages",
     "can_add_web_page_previews"), False,
)  # fmt: skip
IN_CHANNEL = {"broadcaster_id": "1971641", "moderator_id": "99"}
HELD = {"metadata": {"held": True}}
INSTAGRAM = {"metadata": {"account": "178", "network": "instagram"}}
OK = answer(200, {"ok": True})

# (platform, operation, method, address, query, body, what else is said of the subject)
CALLS = [
    ("slack", "delete_message", "POST", "slack.com/api/chat.delete", {},
     {"channel": "C024BE91L", "ts": "1355517523.000005"}, {}),
    ("telegram", "delete_message", "POST", f"api.telegram.org/bot{BOT}/deleteMessage", {},
     {"chat_id": -1001, "message_id": 1365}, {}),
    ("telegram", "free_member", "POST", f"api.telegram.org/bot{BOT}/restrictChatMember", {},
     {"chat_id": -1001, "user_id": 1111111, "permissions": dict.fromkeys(MUTED, True)}, {}),
    ("telegram", "unban_member", "POST", f"api.telegram.org/bot{BOT}/unbanChatMember", {},
     {"chat_id": -1001, "user_id": 1111111, "only_if_banned": True}, {}),
    ("discord", "mark_hidden", "PUT", "discord.com/api/v10/lobbies/1396/messages/1397/moderation-metadata", {},
     {"moderation": "hide"}, {}),
    ("discord", "mark_allowed", "PUT", "discord.com/api/v10/lobbies/1396/messages/1397/moderation-metadata", {},
     {"moderation": "allow"}, {}),
    ("discord_guild", "delete_message", "DELETE", "discord.com/api/v10/channels/1396/messages/1397", {}, None, {}),
    ("discord_guild", "ban_member", "PUT", "discord.com/api/v10/guilds/77/bans/12", {},
     {"delete_message_seconds": 0}, {}),
    ("discord_guild", "unban_member", "DELETE", "discord.com/api/v10/guilds/77/bans/12", {}, None, {}),
    ("discord_guild", "end_timeout", "PATCH", "discord.com/api/v10/guilds/77/members/12", {},
     {"communication_disabled_until": None}, {}),
    ("meta", "hide_comment", "POST", "graph.facebook.com/v23.0/122_121", {"is_hidden": "true"}, None, {}),
    ("meta", "show_comment", "POST", "graph.facebook.com/v23.0/122_121", {"is_hidden": "false"}, None, {}),
    ("meta", "hide_comment", "POST", "graph.facebook.com/v23.0/122_121", {"hide": "true"}, None, INSTAGRAM),
    ("meta", "delete_comment", "DELETE", "graph.facebook.com/v23.0/122_121", {}, None, INSTAGRAM),
    ("twitch", "allow_message", "POST", "api.twitch.tv/helix/moderation/automod/message", {},
     {"user_id": "99", "msg_id": "2be25c2f", "action": "ALLOW"}, HELD),
    ("twitch", "remove_message", "POST", "api.twitch.tv/helix/moderation/automod/message", {},
     {"user_id": "99", "msg_id": "2be25c2f", "action": "DENY"}, HELD),
    ("twitch", "remove_message", "DELETE", "api.twitch.tv/helix/moderation/chat",
     IN_CHANNEL | {"message_id": "2be25c2f"}, None, {}),
    ("twitch", "ban_user", "POST", "api.twitch.tv/helix/moderation/bans", IN_CHANNEL,
     {"data": {"user_id": "4242", "reason": "dec_1"}}, {}),
    ("twitch", "unban_user", "DELETE", "api.twitch.tv/helix/moderation/bans", IN_CHANNEL | {"user_id": "4242"}, None, {}),
    ("mastodon", "suspend_account", "POST", "social.example/api/v1/admin/accounts/42/action", {},
     {"type": "suspend", "text": "dec_1"}, {}),
    ("mastodon", "mark_sensitive", "POST", "social.example/api/v1/admin/accounts/42/action", {},
     {"type": "sensitive", "text": "dec_1"}, {}),
    ("mastodon", "unfreeze_account", "POST", "social.example/api/v1/admin/accounts/42/enable", {}, None, {}),
    ("mastodon", "unsuspend_account", "POST", "social.example/api/v1/admin/accounts/42/unsuspend", {}, None, {}),
    ("x", "hide_reply", "PUT", "api.x.com/2/tweets/1346889436626259968/hidden", {}, {"hidden": True}, {}),
    ("x", "show_reply", "PUT", "api.x.com/2/tweets/1346889436626259968/hidden", {}, {"hidden": False}, {}),
    ("youtube", "reject_comment", "POST", "www.googleapis.com/youtube/v3/comments/setModerationStatus",
     {"id": "Ugz1", "moderationStatus": "rejected"}, None, {}),
    ("youtube", "publish_comment", "POST", "www.googleapis.com/youtube/v3/comments/setModerationStatus",
     {"id": "Ugz1", "moderationStatus": "published"}, None, {}),
    ("youtube", "ban_author", "POST", "www.googleapis.com/youtube/v3/comments/setModerationStatus",
     {"id": "Ugz1", "moderationStatus": "rejected", "banAuthor": "true"}, None, {}),
    ("reddit", "remove_thing", "POST", "oauth.reddit.com/api/remove", {}, {"id": "t1_abc", "spam": "false"}, {}),
    ("reddit", "approve_thing", "POST", "oauth.reddit.com/api/approve", {}, {"id": "t1_abc"}, {}),
    ("reddit", "lock_thing", "POST", "oauth.reddit.com/api/lock", {}, {"id": "t1_abc"}, {}),
    ("reddit", "unban_user", "POST", "oauth.reddit.com/r/pics/api/unfriend", {},
     {"type": "banned", "name": "spammer"}, {}),
    ("discourse", "unsuspend_user", "PUT", "forum.example/talk/admin/users/42/unsuspend.json", {}, {}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("platform", "operation", "method", "address", "query", "body", "subject"), CALLS)
def test_a_call_is_as_the_platform_documents_it(platform, operation, method, address, query, body, subject):
    outcome, [asked] = play(platform, operation, OK, **subject)
    assert outcome.state == "done"
    assert (asked.method, f"{asked.host}{asked.path}", asked.query) == (method, address, query)
    assert (asked.form if platform == "reddit" else asked.json) == body


# (platform, operation, where the end stands in the body)
ENDS = [
    ("telegram", "restrict_member", {"until_date": int(UNTIL.timestamp())}),
    ("telegram", "ban_member", {"until_date": int(UNTIL.timestamp())}),
    ("discord_guild", "time_out_member", {"communication_disabled_until": "2026-11-25T10:00:00Z"}),
    ("twitch", "ban_user", {"data": {"user_id": "4242", "reason": "dec_1", "duration": 3 * 86_400}}),
    ("reddit", "ban_user", {"duration": "3", "name": "spammer", "type": "banned"}),
    ("discourse", "suspend_user", {"suspend_until": "2026-11-25T10:00:00Z", "reason": "dec_1"}),
    ("discourse", "silence_user", {"silenced_till": "2026-11-25T10:00:00Z", "reason": "dec_1"}),
]


@pytest.mark.parametrize(("platform", "operation", "said"), ENDS)
def test_an_end_is_told_in_the_platform_s_own_way(platform, operation, said):
    outcome, [asked] = play(platform, operation, OK, order=until())
    body = asked.form if platform == "reddit" else asked.json
    assert outcome.state == "done"
    assert said.items() <= body.items()
    assert ACTORS[platform].operations[operation].ends


def test_a_member_who_is_muted_may_send_nothing():
    _, [asked] = play("telegram", "restrict_member", OK)
    assert asked.json == {"chat_id": -1001, "user_id": 1111111, "permissions": MUTED}


PROOFS = {
    "slack": {"authorization": "Bearer xoxp-a-token"},
    "discord": {"authorization": "Bot bot-token-of-ours"},
    "discord_guild": {"authorization": "Bot bot-token-of-ours", "x-audit-log-reason": "dec_1"},
    "meta": {"authorization": "Bearer token-of-448"},
    "twitch": {"authorization": "Bearer access-1", "client-id": "app-of-ours"},
    "mastodon": {"authorization": "Bearer token-of-admin"},
    "x": {"authorization": "Bearer access-1"},
    "youtube": {"authorization": "Bearer access-1"},
    "reddit": {"authorization": "Bearer access-1", "user-agent": "server:veilleur:v1"},
    "discourse": {"api-key": "key-of-the-forum", "api-username": "mod"},
}


@pytest.mark.parametrize("platform", sorted(PROOFS))
def test_every_call_bears_the_proof_of_its_platform(platform):
    actor = ACTORS[platform]
    for name in actor.operations:
        _, asked = play(platform, name, OK, order=until() if name == "time_out_member" else None)
        assert all(PROOFS[platform].items() <= one.headers.items() for one in asked)
        assert asked


def review(*actions, version=3):
    """A review as Discourse shows it."""
    return answer(
        200, {"reviewable": {"id": 31, "version": version, "status": 0}, "actions": [{"id": one} for one in actions]}
    )


FLAGGED = answer(200, {"id": 7, "reviewable_id": 31, "hidden": False})


@pytest.mark.parametrize(
    ("operation", "offered", "chosen"),
    [
        ("hide_post", ("agree_and_keep", "agree_and_hide", "disagree"), "agree_and_hide"),
        ("hide_post", ("agree_and_keep_hidden", "disagree_and_restore"), "agree_and_keep_hidden"),
        ("delete_post", ("agree_and_hide", "delete_and_agree", "disagree"), "delete_and_agree"),
        ("approve_post", ("agree_and_hide", "disagree", "ignore_and_do_nothing"), "disagree"),
        ("approve_post", ("post-agree_and_hide", "post-disagree_and_restore"), "disagree_and_restore"),
    ],
)
def test_a_flagged_post_is_answered_in_the_review_queue_with_the_version_read(operation, offered, chosen):
    outcome, asked = play("discourse", operation, FLAGGED, review(*offered), answer(200, {"result": {"success": "OK"}}))
    assert outcome.state == "done"
    assert [f"{one.method} {one.path}" for one in asked] == [
        "GET /talk/posts/7.json", "GET /talk/review/31.json", f"PUT /talk/review/31/perform/{chosen}.json",
    ]  # fmt: skip
    assert asked[-1].query == {"version": "3"}


@pytest.mark.parametrize(("operation", "chosen"), [("approve_post", "approve_post"), ("delete_post", "reject_post")])
def test_a_queued_post_has_no_number_yet_and_is_answered_as_what_it_is(operation, chosen):
    outcome, asked = play(
        "discourse", operation, review("approve_post", "reject_post"), answer(200, {}), external_id="reviewable:31"
    )
    assert outcome.state == "done"
    assert [one.path for one in asked] == ["/talk/review/31.json", f"/talk/review/31/perform/{chosen}.json"]


@pytest.mark.parametrize("verb", ["recover", "unhide"])
def test_a_post_is_brought_back_by_its_number(verb):
    outcome, asked = play("discourse", f"{verb}_post", answer(200, {"reviewable_id": None}), answer(200, {}))
    assert outcome.state == "done"
    assert f"{asked[-1].method} {asked[-1].path}" == f"PUT /talk/posts/7/{verb}.json"


PUBLISHED = answer(200, {"reviewable": {"id": 31, "version": 1, "status": 1, "target_id": 88}, "actions": []})


@pytest.mark.parametrize(
    ("operation", "line"),
    [("delete_post", "DELETE /talk/posts/88.json"), ("unhide_post", "PUT /talk/posts/88/unhide.json")],
)
def test_a_queued_post_that_was_published_has_a_number_by_which_it_is_found(operation, line):
    outcome, asked = play("discourse", operation, PUBLISHED, answer(200, {}), external_id="reviewable:31")
    assert outcome.state == "done"
    assert [f"{one.method} {one.path}" for one in asked] == ["GET /talk/review/31.json", line]


def test_a_queued_post_that_was_rejected_may_still_be_let_through():
    _, asked = play("discourse", "recover_post", review("approve_post"), answer(200, {}), external_id="reviewable:31")
    assert asked[-1].path == "/talk/review/31/perform/approve_post.json"


def test_a_held_message_that_was_let_through_meanwhile_is_deleted_from_the_chat():
    over = answer(400, {"message": "already processed"})
    outcome, asked = play("twitch", "remove_message", over, answer(204), **HELD)
    assert (outcome.state, outcome.reason) == ("done", None)
    assert [f"{one.method} {one.path}" for one in asked] == [
        "POST /helix/moderation/automod/message", "DELETE /helix/moderation/chat",
    ]  # fmt: skip


def test_a_post_that_nobody_flagged_is_hidden_by_a_flag_of_our_own():
    post = answer(200, {"id": 7, "reviewable_id": None})
    outcome, asked = play("discourse", "hide_post", post, answer(200, {}))
    assert outcome.state == "done"
    assert asked[1].json == {"id": "7", "post_action_type_id": 4, "take_action": True}


def test_what_a_platform_does_without_being_told_an_end_is_for_good():
    _, [asked] = play("discourse", "suspend_user", OK)
    assert asked.json["suspend_until"].startswith("3000-")
    assert NOW < UNTIL
