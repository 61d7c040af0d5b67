"""Everything of one author goes, wherever it was written down; what a hold keeps stays, and is counted."""

import asyncio
from urllib.parse import quote

import pytest
from redis.asyncio import Redis

from tests.domain.custody.canary import find_canary
from tests.support.desk import ASK_RULES, Desk, open_desk, slug
from tests.support.people import Json, unique
from veilleur.domain.custody import advance_erasure
from veilleur.domain.custody.advance_erasure import advance_author
from veilleur.domain.custody.models import Erasure
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains


async def erase(desk: Desk, author: str, query: str = "") -> str:
    answer = await desk.client.api.call("DELETE", f"/ingest/v1/authors/{author}{query}", status=202)
    identifier: str = answer["erasure_id"]
    return identifier


async def work(desk: Desk) -> None:
    """The worker's part, in the order it would come to it."""
    drains = Drains(desk.world.worker)
    for kind in ("screening", "erasure", "screening", "erasure"):
        assert await drains.run(kind, desk.agency_id)


async def receipt(desk: Desk, erasure_id: str) -> Json:
    return await desk.client.api.call("GET", f"/ingest/v1/erasures/{erasure_id}", status=200)


@pytest.fixture
async def desk(world):
    return await open_desk(world, ASK_RULES)


async def live_a_life(desk: Desk, canary: str) -> dict[str, str]:
    """An author with something in every place that could tell of them; ids of their items, by what they are."""
    client, world = desk.client, desk.world
    await client.add_endpoint("http://127.0.0.1:9/hook")
    me: Json = {"author": {"external_id": f"u-{canary}", "display_name": f"Jean {canary}"}}
    context: Json = {"context": {"thread_id": f"t-{canary}", "title": canary}}
    decided = await client.accept(f"doubtful {canary}", external_id="c_decided", **me, **context)
    await world.drain()
    [held] = await desk.moderator.take()
    for pin in ("case", "author"):
        assert (await desk.moderator.note(held, f"note {canary}", pin)).status_code == 201
    said = {"policies": ["spam"], "explanation": f"why {canary}", "note": f"inside {canary}"}
    actions = [{"code": "warn", "target": "author", "text": f"stop {canary}"}]
    made = await desk.moderator.decide(held, "restrict", actions=actions, **said)
    assert made.status_code == 201, made.text
    asked = await client.accept(f"doubtful asked {canary}", external_id="c_asked", **me)
    await world.drain()
    [held] = await desk.moderator.take()
    assert (await desk.moderator.move(held, "ask", question=f"about {canary}?")).status_code == 201
    edited = await client.accept(f"first {canary}", external_id=f"profile:u-{canary}", **me)
    edit = {"external_id": f"profile:u-{canary}", "text": f"second {canary}"} | me
    assert (await client.send(edit, "item.updated")).status_code == 202
    other = await client.accept("bad words of somebody else", external_id="c_other", author={"external_id": "u_other"})
    mine: Json = {"source": "user", "reason": "insult", "detail": canary, "reporter": {"external_id": f"u-{canary}"}}
    about: Json = {
        "source": "user",
        "reason": "insult",
        "detail": f"{canary} is rude",
        "reporter": {"external_id": "u_o"},
    }
    for external_id, report in (("c_other", mine), ("c_decided", about)):
        assert (await client.send({"external_id": external_id, "report": report}, "item.reported")).status_code == 202
    parent: Json = {"external_id": "c_decided", "text": f"doubtful {canary}", "author": {"external_id": f"u-{canary}"}}
    answer = await client.accept("bad answer", external_id="c_answer", context={"parent": parent, "title": "kept"})
    await world.drain()
    return {"decided": decided["id"], "asked": asked["id"], "edited": edited["id"], "other": other["id"],
            "answer": answer["id"]}  # fmt: skip


async def test_nothing_that_names_or_quotes_the_author_is_left_in_any_table(desk):
    canary = unique("canary")
    ids = await live_a_life(desk, canary)
    before = await find_canary(desk.world, canary)
    assert {"items.body", "items.external_id", "items.author_external_id", "decisions.explanation", "decisions.actions",
            "decisions.author_external_id", "events.body", "item_revisions.body", "notes.text", "questions.question",
            "reports.detail", "reports.reporter_external_id", "notes.author_external_id"} <= set(before)  # fmt: skip
    usage = await desk.count("usage_records")
    erasure_id = await erase(desk, f"u-{canary}")
    await work(desk)
    done = await receipt(desk, erasure_id)
    assert (done["state"], done["kept"]) == ("finished", [])
    assert await find_canary(desk.world, canary) == {}
    erased = done["erased"]
    expected = {"items": 3, "notes": 2, "questions": 1, "reports_made": 1, "contexts": 1, "reports": 1, "revisions": 1}
    assert {kind: erased[kind] for kind in expected} == expected
    assert canary not in str(done)
    assert await desk.count("usage_records") >= usage
    for kind in ("decided", "asked", "edited"):
        answer = await desk.client.api.ask("GET", f"/ingest/v1/items/{ids[kind]}")
        assert (answer.status_code, slug(answer)) == (410, "erased")
    look = f"/ingest/v1/items?source={desk.client.source['id']}&external_id="
    for external_id in ("c_decided", f"profile:u-{canary}"):
        assert slug(await desk.client.api.ask("GET", look + external_id)) == "erased"
    assert (await desk.client.look(ids["other"]))["state"] == "decided"


async def test_the_answers_of_others_lose_what_they_quote_and_nothing_else(desk):
    canary = unique("canary")
    ids = await live_a_life(desk, canary)
    await erase(desk, f"u-{canary}")
    await work(desk)
    [row] = await desk.fetch("SELECT body, digest FROM items WHERE agency_id = $1 AND external_id = 'c_answer'")
    assert '"title": "kept"' in row["body"]
    assert "parent" not in row["body"]
    assert (await desk.client.look(ids["answer"]))["decision"]["verdict"] == "remove"


async def test_a_straggler_does_not_bring_an_erased_item_back(desk):
    item = {"external_id": "c_1", "text": "doubtful", "author": {"external_id": "u_1"}}
    assert (await desk.client.send(item)).status_code == 202
    await desk.world.drain()
    await erase(desk, "u_1")
    await work(desk)
    for again in (item, item | {"revision": 9, "text": "once more"}):
        answer = await desk.client.send(again, "item.updated")
        assert answer.json()["items"][0]["status"] == "superseded"
    [row] = await desk.fetch("SELECT body FROM items WHERE agency_id = $1")
    assert row["body"] == "{}"


async def test_asking_again_meanwhile_is_the_same_erasure_and_later_a_new_one_that_finds_what_came_since(desk):
    author = {"author": {"external_id": "u_1"}}
    await desk.client.accept(external_id="c_1", **author)
    first = await erase(desk, "u_1")
    assert await erase(desk, "u_1") == first
    await work(desk)
    await desk.client.accept(external_id="c_2", **author)
    second = await erase(desk, "u_1")
    assert second != first
    await work(desk)
    assert (await receipt(desk, first))["erased"]["items"] == (await receipt(desk, second))["erased"]["items"] == 1
    assert (await receipt(desk, first))["subject"] == (await receipt(desk, second))["subject"]


async def test_a_source_may_be_named_and_then_only_what_came_from_there_goes(desk):
    body = {"kind": "standard", "name": "second"}
    other = await desk.agency.owner.call("POST", f"{desk.client.base}/sources", body, 201)
    for source in (desk.client.source["id"], other["id"]):
        item = {"external_id": "c_1", "text": "hello", "author": {"external_id": "u_1"}}
        await desk.client.api.call("POST", "/ingest/v1/items", {"source": source, "items": [item]}, 202)
    await desk.world.drain()
    await erase(desk, "u_1", f"?source={other['id']}")
    await work(desk)
    left = await desk.client.api.call("GET", "/ingest/v1/authors/u_1", status=200)
    assert [one["source_id"] for one in left["data"]] == [desk.client.source["id"]]


async def test_a_legal_hold_keeps_its_item_whole_and_the_erasure_goes_on_when_it_is_lifted(desk):
    canary = unique("canary")
    author = {"author": {"external_id": f"u-{canary}"}}
    held_item = await desk.client.accept(f"doubtful {canary}", **author)
    await desk.world.drain()
    [held] = await desk.moderator.take()
    found = {"fence": held["fence"], "class": "terror"}
    path = f"/moderator/v1/assignments/{held['id']}/quarantine"
    await desk.moderator.caller.call("POST", path, found, 200)
    await desk.client.accept(f"fine {canary}", **author)
    await desk.world.drain()
    erasure_id = await erase(desk, f"u-{canary}")
    await work(desk)
    kept = await receipt(desk, erasure_id)
    assert (kept["state"], kept["finished_at"]) == ("held", None)
    assert kept["kept"] == [{"kind": "items", "count": 1, "reason": "legal_hold"}]
    assert kept["erased"]["items"] == 1
    assert (await desk.client.look(held_item["id"]))["state"] == "in_review"
    assert "items.body" in await find_canary(desk.world, canary)
    await work(desk)
    assert await desk.count("audit_entries", "action = 'erasure.advanced'") == 1
    [hold] = (await desk.agency.owner.call("GET", "/owner/v1/legal-holds"))["data"]
    await desk.agency.owner.call("POST", f"/owner/v1/legal-holds/{hold['id']}/lift", {"reason": "judge"}, 200)
    await work(desk)
    assert (await receipt(desk, erasure_id))["state"] == "finished"
    assert await find_canary(desk.world, canary) == {}


async def test_killed_between_any_two_batches_it_goes_on_where_it_was(desk, monkeypatch):
    """Every step alone, each in a fresh worker; one of them is rolled back first, as a crash would."""
    monkeypatch.setattr(advance_erasure, "BATCH", 2)
    monkeypatch.setattr(advance_erasure, "PAGE", 2)
    canary = unique("canary")
    for number in range(7):
        await desk.client.accept(f"text {number} {canary}", author={"external_id": f"u-{canary}"})
    await desk.world.drain()
    erasure_id = await erase(desk, f"u-{canary}")
    database, masters = desk.world.worker.database, desk.world.worker.sealer
    async with database.transaction(desk.scope) as session:
        [row] = (await session.execute(Erasure.__table__.select())).all()

    async def crash() -> None:
        async with database.transaction(desk.scope) as session:
            await advance_author(session, masters, desk.agency_id, row.id)
            raise asyncio.CancelledError

    progress, steps = "more", 0
    while progress != "done":
        with pytest.raises(asyncio.CancelledError):
            await crash()
        async with database.transaction(desk.scope) as session:
            progress = await advance_author(session, masters, desk.agency_id, row.id)
        steps += 1
        assert await Drains(desk.world.worker).run("screening", desk.agency_id)
    assert steps > 10
    done = await receipt(desk, erasure_id)
    assert (done["state"], done["erased"]["items"]) == ("finished", 7)
    assert await find_canary(desk.world, canary) == {}


async def test_access_shows_everything_held_and_leaves_an_entry_that_names_nobody(desk):
    canary = unique("canary")
    ids = await live_a_life(desk, canary)
    seen = await desk.client.api.call("GET", f"/ingest/v1/authors/u-{canary}?limit=2", status=200)
    rest = await desk.client.api.call("GET", f"/ingest/v1/authors/u-{canary}?after={seen['next']}", status=200)
    assert [one["id"] for one in seen["data"] + rest["data"]] == [ids["decided"], ids["asked"], ids["edited"]]
    assert seen["held"] | {"events": 0, "evaluations": 0} == {
        "items": 3, "revisions": 1, "reports_about": 1, "reports_made": 1, "decisions": 2, "evaluations": 0,
        "events": 0, "media_snapshots": 0, "cases": 3, "notes": 1,
    }  # fmt: skip
    first = seen["data"][0]
    assert first["item"]["author"]["display_name"] == f"Jean {canary}"
    assert first["decisions"][0]["reason"]["text"] == f"why {canary}"
    assert f"inside {canary}" not in str(seen)
    [entry, _] = (await desk.agency.owner.call("GET", "/owner/v1/audit?action=author.accessed"))["data"]
    assert canary not in str(entry)


@pytest.mark.parametrize(
    "author",
    ["a/b", "/a//b/", "a%2Fb", "x/../y", ".", "..", "é ü/日本", " a b ", "a?b#c&d=e", "a;b,c:d@e+f", "'\"\\", "...a.b"],
)
async def test_an_author_is_found_and_erased_whatever_their_id_is_made_of(desk, author):
    """In the path, percent-encoded, where what lies between leaves it alone; in the query always."""
    await desk.client.accept(author={"external_id": author})
    await desk.client.accept(author={"external_id": "a"})
    await desk.world.drain()
    encoded = quote(author, safe="")
    paths = [f"/ingest/v1/authors?external_id={encoded}"]
    paths += [] if author in (".", "..") else [f"/ingest/v1/authors/{encoded}"]
    for path in paths:
        seen = await desk.client.api.call("GET", path, status=200)
        assert (seen["author"], seen["held"]["items"]) == (author, 1)
    erasures = {(await desk.client.api.call("DELETE", path, status=202))["erasure_id"] for path in paths}
    [erasure_id] = erasures
    await work(desk)
    assert (await receipt(desk, erasure_id))["erased"]["items"] == 1
    assert await desk.count("items", "author_external_id IS NOT NULL") == 1


@pytest.mark.parametrize("path", ["/ingest/v1/authors", "/ingest/v1/authors/", "/ingest/v1/authors?external_id="])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_nobody_is_no_author(desk, method, path):
    answer = await desk.client.api.ask(method, path)
    assert (answer.status_code, slug(answer)) == (422, "invalid")


async def test_a_key_without_the_scope_may_neither_look_nor_erase(desk):
    body = {"kind": "api_key", "name": "weak", "scopes": ["items:read", "ingest:write"]}
    key = await desk.agency.owner.call("POST", f"{desk.client.base}/credentials", body, 201)
    headers = {"authorization": f"Bearer {key['api_key']}"}
    for method in ("GET", "DELETE"):
        answer = await desk.world.http.request(method, "/ingest/v1/authors/u_1", headers=headers)
        assert slug(answer) == "missing-scope"


async def test_what_rules_remember_of_texts_goes_with_them(desk):
    await desk.client.accept("bad words", author={"external_id": "u_1"})
    await desk.world.drain()
    assert await desk.count("evaluations") == await desk.count("near_dup_keys") == 1
    await erase(desk, "u_1")
    await work(desk)
    assert await desk.count("evaluations") == await desk.count("near_dup_keys") == 0


async def test_the_counters_know_nothing_of_the_author_any_more(world):
    """Those that count by author, and those that count authors."""
    rules = ASK_RULES | {
        "counters": {
            "posts": {"key": ["author.external_id"], "window": "1h"},
            "voices": {"key": ["item.kind"], "window": "1h", "distinct": "author.external_id"},
        },
        "rules": [
            *ASK_RULES["rules"],
            {
                "id": "flood",
                "title": "Too many",
                "mode": "live",
                "severity": 30,
                "when": {"any": ["counter('posts') > 50", "counter('voices') > 50"]},
                "then": {"escalate": {"queue": "default"}, "policies": ["spam"]},
            },
        ],
    }
    desk = await open_desk(world, rules)
    redis = Redis.from_url(world.worker_settings.redis_url.get_secret_value())
    pattern = f"veilleur:counters:group:{read_id('cli', desk.client.id).hex}:*"

    async def read() -> list[int]:
        return sorted([await redis.zcard(key) async for key in redis.scan_iter(match=pattern)])

    for author in ("u_1", "u_1", "u_2"):
        await desk.client.accept(author={"external_id": author})
    await desk.world.drain()
    assert await read() == [1, 2, 2]
    await erase(desk, "u_1")
    await work(desk)
    assert await read() == [1, 1]
    await redis.aclose()
