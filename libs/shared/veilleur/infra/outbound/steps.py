"""Conversations with a platform, written without the network: a generator yields calls and is sent the replies.

What is said and what an answer means is then pure; `drive` alone speaks to the network.
"""

import asyncio
from collections.abc import Generator
from typing import TypeVar

import httpx

from veilleur.infra.outbound.dial import OutboundError
from veilleur.infra.outbound.http import Call, Reply, send_capped

T = TypeVar("T")
Steps = Generator[Call, Reply, T]

CAP = 8 * 1024 * 1024
EACH_S = 10.0


async def drive(client: httpx.AsyncClient, steps: Steps[T], total_s: float) -> T:
    """Carry a conversation out: `EACH_S` seconds a call, `total_s` all together.

    What keeps a call from being answered is thrown into the generator, which may end well all the same; if it does not,
    `OutboundError` is raised.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + total_s
    try:
        call = next(steps)
        while True:
            try:
                reply = await _send(client, call, min(EACH_S, until - loop.time()))
            except OutboundError as error:
                call = steps.throw(error)
            else:
                call = steps.send(reply)
    except StopIteration as ended:
        result: T = ended.value
        return result
    finally:
        steps.close()


async def _send(client: httpx.AsyncClient, call: Call, left_s: float) -> Reply:
    if left_s <= 0:
        raise OutboundError("timeout")
    return await send_capped(client, call, left_s, CAP)
