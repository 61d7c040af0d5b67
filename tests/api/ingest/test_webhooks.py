"""A source's own webhook: who is refused, in which order, with which words, and that nothing of it is stored."""

import asyncio
import gzip
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.api.refusals import NOTHING, count_stored, read_pointers, read_problem, receipts_of
from tests.support.people import Agency, Client, unique
from tests.support.world import BASE_URL, World
from veilleur.infra.security.standard_webhooks import sign_webhook
from veilleur.kernel.ids import new_id, read_id, show_id
from veilleur_api.app import create_app
from veilleur_api.parts import build_parts

MIB = 1024 * 1024
ITEM = {"external_id": "c_1", "text": "Bonjour"}


def event(data: Any = None, **fields: Any) -> bytes:
    return json.dumps({"type": "item.created", "data": ITEM if data is None else data} | fields).encode()


def in_text(escape: str) -> bytes:
    return b'{"type": "item.created", "data": {"external_id": "c_1", "text": "%s"}}' % escape.encode()


def in_metadata(value: str) -> bytes:
    body = '{"type": "item.created", "data": {"external_id": "c_1", "text": "x", "metadata": {"n": %s}}}'
    return (body % value).encode()


UNREADABLE = {
    "no body": (b"", ""),
    "blank": (b" \n", ""),
    "not JSON": (b"hello", ""),
    "cut off": (event()[:-1], ""),
    "two documents": (event() * 2, ""),
    "a form": (b"type=item.created", ""),
    "not UTF-8": (in_text("x").replace(b"x", b"\xff"), ""),
    "byte order mark": (b"\xef\xbb\xbf" + event(), ""),
    "UTF-16": (event().decode().encode("utf-16"), ""),
    "a key twice": (b'{"type": "item.created", "type": "item.created", "data": {}}', "/type"),
    "a key twice, spelled twice": (b'{"type": "item.created", "data": {"text": "a", "\\u0074ext": "b"}}', "/data/text"),
    "NaN": (in_metadata("NaN"), "/data/metadata/n"),
    "Infinity": (in_metadata("-Infinity"), "/data/metadata/n"),
    "a number that overflows": (in_metadata("1e999"), "/data/metadata/n"),
    "5,000 digits": (in_metadata("9" * 5_000), "/data/metadata/n"),
    "5,000 digits and a fraction": (in_metadata("9" * 5_000 + ".5"), "/data/metadata/n"),
    "above 2^53": (in_metadata(str(2**53 + 1)), "/data/metadata/n"),
    "below -2^53": (in_metadata(str(-(2**53) - 1)), "/data/metadata/n"),
    "a fraction above 2^53": (in_metadata("9007199254740994.0"), "/data/metadata/n"),
    "NUL as an escape": (in_text("a\\u0000b"), "/data/text"),
    "NUL as it is": (in_text("a\0b"), ""),
    "NUL in a key": (b'{"type": "item.created", "data": {"a\\u0000": 1}}', "/data"),
    "a high surrogate alone": (in_text("\\ud83d"), "/data/text"),
    "a low surrogate alone": (in_text("\\ude00"), "/data/text"),
    "surrogates the wrong way round": (in_text("\\ude00\\ud83d"), "/data/text"),
    "a surrogate in UTF-8": (in_text("x").replace(b"x", b"\xed\xa0\xbd"), ""),
    "33 levels": (b'{"type": "item.created", "data": ' + b"[" * 32 + b"]" * 32 + b"}", ""),
    "a bomb of arrays": (b"[" * 500_000, ""),
    "a bomb of objects": (b'{"a":' * 150_000, ""),
    "a bomb of entries": (b"[" + b"0," * 300_000 + b"0]", ""),
}


@pytest.mark.parametrize("case", UNREADABLE)
async def test_unreadable_json_gets_400_with_a_pointer(world: World, shared_client: Client, case: str):
    raw, pointer = UNREADABLE[case]
    answer = await shared_client.post(raw)
    assert read_pointers(answer, 400, "malformed-json") == [pointer]
    assert await count_stored(world, shared_client) == NOTHING


async def test_syntax_errors_name_line_and_column(shared_client: Client):
    [error] = read_problem(await shared_client.post(b'{"type":\n  oops}'), 400, "malformed-json")["errors"]
    assert (error["line"], error["column"]) == (2, 3)


async def test_all_unreadable_values_are_told_at_once(shared_client: Client):
    raw = b'{"type": "\\u0000", "data": {"text": "\\ud800", "revision": NaN, "a": 1, "a": 2}}'
    pointers = read_pointers(await shared_client.post(raw), 400, "malformed-json")
    assert pointers == ["/type", "/data/text", "/data/revision", "/data/a"]


@pytest.mark.parametrize("value", [str(2**53), str(-(2**53)), "1e-999", '"\\ud83d\\ude00"', '"\\\\u0000"', '"\\uffff"'])
async def test_what_stands_just_inside_the_limits_is_accepted(client: Client, value: str):
    answer = await client.post(in_metadata(value))
    assert receipts_of(answer) == [("accepted", 1)]


MISTAKEN: dict[str, tuple[Any, list[str]]] = {
    "an array": ([], [""]),
    "a string": ("item", [""]),
    "null": (None, [""]),
    "nothing": ({}, ["/type", "/data"]),
    "an unknown event": ({"type": "item.liked", "data": ITEM}, ["/type"]),
    "an unknown field outside": ({"type": "item.created", "data": ITEM, "id": 1}, ["/id"]),
    "a timestamp without zone": (
        {"type": "item.created", "data": ITEM, "timestamp": "2026-11-22T10:00:00"},
        ["/timestamp"],
    ),
    "a numeric timestamp": ({"type": "item.created", "data": ITEM, "timestamp": 1_795_341_600}, ["/timestamp"]),
    "data of another type": ({"type": "item.created", "data": [ITEM]}, ["/data"]),
}


@pytest.mark.parametrize("case", MISTAKEN)
async def test_an_envelope_of_another_shape_gets_422(world: World, shared_client: Client, case: str):
    payload, pointers = MISTAKEN[case]
    answer = await shared_client.post(json.dumps(payload).encode())
    assert read_pointers(answer, 422, "invalid") == pointers
    assert await count_stored(world, shared_client) == NOTHING


ITEM_MISTAKES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no content": ({"text": None}, [""]),
    "an empty text": ({"text": ""}, [""]),
    "an empty id": ({"external_id": ""}, ["/external_id"]),
    "a long id": ({"external_id": "x" * 257}, ["/external_id"]),
    "an id that is a number": ({"external_id": 7}, ["/external_id"]),
    "a long text": ({"text": "é" * 50_001}, ["/text"]),
    "a text that is a list": ({"text": ["x"]}, ["/text"]),
    "revision 0": ({"revision": 0}, ["/revision"]),
    "a revision beyond 32 bits": ({"revision": 2**31}, ["/revision"]),
    "revision true": ({"revision": True}, ["/revision"]),
    "revision as a string": ({"revision": "1"}, ["/revision"]),
    "revision 1.5": ({"revision": 1.5}, ["/revision"]),
    "an unknown kind": ({"kind": "tweet"}, ["/kind"]),
    "no language": ({"language": "français"}, ["/language"]),
    "a day that is none": ({"created_at": "2026-02-30T10:00:00Z"}, ["/created_at"]),
    "an hour without zone": ({"created_at": "2026-11-22T10:00:00"}, ["/created_at"]),
    "unknown fields": ({"content": "x", "a/b": 1, "c~d": 1}, ["/content", "/a~1b", "/c~0d"]),
    "an author without id": ({"author": {"display_name": "Jean"}}, ["/author/external_id"]),
    "an author with an unknown field": ({"author": {"external_id": "u", "email": "x"}}, ["/author/email"]),
    "a parent of another shape": ({"context": {"parent": {"text": 1}}}, ["/context/parent/external_id", "/context/parent/text"]),
    "an unknown kind of media": ({"media": [{"url": "https://x", "type": "gif"}]}, ["/media/0/type"]),
    "51 media": ({"media": [{"url": "https://x"}] * 51}, ["/media"]),
    "a digest that is none": ({"media": [{"url": "https://x", "sha256": "abc"}]}, ["/media/0/sha256"]),
    "metadata that nests": ({"metadata": {"a": {"b": 1}, "c": [1]}}, ["/metadata/a", "/metadata/c"]),
    "51 metadata": ({"metadata": {str(n): n for n in range(51)}}, ["/metadata"]),
    "mistakes everywhere": (
        {"external_id": 1, "kind": "x", "author": {"external_id": 2}, "media": [{}], "zz": 0},
        ["/external_id", "/kind", "/author/external_id", "/media/0/url", "/zz"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ITEM_MISTAKES)
async def test_an_item_of_another_shape_gets_422_with_every_pointer(world: World, shared_client: Client, case: str):
    changes, pointers = ITEM_MISTAKES[case]
    answer = await shared_client.send(ITEM | changes)
    assert read_pointers(answer, 422, "invalid") == [f"/data{pointer}" for pointer in pointers]
    assert await count_stored(world, shared_client) == NOTHING


async def test_mistakes_of_envelope_and_item_are_told_together(shared_client: Client):
    raw = event(ITEM | {"kind": "tweet"}, timestamp="yesterday", more=1)
    assert read_pointers(await shared_client.post(raw), 422, "invalid") == ["/timestamp", "/more", "/data/kind"]


async def test_events_that_come_later_are_refused_by_name(world: World, shared_client: Client):
    answer = await shared_client.send({"external_id": "c_1"}, "appeal.created")
    assert read_pointers(answer, 422, "not-yet") == ["/type"]
    assert await count_stored(world, shared_client) == NOTHING


REPORT = {"source": "user", "reason": "spam"}
EVENT_MISTAKES: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "an edit without content": ("item.updated", {"external_id": "c"}, [""]),
    "an edit of nothing": ("item.updated", {"text": "x"}, ["/external_id"]),
    "a deletion of nothing": ("item.deleted", {}, ["/external_id"]),
    "a deletion with content": ("item.deleted", {"external_id": "c", "text": "x"}, ["/text"]),
    "a deletion of revision 0": ("item.deleted", {"external_id": "c", "revision": 0}, ["/revision"]),
    "no report": ("item.reported", {"external_id": "c"}, ["/report"]),
    "a report in a word": ("item.reported", {"external_id": "c", "report": "spam"}, ["/report"]),
    "an empty report": ("item.reported", {"external_id": "c", "report": {}}, ["/report/source", "/report/reason"]),
    "a report from nobody known": (
        "item.reported",
        {"external_id": "c", "report": REPORT | {"source": "cat", "reporter": {"id": 1}}},
        ["/report/source", "/report/reporter/external_id", "/report/reporter/id"],
    ),
    "a report with a wrong item": ("item.reported", {"external_id": "c", "report": REPORT, "kind": 1}, ["/kind"]),
    "a report of an unknown item": ("item.reported", {"external_id": "nobody", "report": REPORT}, ["/text"]),
}


@pytest.mark.parametrize("case", EVENT_MISTAKES)
async def test_an_event_of_another_shape_gets_422_with_every_pointer(world: World, shared_client: Client, case: str):
    event_type, data, pointers = EVENT_MISTAKES[case]
    answer = await shared_client.send(data, event_type)
    assert read_pointers(answer, 422, "invalid") == [f"/data{pointer}" for pointer in pointers]
    assert await count_stored(world, shared_client) == NOTHING


def source_url(client: Client) -> str:
    return f"/ingest/v1/sources/{client.source['id']}"


async def chunked(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("form", ["announced", "chunked", "announced too small"])
async def test_2_mib_get_413_before_anything_is_verified(world: World, shared_client: Client, form: str):
    content: Any = b" " * (2 * MIB) if form == "announced" else chunked(*[b" " * MIB] * 2)
    headers = {"content-length": "100"} if form == "announced too small" else {}
    answer = await shared_client.http.post(source_url(shared_client), content=content, headers=headers)
    read_problem(answer, 413, "too-large")
    assert await count_stored(world, shared_client) == NOTHING


async def test_the_limit_is_one_mib_to_the_byte(client: Client):
    raw = event().ljust(MIB)
    assert read_problem(await client.post(raw + b" "), 413, "too-large")
    assert receipts_of(await client.post(raw)) == [("accepted", 1)]


async def test_reading_stops_at_the_limit(shared_client: Client):
    sent = 0

    async def pour() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 65_536
            yield b" " * 65_536

    read_problem(await shared_client.http.post(source_url(shared_client), content=pour()), 413, "too-large")
    assert sent <= 2 * MIB


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "gzip, identity"])
async def test_an_encoded_body_gets_415_even_when_signed(world: World, shared_client: Client, encoding: str):
    raw = gzip.compress(event())
    answer = await shared_client.post(raw, shared_client.sign(raw) | {"content-encoding": encoding})
    read_problem(answer, 415, "unsupported-encoding")
    assert await count_stored(world, shared_client) == NOTHING


def sign_at(client: Client, raw: bytes, seconds: int, webhook_id: str = "msg_1") -> dict[str, str]:
    return sign_webhook(raw, webhook_id, int(datetime.now(UTC).timestamp()) + seconds, [client.secret])


RAW = event()
FORGERIES = {
    "nothing": lambda _: {},
    "no id": lambda good: good | {"webhook-id": ""},
    "no timestamp": lambda good: {name: value for name, value in good.items() if name != "webhook-timestamp"},
    "no signature": lambda good: {name: value for name, value in good.items() if name != "webhook-signature"},
    "another id": lambda good: good | {"webhook-id": "msg_2"},
    "another time": lambda good: good | {"webhook-timestamp": str(int(good["webhook-timestamp"]) - 1)},
    "a dotted id": lambda good: good | {"webhook-id": "msg.1"},
    "a long id": lambda good: good | {"webhook-id": "m" * 129},
    "a garbled time": lambda good: good | {"webhook-timestamp": "now"},
    "a negative time": lambda good: good | {"webhook-timestamp": "-1"},
    "an endless time": lambda good: good | {"webhook-timestamp": "9" * 5_000},
    "a garbled signature": lambda good: good | {"webhook-signature": "v1,???"},
    "bytes that are not ASCII": lambda good: good | {"webhook-signature": b"v1,\xe9\xff"},
    "a signature without version": lambda good: good | {"webhook-signature": good["webhook-signature"][3:]},
    "another version": lambda good: good | {"webhook-signature": "v2" + good["webhook-signature"][2:]},
    "another secret": lambda good: good | sign_webhook(RAW, "msg_1", int(good["webhook-timestamp"]), [b"x" * 32]),
    "other bytes": lambda good: good | sign_webhook(RAW + b" ", "msg_1", int(good["webhook-timestamp"]), [b"x" * 32]),
}


@pytest.mark.parametrize("case", FORGERIES)
async def test_what_is_not_signed_by_the_source_gets_401(world: World, shared_client: Client, case: str):
    answer = await shared_client.post(RAW, FORGERIES[case](sign_at(shared_client, RAW, 0)))
    read_problem(answer, 401, "bad-signature")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert await count_stored(world, shared_client) == NOTHING


async def test_a_signature_is_for_these_bytes_only(world: World, shared_client: Client):
    headers = sign_at(shared_client, RAW, 0)
    for raw in (RAW + b" ", RAW.replace(b"Bonjour", b"Bonsoir"), b"", RAW[:-1]):
        read_problem(await shared_client.post(raw, headers), 401, "bad-signature")
    assert await count_stored(world, shared_client) == NOTHING


@pytest.mark.parametrize("seconds", [-310, 310, -86_400, 10**9])
async def test_a_stale_or_future_signature_gets_401(world: World, shared_client: Client, seconds: int):
    answer = await shared_client.post(RAW, sign_at(shared_client, RAW, seconds))
    assert "webhook-timestamp" in read_problem(answer, 401, "bad-signature")["detail"]
    assert await count_stored(world, shared_client) == NOTHING


async def test_a_clock_a_little_off_is_forgiven(client: Client):
    for number, seconds in enumerate((-290, 290)):
        answer = await client.post(RAW, sign_at(client, RAW, seconds, f"msg_{number}"))
        assert answer.status_code == 202


UNKNOWN = [
    "src_",
    "src_zzz",
    show_id("src", UUID(int=7)),
    show_id("cli", UUID(int=7)),
    "%00",
    "x" * 2_000,
    "src_" + "z" * 26,
]


@pytest.mark.parametrize("source_id", UNKNOWN)
async def test_an_unknown_source_gets_404_signed_or_not(shared_client: Client, source_id: str):
    for headers in ({}, shared_client.sign(RAW)):
        answer = await shared_client.http.post(f"/ingest/v1/sources/{source_id}", content=RAW, headers=headers)
        read_problem(answer, 404, "not-found")


async def test_an_unknown_source_costs_the_work_of_a_bad_signature(
    shared_client: Client, monkeypatch: pytest.MonkeyPatch
):
    digested: list[int] = []

    def count(key: bytes, message: bytes, digest: str, really: Any = hmac.digest) -> bytes:
        digested.append(len(message))
        result: bytes = really(key, message, digest)
        return result

    monkeypatch.setattr(hmac, "digest", count)
    headers = sign_webhook(RAW, "msg_1", int(datetime.now(UTC).timestamp()), [b"x" * 32])
    digested.clear()
    read_problem(await shared_client.post(RAW, headers), 401, "bad-signature")
    bad_signature, digested[:] = list(digested), []
    unknown = f"/ingest/v1/sources/{show_id('src', new_id())}"
    read_problem(await shared_client.http.post(unknown, content=RAW, headers=headers), 404, "not-found")
    assert digested == bad_signature == [len("msg_1.") + 11 + len(RAW)]


async def test_a_source_is_opened_by_its_own_secret_only(world: World, agency: Agency):
    mine, theirs = await agency.add_client(), await agency.add_client()
    stranger = await (await world.operator.found_agency()).add_client()
    for other in (theirs, stranger):
        read_problem(await other.post(RAW, mine.sign(RAW)), 401, "bad-signature")
        assert await count_stored(world, other) == NOTHING


async def test_refusals_come_in_the_order_of_the_contract(shared_client: Client):
    """Each request has every fault further down the list too: the first one in the contract's order is told."""
    huge, encoded = b"[" * (2 * MIB), {"content-encoding": "gzip"}
    unknown = f"/ingest/v1/sources/{show_id('src', new_id())}"
    post = shared_client.http.post
    read_problem(await post(unknown, content=huge, headers=encoded), 413, "too-large")
    read_problem(await post(unknown, content=b"[", headers=encoded), 415, "unsupported-encoding")
    read_problem(await post(unknown, content=b"["), 404, "not-found")
    read_problem(await shared_client.post(b"[", {}), 401, "bad-signature")
    read_problem(await shared_client.post(b'{"type": NaN, "more": 1}'), 400, "malformed-json")
    read_problem(await shared_client.post(b'{"more": 1}'), 422, "invalid")


async def test_a_mistake_is_told_before_a_conflict(client: Client):
    assert (await client.send(ITEM, webhook_id="msg_1")).status_code == 202
    answer = await client.send(ITEM | {"kind": "tweet"}, webhook_id="msg_1")
    assert read_pointers(answer, 422, "invalid") == ["/data/kind"]


async def test_a_webhook_id_never_says_two_things(world: World, client: Client):
    accepted = await client.send(ITEM, webhook_id="msg_1")
    assert receipts_of(accepted) == [("accepted", 1)]
    for other in (ITEM | {"text": "Bonsoir"}, ITEM | {"external_id": "c_2"}, ITEM | {"revision": 2}):
        read_problem(await client.send(other, webhook_id="msg_1"), 409, "event-conflict")
    assert await count_stored(world, client) == (1, 1, 1)
    [item] = await world.fetch(
        "SELECT revision, body->>'text' AS text FROM items WHERE source_id = $1", read_id("src", client.source["id"])
    )
    assert (item["revision"], item["text"]) == (1, "Bonjour")


async def test_the_same_event_again_is_a_duplicate_whatever_its_timestamp_and_spelling(world: World, client: Client):
    raw = b'{"type":"item.created","timestamp":"2026-11-22T10:00:00Z","data":{"external_id":"c_1","text":"\xc3\xa9"}}'
    later = b'{"data": {"text": "\\u00e9", "external_id": "c_1"}, "timestamp": "2026-11-22T11:30:00+01:00",\n "type": "item.created"}'
    undated = b'{"data":{"text":"\xc3\xa9","external_id":"c_1"},"type":"item.created"}'
    answers = [await client.post(one, client.sign(one, "msg_1")) for one in (raw, later, undated)]
    assert [receipts_of(answer) for answer in answers] == [[("accepted", 1)], [("duplicate", 1)], [("duplicate", 1)]]
    assert len({answer.json()["items"][0]["id"] for answer in answers}) == 1
    assert await count_stored(world, client) == (1, 1, 1)


async def test_two_contradicting_events_at_once_are_told_apart(world: World, client: Client):
    for number in range(5):
        hook, item = f"msg_{number}", {"external_id": f"c_{number}"}
        answers = await asyncio.gather(
            client.send(item | {"text": "one"}, webhook_id=hook), client.send(item | {"text": "two"}, webhook_id=hook)
        )
        first, second = sorted(answers, key=lambda answer: answer.status_code)
        assert receipts_of(first) == [("accepted", 1)]
        read_problem(second, 409, "event-conflict")
    assert await count_stored(world, client) == (5, 5, 5)


async def test_a_webhook_id_belongs_to_its_source(agency: Agency):
    for client in (await agency.add_client(), await agency.add_client()):
        assert receipts_of(await client.send(ITEM, webhook_id="msg_1")) == [("accepted", 1)]


async def test_a_refused_event_does_not_use_up_its_webhook_id(client: Client):
    read_problem(await client.send(ITEM | {"kind": "tweet"}, webhook_id="msg_1"), 422, "invalid")
    assert receipts_of(await client.send(ITEM, webhook_id="msg_1")) == [("accepted", 1)]


async def test_an_event_sent_again_never_undoes_a_newer_edit(world: World, client: Client):
    """The sender saw no answer to its first event, sent the edit, then tries the first one again."""
    await client.send(ITEM, webhook_id="msg_1")
    edited = await client.send(ITEM | {"text": "Bonsoir"}, webhook_id="msg_2")
    assert receipts_of(edited) == [("accepted", 2)]
    assert receipts_of(await client.send(ITEM, webhook_id="msg_1")) == [("duplicate", 2)]
    [item] = await world.fetch(
        "SELECT body->>'text' AS text FROM items WHERE source_id = $1", read_id("src", client.source["id"])
    )
    assert item["text"] == "Bonsoir"


@pytest.fixture
async def other_process(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A second API process on the same database: it shares no group and no cache with the first."""
    parts = build_parts(world.settings)
    app = create_app(world.settings, parts)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as http,
    ):
        yield http


async def test_50_identical_posts_at_once_store_one_item_and_one_usage_record(
    world: World, client: Client, other_process: httpx.AsyncClient
):
    async def post(number: int) -> httpx.Response:
        http = (client.http, other_process)[number % 2]
        return await http.post(source_url(client), content=RAW, headers=client.sign(RAW, f"msg_{number % 10}"))

    answers = await asyncio.gather(*map(post, range(50)))
    receipts = [answer.json()["items"][0] for answer in answers]
    assert sorted(receipt["status"] for receipt in receipts) == ["accepted"] + ["duplicate"] * 49
    assert len({receipt["id"] for receipt in receipts}) == 1
    assert await count_stored(world, client) == (1, 10, 1)
    records = await client.owner.call("GET", f"/owner/v1/usage/records?client={client.id}&meter=items.received")
    assert [(record["item"], record["quantity"]) for record in records["data"]] == [(receipts[0]["id"], "1")]


@pytest.mark.parametrize(("code", "status", "slug"), [("22023", 500, "internal"), ("53100", 503, "unavailable")])
async def test_one_row_that_postgresql_refuses_fails_alone_in_its_group(
    world: World, client: Client, refuse_texts: Any, code: str, status: int, slug: str
):
    texts = ["fine"] * 10 + ["poison"] + ["fine"] * 10
    async with refuse_texts("poison", code):
        answers = await asyncio.gather(*(client.send({"external_id": unique("c"), "text": text}) for text in texts))
    assert [answer.status_code for answer in answers] == [202] * 10 + [status] + [202] * 10
    read_problem(answers[10], status, slug)
    assert ("retry-after" in answers[10].headers) == (status == 503)
    assert await count_stored(world, client) == (20, 20, 20)


async def test_a_sender_that_hangs_up_takes_nobody_along(world: World, client: Client):
    sends = [asyncio.create_task(client.send({"external_id": f"c_{number}", "text": "x"})) for number in range(20)]
    await asyncio.sleep(0.005)
    sends[0].cancel()
    sends[10].cancel()
    answers = await asyncio.gather(*sends, return_exceptions=True)
    stayed = [answer for answer in answers if isinstance(answer, httpx.Response)]
    assert len(stayed) >= 18
    assert all(answer.status_code == 202 for answer in stayed)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_source_takes_nothing_but_posts_and_handshakes(shared_client: Client, method: str):
    answer = await shared_client.http.request(method, source_url(shared_client))
    read_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"
