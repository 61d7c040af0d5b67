"""How the demo's programs call the API: on this machine only, and with patience while it restarts."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx

Sleep = Callable[[float], Awaitable[None]]

PATIENCE_S = 120.0
_PAUSE_AT_MOST_S = 5.0
_COME_BACK = frozenset({429, 500, 502, 503, 504})


class DemoError(Exception):
    """The demo can't go on; carries a whole sentence for the console."""


def open_client(base_url: str) -> httpx.AsyncClient:
    """A client for `base_url`; proxies named in the environment are for other hosts, and left alone."""
    return httpx.AsyncClient(base_url=base_url, timeout=httpx.Timeout(5.0, read=30.0), trust_env=False)


async def call_patiently(
    call: Callable[[], Awaitable[httpx.Response]], *, sleep: Sleep = asyncio.sleep
) -> httpx.Response:
    """Repeats `call` while nobody listens or the answer is "come back later"; any other answer is the caller's.

    `call` must be safe to repeat: an answer that was lost may stand for a call that took effect. `DemoError` once
    the pauses add up to `PATIENCE_S`.
    """
    waited, pause = 0.0, 0.25
    while True:
        try:
            response = await call()
        except httpx.TransportError as error:
            reason, asked = f"{type(error).__name__}: {error}", 0.0
        else:
            if response.status_code not in _COME_BACK:
                return response
            reason, asked = f"status {response.status_code}", _read_retry_after(response)
        if waited >= PATIENCE_S:
            raise DemoError(f"The API gave no good answer for {PATIENCE_S:.0f} seconds ({reason}).")
        pause = min(pause * 2, _PAUSE_AT_MOST_S)
        waited += max(pause, asked)
        await sleep(max(pause, asked))


def describe_refusal(response: httpx.Response) -> str:
    """One line of a problem document: status, detail, and where each mistake stands."""
    try:
        problem = response.json()
        where = "; ".join(f"{error['pointer']}: {error['detail']}" for error in problem.get("errors", ()))
        return f"{response.status_code} {problem['detail']}" + (f" ({where})" if where else "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{response.status_code} {response.text[:200]}"


def _read_retry_after(response: httpx.Response) -> float:
    text = response.headers.get("retry-after", "")
    return min(float(text), 2 * _PAUSE_AT_MOST_S) if text.isascii() and text.isdigit() else 0.0
