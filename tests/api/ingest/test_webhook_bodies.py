"""What a webhook may say: unreadable and misshapen bodies, every mistake with its pointer."""

import json
from typing import Any

import pytest

from tests.api.ingest.posting import ITEM, event
from tests.api.refusals import NOTHING, count_stored, read_pointers, read_problem, receipts_of
from tests.support.people import Client
from tests.support.world import World


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
