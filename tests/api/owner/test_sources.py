"""Sources of every kind as their owner makes them: settings, what is shown once, how to set the platform up."""

import json
from typing import get_args

import pytest

from tests.api.ingest.platforms import MAPPING, SETTINGS, WORD, open_platform
from tests.api.refusals import read_pointers
from veilleur.domain.intake.sources.registry import PLATFORMS
from veilleur_api.owner.documents import SourceIn

MADE_UP = {
    "telegram": {}, "discourse": {}, "twitch": {}, "standard": {}, "meta": {"app_secret": WORD, "accounts": ["1"]},
    "generic": {"mapping": MAPPING, "sample": {"id": 5, "body": "x"}},
}  # fmt: skip


def test_the_contract_names_every_kind():
    assert set(get_args(SourceIn.model_fields["kind"].annotation)) == PLATFORMS.keys()


@pytest.mark.parametrize("kind", sorted(SETTINGS))
async def test_a_source_of_every_kind_is_explained_in_the_callers_language(world, client, kind):
    body = {"kind": kind, "name": "s", "settings": SETTINGS[kind]}
    made = await client.owner.call("POST", f"{client.base}/sources", body, 201, accept_language="fr")
    english = await client.owner.call("POST", f"{client.base}/sources", body | {"name": "t"}, 201)
    assert made["secret"] == SETTINGS[kind][PLATFORMS[kind].proven_by]
    assert len(made["setup"]) == len(english["setup"]) >= 2
    assert any(made["url"] in step for step in made["setup"])
    assert all(french != step for french, step in zip(made["setup"], english["setup"], strict=True))


@pytest.mark.parametrize("kind", sorted(MADE_UP))
async def test_what_the_platform_takes_from_us_is_made_up_and_shown_once(world, client, kind):
    body = {"kind": kind, "name": "s", "settings": MADE_UP[kind]}
    made = await client.owner.call("POST", f"{client.base}/sources", body, 201)
    again = await client.owner.call("POST", f"{client.base}/sources", body | {"name": "t"}, 201)
    secrets = [made["secret"], *filter(None, [made["settings"].get("verify_token")])]
    assert all(len(secret) >= 16 for secret in secrets)
    assert kind == "meta" or made["secret"] != again["secret"]
    for path in (f"{client.base}/sources", f"{client.base}/sources?limit=1"):
        listed = json.dumps(await client.owner.call("GET", path))
        assert not any(secret in listed for secret in secrets)
    changed = await client.owner.call("PATCH", f"{client.base}/sources/{made['id']}", {"name": "u"})
    assert not any(secret in json.dumps(changed) for secret in secrets)
    for table in ("source_secrets", "audit_entries", "sources"):
        rows = str([dict(row) for row in await world.fetch(f"SELECT * FROM {table}")])
        assert made["secret"] not in rows


@pytest.mark.parametrize(
    ("kind", "settings", "pointers"),
    [
        ("slack", None, ["/settings/signing_secret"]),
        ("telegram", {"secret_token": "with spaces in it, no"}, ["/settings/secret_token"]),
        ("discourse", {"private_messages": "yes", "secret": None, "x": 1}, ["/settings/private_messages", "/settings/x"]),
        ("meta", {"accounts": []}, ["/settings/app_secret", "/settings/accounts"]),
        ("generic", {}, ["/settings/mapping", "/settings/sample"]),
        (
            "generic", {"mapping": {"fields": {"external_id": "$..id", "colour": "$.x"}}, "sample": {}},
            ["/settings/mapping/fields/external_id", "/settings/mapping/fields/colour"],
        ),
        ("generic", {"mapping": MAPPING, "sample": {"id": 5}}, ["/settings/mapping/fields"]),
        ("generic", {"mapping": MAPPING, "sample": {"id": True, "body": 7}},
         ["/settings/mapping/fields/external_id", "/settings/mapping/fields/text"]),
        ("generic", {"mapping": MAPPING | {"items": "$.none[*]"}, "sample": {}}, ["/settings/sample"]),
    ],
)  # fmt: skip
async def test_settings_of_another_shape_get_422_with_every_mistake(shared_client, kind, settings, pointers):
    body = {"kind": kind, "name": "x", "settings": settings}
    answer = await shared_client.owner.ask("POST", f"{shared_client.base}/sources", body)
    assert sorted(read_pointers(answer, 422, "invalid")) == sorted(pointers)
    assert (await shared_client.owner.call("GET", f"{shared_client.base}/sources"))["data"][1:] == []


async def test_an_unknown_setting_is_answered_with_the_known_ones(shared_client):
    body = {"kind": "telegram", "name": "x", "settings": {"token": "x"}}
    problem = (await shared_client.owner.ask("POST", f"{shared_client.base}/sources", body)).json()
    [error] = problem["errors"]
    assert (error["pointer"], "secret_token, private_messages" in error["hint"]) == ("/settings/token", True)


async def test_settings_are_amended_but_for_the_secret(world, monkeypatch):
    platform = await open_platform(world, "discourse", monkeypatch)
    path = f"{platform.desk.client.base}/sources/{platform.source['id']}"
    owner = platform.desk.agency.owner
    private = {"post": platform.sample["post"] | {"topic_archetype": "private_message"}}
    await platform.take(private)
    assert await platform.list_items() == []
    changed = await owner.call("PATCH", path, {"settings": {"private_messages": True}}, 200)
    assert changed["settings"] == {"private_messages": True}
    world.parts.lookups.forget()
    await platform.take(private | {"again": 1})
    assert len(await platform.list_items()) == 1
    for settings, pointer in (
        ({"secret": WORD}, "/settings/secret"),
        ({"private_messages": 1}, "/settings/private_messages"),
    ):
        assert read_pointers(await owner.ask("PATCH", path, {"settings": settings}), 422, "invalid") == [pointer]


@pytest.mark.parametrize("kind", ["telegram", "slack", "discord"])
async def test_a_rotated_secret_holds_beside_the_old_one(world, monkeypatch, kind):
    platform = await open_platform(world, kind, monkeypatch)
    path = f"{platform.desk.client.base}/sources/{platform.source['id']}/secrets"
    owner, given = platform.desk.agency.owner, None if kind == "telegram" else "0f" * 32
    fresh = await owner.call("POST", path, {"secret": given, "overlap_s": 60}, 201)
    assert given in (None, fresh["secret"])
    world.parts.lookups.forget()
    await platform.take(platform.sample)
    await owner.call("POST", path, {"secret": given, "overlap_s": 0}, 201)
    world.parts.lookups.forget()
    assert (await platform.send(platform.sample)).status_code == 401
    if kind != "telegram":
        assert read_pointers(await owner.ask("POST", path, {}), 422, "invalid") == ["/secret"]
    assert read_pointers(await owner.ask("POST", path, {"secret": "x"}), 422, "invalid") == ["/secret"]
