"""The demo's sender: signed, patient, counted once."""

import json
from dataclasses import replace
from datetime import timedelta
from itertools import repeat
from random import Random

import httpx
import pytest

from tests.dev.fake_agency import NOW, SOURCE, FakeAgency, Naps, open_fake, plan, sign_by_hand
from veilleur.dev.demo_http import PATIENCE_S, DemoError, call_patiently
from veilleur.dev.demo_sender import Sender, draw_pauses, send_item, send_items
from veilleur.dev.demo_tally import Tally


async def test_an_item_is_sent_signed_as_the_specification_says():
    agency = FakeAgency()
    async with open_fake(agency) as api:
        response = await send_item(Sender(api, {"forum-fr": SOURCE}, now=lambda: NOW), plan())

    method, path, headers, body = agency.requests[0]
    assert response.status_code == 202
    assert (method, path, headers["webhook-timestamp"]) == (
        "POST",
        "/ingest/v1/sources/src_1",
        str(int(NOW.timestamp())),
    )
    assert headers["webhook-id"] == "replay-1-tf-1"
    assert headers["webhook-signature"] == sign_by_hand("replay-1-tf-1", headers["webhook-timestamp"], body)
    assert json.loads(body) == {
        "type": "item.created",
        "timestamp": "2026-11-22T10:00:00Z",
        "data": {"external_id": "tf-1.1", "text": "Café"},
    }


async def test_a_retry_keeps_id_and_body_and_signs_the_moment_anew():
    agency, moments = FakeAgency(refuse_first=2), iter(NOW + timedelta(seconds=n) for n in range(100))
    async with open_fake(agency) as api:
        await send_item(Sender(api, {"forum-fr": SOURCE}, now=lambda: next(moments), sleep=Naps()), plan())

    assert len(agency.requests) == 3
    assert len({headers["webhook-id"] for _, _, headers, _ in agency.requests}) == 1
    assert len({body for *_, body in agency.requests}) == 1
    assert len({headers["webhook-signature"] for _, _, headers, _ in agency.requests}) == 3


async def test_a_refused_connection_is_waited_out():
    attempts, naps = iter([httpx.ConnectError("refused"), httpx.ReadError("reset"), httpx.Response(202)]), Naps()

    async def call() -> httpx.Response:
        outcome = next(attempts)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert (await call_patiently(call, sleep=naps)).status_code == 202
    assert naps.asked == [0.5, 1.0]


async def test_retry_after_is_honoured_within_reason():
    answers, naps = iter([("3", 429), ("86400", 503), ("soon", 503), ("", 200)]), Naps()

    async def call() -> httpx.Response:
        retry_after, status = next(answers)
        return httpx.Response(status, headers={"retry-after": retry_after})

    await call_patiently(call, sleep=naps)

    assert naps.asked == [3.0, 10.0, 2.0]


async def test_patience_ends():
    naps = Naps()

    async def call() -> httpx.Response:
        return httpx.Response(503)

    with pytest.raises(DemoError, match="503"):
        await call_patiently(call, sleep=naps)
    assert PATIENCE_S <= sum(naps.asked) < PATIENCE_S + 10


async def test_every_item_waits_its_pause_and_is_counted_once():
    agency, naps, tally = FakeAgency(), Naps(), Tally(planned=3)
    async with open_fake(agency) as api:
        sender = Sender(api, {"forum-fr": SOURCE}, sleep=naps)
        await send_items(sender, [plan(n) for n in range(3)], iter([0.1, 0.2, 0.3]), tally)

    assert naps.asked == [0.1, 0.2, 0.3]
    assert (tally.sent, tally.accepted, tally.refused) == (3, 3, 0)


async def test_an_item_whose_first_answer_was_lost_counts_as_accepted():
    agency, tally = FakeAgency(), Tally(planned=2)
    async with open_fake(agency) as api:
        await send_items(Sender(api, {"forum-fr": SOURCE}, sleep=Naps()), [plan(), plan()], repeat(0.0), tally)

    assert (tally.accepted, len(agency.items)) == (2, 1)


async def test_a_refusal_is_counted_and_told_and_does_not_stop_the_rest():
    agency, tally = FakeAgency(), Tally(planned=2)
    async with open_fake(agency) as api:
        sender = Sender(api, {"forum-fr": replace(SOURCE, secret=bytes(32)), "videos-en": SOURCE}, sleep=Naps())
        await send_items(sender, [plan(1), replace(plan(2), client="videos-en")], repeat(0.0), tally)

    assert (tally.accepted, tally.refused) == (1, 1)
    assert tally.notes == ["tf-1.1: 401 bad signature"]


def test_the_pace_is_the_rate_on_average_and_never_regular():
    pauses = draw_pauses(4.0, Random(1))
    drawn = [next(pauses) for _ in range(2000)]

    assert 0.24 < sum(drawn) / len(drawn) < 0.26
    assert 0.05 <= min(drawn) < max(drawn) <= 0.45
