"""The clients' platforms, played: signed webhooks of kind `standard`, one after the other at a human pace."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

import httpx

from veilleur.dev.demo_credentials import SignedAddress
from veilleur.dev.demo_http import Sleep, call_patiently, describe_refusal
from veilleur.dev.demo_samples import PlannedItem
from veilleur.dev.demo_tally import Tally
from veilleur.infra.security.standard_webhooks import sign_webhook
from veilleur.kernel import clock


@dataclass(frozen=True, slots=True)
class Sender:
    """What sending needs: the API, each client's source by slug, and time."""

    api: httpx.AsyncClient
    sources: Mapping[str, SignedAddress]
    now: Callable[[], datetime] = clock.now
    sleep: Sleep = asyncio.sleep


async def send_items(sender: Sender, items: Sequence[PlannedItem], pauses: Iterator[float], tally: Tally) -> None:
    """Sends the items in order with a pause before each, and counts how they were answered."""
    for item in items:
        await sender.sleep(next(pauses))
        response = await send_item(sender, item)
        tally.sent += 1
        if response.status_code == httpx.codes.ACCEPTED and _is_taken(response):
            tally.accepted += 1
        else:
            tally.refused += 1
            tally.notes.append(f"{item.item['external_id']}: {describe_refusal(response)}")


async def send_item(sender: Sender, planned: PlannedItem) -> httpx.Response:
    """One `item.created`; repeated while the API is away, under the same `webhook-id` and with the same body.

    Only the signature is renewed: it covers the moment of sending, and a stale one is refused.
    """
    source = sender.sources[planned.client]
    body = encode_event(planned.item, sender.now())

    async def post() -> httpx.Response:
        signature = sign_webhook(body, planned.message_id, int(sender.now().timestamp()), [source.secret])
        return await sender.api.post(
            source.url, content=body, headers={"content-type": "application/json", **signature}
        )

    return await call_patiently(post, sleep=sender.sleep)


def encode_event(item: Mapping[str, object], now: datetime) -> bytes:
    event = {"type": "item.created", "timestamp": clock.to_rfc3339(now), "data": item}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def draw_pauses(rate: float, random: Random) -> Iterator[float]:
    """Seconds before each item: between a fifth and nine fifths of `1 / rate`, in the long run `rate` a second."""
    while True:
        yield random.uniform(0.2, 1.8) / rate


def _is_taken(response: httpx.Response) -> bool:
    # An item of this run can only be a duplicate of its own first attempt, whose answer was lost on the way.
    return all(item["status"] in {"accepted", "duplicate"} for item in response.json()["items"])
