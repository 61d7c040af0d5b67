"""Every platform over a real wire: a decision becomes the call it documents, and wrong proofs and ids are told."""

import pytest

from tests.api.ingest.platforms import SETTINGS
from tests.support.acting import HIDE, REMOVE, set_stage
from tests.support.platforms import OAUTH, SECRET, Tokens, answer, open_site

BOT = "123456:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
META = {"metadata": {"account": "448242228374517", "network": "facebook"}}
DELETED = {"slack": (200, {"ok": True}), "telegram": (200, {"ok": True, "result": True})}

# kind of source, credentials, the item, the action decided, the call expected
WIRES = {
    "discourse": ("discourse", {"url": "https://forum.example", "api_key": SECRET}, {"external_id": "7"}, REMOVE,
                  "DELETE forum.example/posts/7.json"),
    "slack": ("slack", {"token": SECRET}, {"external_id": "T1:C1:1355517523.000005"}, REMOVE,
              "POST slack.com/api/chat.delete"),
    "telegram": ("telegram", {"bot_token": BOT}, {"external_id": "-1001:7"}, REMOVE,
                 f"POST api.telegram.org/bot{BOT}/deleteMessage"),
    "discord": ("discord", {"bot_token": SECRET}, {"external_id": "7", "context": {"channel": "9"}}, HIDE,
                "PUT discord.com/api/v10/lobbies/9/messages/7/moderation-metadata"),
    "discord_guild": ("standard", {"bot_token": SECRET, "guild_id": "5"},
                      {"external_id": "7", "context": {"channel": "9"}}, REMOVE,
                      "DELETE discord.com/api/v10/channels/9/messages/7"),
    "meta": ("meta", {"tokens": {"448242228374517": SECRET}}, {"external_id": "1_7"} | META, HIDE,
             "POST graph.facebook.com/v23.0/1_7"),
    "twitch": ("twitch", OAUTH | {"moderator_id": "99"}, {"external_id": "7", "context": {"channel": "9"}}, REMOVE,
               "DELETE api.twitch.tv/helix/moderation/chat"),
    "mastodon": ("mastodon", {"url": "https://social.example", "access_token": SECRET},
                 {"external_id": "7", "author": {"external_id": "42"}}, {"code": "ban", "target": "author"},
                 "POST social.example/api/v1/admin/accounts/42/action"),
    "x": ("x", OAUTH, {"external_id": "7"}, HIDE, "PUT api.x.com/2/tweets/7/hidden"),
    "youtube": ("youtube", OAUTH, {"external_id": "7"}, REMOVE,
                "POST www.googleapis.com/youtube/v3/comments/setModerationStatus"),
    "reddit": ("reddit", OAUTH, {"external_id": "t1_7"}, REMOVE, "POST oauth.reddit.com/api/remove"),
}  # fmt: skip
TOKENS = {
    "twitch": ("id.twitch.tv/oauth2/token", False),
    "x": ("api.x.com/2/oauth2/token", True),
    "youtube": ("oauth2.googleapis.com/token", False),
    "reddit": ("www.reddit.com/api/v1/access_token", True),
}


class Platform:
    """Answers who bears the proof, about the one thing there is."""

    def __init__(self, name, call):
        place, basic = TOKENS.get(name, ("", False))
        self.name, self.call, self.tokens = name, call, Tokens(place, basic)

    def __call__(self, asked):
        if asked.line == f"POST {self.tokens.path}":
            return self.tokens.handle(asked)
        if not self.is_proven(asked):
            return answer(200, {"ok": False, "error": "invalid_auth"}) if self.name == "slack" else answer(401, {})
        if asked.line == "GET forum.example/posts/7.json":
            return answer(200, {"id": 7, "reviewable_id": None})
        status, document = DELETED.get(self.name, (200, {}))
        return answer(status, document) if asked.line == self.call else answer(404, {})

    def is_proven(self, asked):
        if self.name == "telegram":
            return f"/bot{BOT}/" in asked.path
        if self.name == "discourse":
            return asked.headers.get("api-key") == SECRET
        proof = self.tokens.live if self.tokens.path else f"{'Bot' if 'discord' in self.name else 'Bearer'} {SECRET}"
        return asked.headers.get("authorization") == proof


async def open_stage(world, name):
    kind, credentials, item, action, call = WIRES[name]
    settings = {} if kind in {"standard", "reddit", "youtube"} else SETTINGS[kind]
    stage = await set_stage(world, kind, settings)
    body = {"code": "ban", "title": "Ban", "verdict": "remove", "targets": ["author"]}
    await stage.desk.agency.owner.call("POST", f"{stage.client.base}/actions", body, 201)
    named = {"platform": name} if kind == "standard" else {}
    return stage, credentials, item, action, call, named


@pytest.mark.parametrize("name", sorted(WIRES))
async def test_a_decision_becomes_the_call_that_the_platform_documents(world, name):
    stage, credentials, item, action, call, named = await open_stage(world, name)
    platform = Platform(name, call)
    async with open_site(world, platform) as site:
        await stage.configure(credentials, **named)
        await stage.decide("remove" if action != HIDE else "restrict", action, **item)
        await stage.work()
        assert [state for _, state, _ in await stage.acted()] == ["done"]
        assert site.lines[-1] == call
    assert platform.tokens.given == (1 if name in TOKENS else 0)
    rows = [dict(row) for row in await stage.desk.fetch("SELECT * FROM source_actors WHERE agency_id = $1")]
    assert SECRET not in str(rows)
    assert BOT not in str(rows)


def spoil(credentials):
    """Another secret in each place where one is."""
    for field in ("api_key", "token", "bot_token", "access_token", "client_secret", "refresh_token"):
        if field in credentials:
            yield credentials | {field: credentials[field][:-1] + "x"}
    if "tokens" in credentials:
        yield credentials | {"tokens": {"448242228374517": "another-token"}}


@pytest.mark.parametrize("name", sorted(WIRES))
async def test_a_wrong_proof_is_a_refusal_and_a_thing_that_is_gone_is_done(world, name):
    """What is gone is tried where a thing has an address of its own."""
    stage, credentials, item, action, call, named = await open_stage(world, name)
    verdict = "remove" if action != HIDE else "restrict"
    async with open_site(world, Platform(name, call)) as site:
        for number, wrong in enumerate(spoil(credentials)):
            await stage.configure(wrong, **named)
            made = await stage.decide(verdict, action, **item | {"external_id": f"{item['external_id']}{number}"})
            await stage.work()
            [(_, state, reason)] = await stage.acted(f"?decision={made['id']}")
            assert (state, reason) == ("refused", "unauthorized"), wrong
        if name not in {"discord", "discord_guild", "meta", "x"}:
            return
        await stage.configure(credentials, **named)
        made = await stage.decide(verdict, action, **item | {"external_id": "999"})
        await stage.work()
        [(_, state, reason)] = await stage.acted(f"?decision={made['id']}")
        assert (state, reason) == ("done", "already_gone")
        assert "999" in site.lines[-1]
