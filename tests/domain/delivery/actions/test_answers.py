"""What each platform's answers mean: done, gone already, refused for a reason, or later."""

from datetime import timedelta

import pytest

from tests.domain.delivery.actions.cases import CREDENTIALS, NOW, SUBJECTS, play, until
from tests.support.platforms import answer
from veilleur.domain.delivery.actions.reasons import REASONS
from veilleur.domain.delivery.actions.registry import ACTORS
from veilleur.kernel.french import FRENCH


def slack(error):
    return answer(200, {"ok": False, "error": error})


def telegram(status, description, **more):
    return answer(status, {"ok": False, "error_code": status, "description": description} | more)


def meta(code, subcode=None, status=400):
    return answer(status, {"error": {"message": "x", "code": code, "error_subcode": subcode}})


def google(status, reason):
    return answer(status, {"error": {"code": status, "errors": [{"reason": reason}]}})


HELD = {"metadata": {"held": True}}

# (platform, operation, the platform's answer, state, reason, after, what else is said of the subject)
ANSWERS = [
    ("slack", "delete_message", slack("message_not_found"), "done", "already_gone", None, {}),
    ("slack", "delete_message", slack("cant_delete_message"), "refused", "not_allowed", None, {}),
    ("slack", "delete_message", slack("compliance_exports_prevent_deletion"), "refused", "kept_for_compliance", None, {}),
    ("slack", "delete_message", slack("invalid_auth"), "refused", "unauthorized", None, {}),
    ("slack", "delete_message", slack("missing_scope"), "refused", "forbidden", None, {}),
    ("slack", "delete_message", slack("channel_not_found"), "refused", "not_found", None, {}),
    ("slack", "delete_message", slack("internal_error"), "retry", "unavailable", None, {}),
    ("slack", "delete_message", answer(429, {"ok": False}, retry_after="30"), "retry", "rate_limited", 30, {}),
    ("telegram", "delete_message", telegram(400, "Bad Request: message to delete not found"), "done", "already_gone",
     None, {}),
    ("telegram", "delete_message", telegram(400, "Bad Request: message can't be deleted"), "refused", "not_allowed",
     None, {}),
    ("telegram", "ban_member", telegram(400, "Bad Request: user is an administrator of the chat"), "refused",
     "is_moderator", None, {}),
    ("telegram", "ban_member", telegram(400, "Bad Request: not enough rights to restrict/unrestrict chat member"),
     "refused", "forbidden", None, {}),
    ("telegram", "ban_member", telegram(403, "Forbidden: bot was kicked from the supergroup chat"), "refused",
     "forbidden", None, {}),
    ("telegram", "delete_message", telegram(401, "Unauthorized"), "refused", "unauthorized", None, {}),
    ("telegram", "delete_message", telegram(429, "Too Many Requests", parameters={"retry_after": 8}), "retry",
     "rate_limited", 9, {}),
    ("discord", "mark_hidden", answer(404, {"code": 10008}), "done", "already_gone", None, {}),
    ("discord_guild", "delete_message", answer(404, {"code": 10008}), "done", "already_gone", None, {}),
    ("discord_guild", "delete_message", answer(403, {"code": 50013}), "refused", "forbidden", None, {}),
    ("discord_guild", "delete_message", answer(401, {"code": 0}), "refused", "unauthorized", None, {}),
    ("discord_guild", "ban_member", answer(404, {"code": 10013}), "refused", "not_found", None, {}),
    ("discord_guild", "unban_member", answer(404, {"code": 10026}), "done", "already_gone", None, {}),
    ("discord_guild", "delete_message", answer(429, {"retry_after": 1.5, "global": False}), "retry", "rate_limited",
     2, {}),
    ("meta", "delete_comment", meta(100, 33), "done", "already_gone", None, {}),
    ("meta", "show_comment", meta(100, 33), "refused", "not_found", None, {}),
    ("meta", "hide_comment", meta(190, status=401), "refused", "unauthorized", None, {}),
    ("meta", "hide_comment", meta(200, status=403), "refused", "forbidden", None, {}),
    ("meta", "hide_comment", meta(32), "retry", "unavailable", None, {}),
    ("meta", "hide_comment", meta(2, status=500), "retry", "unavailable", None, {}),
    ("twitch", "remove_message", answer(404, {"message": "not found"}), "done", "already_gone", None, HELD),
    ("twitch", "allow_message", answer(404, {"message": "not found"}), "refused", "expired", None, HELD),
    ("twitch", "remove_message", answer(404, {"message": "not found"}), "done", "already_gone", None, {}),
    ("twitch", "ban_user", answer(400, {"message": "The user specified in the user_id field is already banned."}),
     "done", "already_gone", None, {}),
    ("twitch", "ban_user", answer(400, {"message": "The user specified in the user_id field may not be banned."}),
     "refused", "is_moderator", None, {}),
    ("twitch", "ban_user", answer(403, {"message": "x"}), "refused", "forbidden", None, {}),
    ("twitch", "ban_user", answer(409, {"message": "x"}), "retry", "unavailable", None, {}),
    ("mastodon", "suspend_account", answer(403, {"error": "This action is not allowed"}), "refused", "forbidden",
     None, {}),
    ("mastodon", "suspend_account", answer(404, {"error": "Record not found"}), "refused", "not_found", None, {}),
    ("mastodon", "suspend_account", answer(422, {"error": "x"}), "refused", "rejected", None, {}),
    ("x", "hide_reply", answer(403, {"title": "Forbidden"}), "refused", "not_own_conversation", None, {}),
    ("x", "hide_reply", answer(404, {}), "done", "already_gone", None, {}),
    ("x", "hide_reply", answer(429, {}, x_rate_limit_reset=str(int(NOW.timestamp()) + 600)), "retry", "rate_limited",
     601, {}),
    ("youtube", "reject_comment", google(404, "commentNotFound"), "done", "already_gone", None, {}),
    ("youtube", "publish_comment", google(404, "commentNotFound"), "refused", "not_found", None, {}),
    ("youtube", "reject_comment", google(403, "forbidden"), "refused", "forbidden", None, {}),
    ("youtube", "reject_comment", google(403, "quotaExceeded"), "retry", "rate_limited", 3_600, {}),
    ("youtube", "reject_comment", google(400, "operationNotSupported"), "refused", "rejected", None, {}),
    ("reddit", "remove_thing", answer(404, {}), "done", "already_gone", None, {}),
    ("reddit", "remove_thing", answer(403, {"message": "Forbidden"}), "refused", "forbidden", None, {}),
    ("reddit", "remove_thing", answer(429, {}), "retry", "rate_limited", None, {}),
    ("discourse", "recover_post", answer(404, {}), "refused", "not_found", None, {}),
    ("discourse", "suspend_user", answer(409, {"message": "already suspended"}), "done", "already_gone", None, {}),
    ("discourse", "suspend_user", answer(403, {}), "refused", "is_moderator", None, {}),
    ("discourse", "delete_post", answer(401, {}), "refused", "unauthorized", None, {}),
]  # fmt: skip


@pytest.mark.parametrize(("platform", "operation", "reply", "state", "reason", "after_s", "subject"), ANSWERS)
def test_an_answer_means_what_the_platform_documents(platform, operation, reply, state, reason, after_s, subject):
    outcome, _ = play(platform, operation, reply, **subject)
    assert (outcome.state, outcome.reason, outcome.after_s) == (state, reason, after_s)


@pytest.mark.parametrize("platform", sorted(ACTORS))
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_fault_of_the_platform_is_tried_again(platform, status):
    for name in ACTORS[platform].operations:
        order = until() if name == "time_out_member" else None
        assert play(platform, name, answer(status), order=order)[0].state == "retry"


@pytest.mark.parametrize("platform", sorted(ACTORS))
def test_an_answer_that_can_not_be_read_never_breaks(platform):
    for name in ACTORS[platform].operations:
        order = until() if name == "time_out_member" else None
        for document in (None, [], "x", 5, {"error": []}, {"ok": "yes"}, {"parameters": 1, "errors": {}}):
            for status in (200, 204, 301, 400, 404, 418, 429):
                assert play(platform, name, answer(status, document), order=order)[0].state in {
                    "done",
                    "refused",
                    "retry",
                }


def test_a_review_that_moved_on_is_looked_at_again_and_one_claimed_by_another_is_not():
    flagged = answer(200, {"reviewable_id": 31})
    review = answer(200, {"reviewable": {"id": 31, "version": 1}, "actions": [{"id": "delete_and_agree"}]})
    assert play("discourse", "delete_post", flagged, review, answer(409, {}))[0].state == "retry"
    outcome, _ = play("discourse", "delete_post", flagged, review, answer(422, {"errors": ["You must claim"]}))
    assert (outcome.state, outcome.reason) == ("refused", "claimed_by_another")


def test_a_queued_post_that_was_answered_by_somebody_else_needs_nothing():
    rejected = answer(200, {"reviewable": {"id": 31, "version": 4, "status": 2}, "actions": []})
    outcome, asked = play("discourse", "delete_post", rejected, external_id="reviewable:31")
    assert (outcome.state, outcome.reason, len(asked)) == ("done", "already_gone", 1)


@pytest.mark.parametrize(
    ("platform", "operation", "reason", "more"),
    [
        ("telegram", "delete_message", "too_old", {"created_at": NOW - timedelta(hours=48)}),
        ("discord_guild", "time_out_member", "too_long", {"order": until(NOW + timedelta(days=29))}),
        ("discord_guild", "time_out_member", "too_long", {}),
        ("twitch", "ban_user", "too_long", {"order": until(NOW + timedelta(seconds=1_209_601))}),
        ("reddit", "ban_user", "too_long", {"order": until(NOW + timedelta(days=1_000))}),
        ("reddit", "ban_user", "no_author", {"author_name": None}),
        ("mastodon", "suspend_account", "no_author", {"author": None}),
        ("meta", "hide_comment", "no_token", {"metadata": {"account": "5"}}),
        ("discourse", "suspend_user", "ended", {"order": until(NOW)}),
        ("slack", "sing", "no_operation", {}),
        ("slack", "delete_message", "unauthorized", {"credentials": {"word": "x"}}),
    ],
)
def test_what_can_not_be_is_refused_without_a_call(platform, operation, reason, more):
    outcome, asked = play(platform, operation, **more)
    assert (outcome.state, outcome.reason, asked) == ("refused", reason, [])


@pytest.mark.parametrize("platform", sorted(ACTORS))
def test_every_platform_is_whole(platform):
    actor = ACTORS[platform]
    for operation in actor.operations.values():
        assert operation.undo is None or actor.operations[operation.undo].target == operation.target
    for (_, target), name in actor.defaults.items():
        assert actor.operations[name].target == target
    assert actor.credentials.model_validate(CREDENTIALS[platform])
    assert platform in SUBJECTS
    assert set(actor.credentials.shown) <= {"url", "username", "guild_id", "client_id", "moderator_id"}


def test_every_reason_is_said_in_both_languages():
    assert all(message.template in FRENCH for message in REASONS.values())
