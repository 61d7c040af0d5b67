"""Senders repeat themselves, at once and out of order."""

import asyncio
import copy

import pytest

from tests.faults.support.load import compose, try_once
from tests.faults.support.scene import few_or_many

pytestmark = pytest.mark.chaos


async def test_the_same_events_ten_times_reordered_and_at_once_have_one_effect(scene):
    events = [compose(scene.rng) for _ in range(few_or_many(60, 1_000))]
    tries = [copy.copy(event) for event in events for _ in range(10)]
    scene.rng.shuffle(tries)
    scene.ledger.sent = events
    gate = asyncio.Semaphore(100)

    async def send(event):
        event.receipts = []
        async with gate:
            assert await try_once(scene.client, scene.ledger, event)
        return event

    for tried in await asyncio.gather(*map(send, tries)):
        next(event for event in events if event.external_id == tried.external_id).receipts += tried.receipts
    assert {len(event.receipts) for event in events} == {10}
    for event in events:
        assert sorted(receipt["status"] for receipt in event.receipts) == ["accepted"] + ["duplicate"] * 9
    await scene.reckon("36 every event ten times, reordered and at once", len(tries))
