"""The yardstick of callbacks: `_posts.py <url> <posts> <at once>` posts with httpx and prints how many a second."""

import asyncio
import sys
import time

import httpx

BODY = b'{"type":"decision.made","data":"' + b"x" * 900 + b'"}'
HEADERS = {
    "content-type": "application/json",
    "webhook-id": "evt_00000000000000000000000000",
    "webhook-timestamp": "1700000000",
    "webhook-signature": "v1," + "x" * 44,
}


async def measure(url: str, posts: int, at_once: int) -> float:
    left = iter(range(posts))
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    async with httpx.AsyncClient(trust_env=False, limits=limits) as client:

        async def post() -> None:
            for _ in left:
                (await client.post(url, content=BODY, headers=HEADERS)).raise_for_status()

        began = time.perf_counter()
        await asyncio.gather(*(post() for _ in range(at_once)))
        return posts / (time.perf_counter() - began)


if __name__ == "__main__":
    print(asyncio.run(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
