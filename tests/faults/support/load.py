"""Senders and moderators who behave as real ones do: they ask again until they are told, and keep a ledger."""

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from tests.support.desk import Moderator
from tests.support.people import Client, Json, unique

WORDS = {"allow": "Bonjour", "remove": "this is bad", "review": "this is doubtful"}
"""What the rules of `tests.support.desk` make of a text."""
WEIGHTS = (6, 3, 1)

PATIENCE_S = 60.0
PAUSE_S = 0.1
LONGEST_PAUSE_S = 0.8
"""Between two tries, doubling; shorter than the `Retry-After`, to be a nuisance."""


@dataclass(slots=True)
class Sent:
    """One event of a client, and what became of it. No receipt: never acknowledged, it may be stored or not."""

    external_id: str
    raw: bytes
    webhook_id: str
    tries: int = 0
    unanswered: int = 0
    """Tries whose answer never came: what they did is not known."""
    receipts: list[Json] = field(default_factory=list)
    waited_s: float = 0.0


@dataclass(slots=True)
class Ledger:
    """What the outside was told."""

    sent: list[Sent] = field(default_factory=list)
    refused: int = 0
    """Answered 503 with `Retry-After`: the declared way to say "not now"."""
    unanswered: int = 0
    surprises: list[str] = field(default_factory=list)
    """Answers that no fault excuses."""
    verdicts: dict[str, str] = field(default_factory=dict)
    """The decision's id by assignment, as moderators were told."""
    repeated: Counter[str] = field(default_factory=Counter)

    @property
    def acked(self) -> list[Sent]:
        return [sent for sent in self.sent if sent.receipts]

    def hear(self, answer: httpx.Response, *wanted: int) -> bool:
        """Whether the answer is one of those wanted; anything but an honest refusal is a surprise."""
        if answer.status_code in wanted:
            return True
        if answer.status_code == 503 and "retry-after" in answer.headers:
            self.refused += 1
        else:
            self.surprises.append(f"{answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
        return False


def compose(rng: random.Random, kind: str | None = None) -> Sent:
    """A fresh event; without `kind`, a mix of what is allowed, removed and reviewed."""
    [kind] = [kind] if kind else rng.choices(list(WORDS), WEIGHTS)
    external_id = unique("c")
    item = {"external_id": external_id, "text": f"{WORDS[kind]} {external_id}", "author": {"external_id": "u_1"}}
    event = {"type": "item.created", "timestamp": "2026-11-22T10:00:00Z", "data": item}
    return Sent(external_id, json.dumps(event).encode(), unique("msg"))


async def deliver(client: Client, ledger: Ledger, sent: Sent) -> None:
    """Send an event under one webhook-id until it is acknowledged or patience ends."""
    started = time.monotonic()
    while time.monotonic() < started + PATIENCE_S:
        if await try_once(client, ledger, sent):
            sent.waited_s = time.monotonic() - started
            return
        await asyncio.sleep(min(PAUSE_S * 2 ** (sent.tries - 1), LONGEST_PAUSE_S))


async def try_once(client: Client, ledger: Ledger, sent: Sent) -> bool:
    sent.tries += 1
    try:
        answer = await client.post(sent.raw, client.sign(sent.raw, sent.webhook_id))
    except httpx.TransportError:
        sent.unanswered += 1
        ledger.unanswered += 1
        return False
    if ledger.hear(answer, 202):
        sent.receipts += answer.json()["items"]
        return True
    return False


async def moderate(moderator: Moderator, ledger: Ledger, stop: asyncio.Event) -> None:
    """Claim and decide until told to stop; a decision without an answer is sent again as it was."""
    stopped = asyncio.create_task(stop.wait())
    while not stop.is_set():
        claim = asyncio.create_task(_claim(moderator, ledger))
        await asyncio.wait([claim, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not claim.done():
            claim.cancel()
            return
        for held in claim.result():
            await _decide(moderator, ledger, held)


async def _claim(moderator: Moderator, ledger: Ledger) -> list[Json]:
    try:
        answer = await moderator.caller.ask("POST", "/moderator/v1/assignments", {"hold": 3, "wait": 2})
    except httpx.TransportError:
        await asyncio.sleep(PAUSE_S)
        return []
    if ledger.hear(answer, 200):
        held: list[Json] = answer.json()["assignments"]
        return held
    await asyncio.sleep(PAUSE_S)
    return []


async def _decide(moderator: Moderator, ledger: Ledger, held: Json) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            answer = await moderator.decide(held)
        except httpx.TransportError:
            ledger.unanswered += 1
        else:
            if ledger.hear(answer, 200, 201):
                ledger.repeated[str(answer.status_code)] += 1
                told = ledger.verdicts.setdefault(held["id"], answer.json()["id"])
                if told != answer.json()["id"]:
                    ledger.surprises.append(f"{held['id']} was decided twice")
                return
            if answer.status_code < 500:
                return
        await asyncio.sleep(PAUSE_S)
