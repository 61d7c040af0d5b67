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

CAP = 512 * 1024


async def drive(client: httpx.AsyncClient, steps: Steps[T], total_s: float) -> T:
    """Carry a conversation out within `total_s` seconds, all its calls together. Raises `OutboundError`."""
    loop = asyncio.get_running_loop()
    until = loop.time() + total_s
    try:
        call = next(steps)
        while True:
            left = until - loop.time()
            if left <= 0:
                raise OutboundError("timeout")
            call = steps.send(await send_capped(client, call, left, CAP))
    except StopIteration as ended:
        result: T = ended.value
        return result
    finally:
        steps.close()
