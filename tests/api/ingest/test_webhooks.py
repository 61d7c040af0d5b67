"""A source's own webhook: who is refused before anything is read, in which order, with which words."""

import gzip
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tests.api.ingest.posting import RAW, event, source_url
from tests.api.refusals import NOTHING, count_stored, read_problem, receipts_of
from tests.support.people import Agency, Client
from tests.support.world import World
from veilleur.infra.security.standard_webhooks import sign_webhook
from veilleur.kernel.ids import new_id, show_id

MIB = 1024 * 1024


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


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_source_takes_nothing_but_posts_and_handshakes(shared_client: Client, method: str):
    answer = await shared_client.http.request(method, source_url(shared_client))
    read_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"
