"""Purses in Valkey that all processes of an installation take slices from, in one script and one round trip.

Soft state: a purse that is gone is a full one, so a wiped Valkey costs a burst. It goes by itself when it would be full
again, so memory holds those of senders that are near their rate.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

PATIENCE_S = 0.05
SEEK_S = 1.0
"""How long somebody waits for Valkey whom no caller waits for: a new connection may take its time."""


class PursesAwayError(Exception):
    """Valkey did not answer in time, or with an error; whether it gave anything is not known."""


@dataclass(frozen=True, slots=True)
class Ask:
    """For a slice of `size` from a purse that fills by `rate` a second up to `burst`; `carried` is handed in."""

    purse: str
    rate: float
    burst: float
    size: float
    carried: float


@dataclass(frozen=True, slots=True)
class Slice:
    """What was taken, what the purse has left, and the instant of Valkey's clock this was at."""

    taken: float
    left: float
    at: float


class SharedPurses:
    """The purses as one process reaches them."""

    def __init__(self, redis_url: str) -> None:
        pool = BlockingConnectionPool.from_url(
            redis_url,
            max_connections=2,
            timeout=SEEK_S,
            socket_connect_timeout=SEEK_S,
            socket_timeout=SEEK_S,
            retry=None,
        )
        self._redis = Redis(connection_pool=pool)
        self._script = self._redis.register_script(_SCRIPT)

    async def take(self, asks: Sequence[Ask]) -> list[Slice]:
        """One slice an ask. Raises `PursesAwayError` within `PATIENCE_S`."""
        values: list[str] = []
        for ask in asks:
            values += [repr(ask.rate), repr(ask.burst), repr(ask.size), repr(ask.carried)]
        try:
            async with asyncio.timeout(PATIENCE_S):
                found: list[Any] = await self._script(keys=[_key(ask.purse) for ask in asks], args=values)
        except (TimeoutError, OSError, RedisError) as error:
            raise PursesAwayError(type(error).__name__) from None
        return [Slice(*(float(number) for number in numbers)) for numbers in found]

    async def answers(self) -> bool:
        """Whether Valkey is there; leaves it the script, and us a connection that the next slice comes over."""
        try:
            async with asyncio.timeout(SEEK_S):
                await self._redis.script_load(_SCRIPT)
        except (TimeoutError, OSError, RedisError):
            return False
        return True

    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)


# `take_slice` of domain/tenancy/purse, word for word. The clock is Valkey's: it is the same for every process.
_SCRIPT = """
local time = redis.call('TIME')
local at = tonumber(time[1]) + tonumber(time[2]) / 1000000
local slices = {}
for i = 1, #KEYS do
  local base = (i - 1) * 4
  local rate, burst = tonumber(ARGV[base + 1]), tonumber(ARGV[base + 2])
  local size, carried = tonumber(ARGV[base + 3]), tonumber(ARGV[base + 4])
  local kept = redis.call('HMGET', KEYS[i], 'tokens', 'at')
  local tokens, since = tonumber(kept[1] or ''), tonumber(kept[2] or '')
  if tokens and since then
    tokens = math.min(burst, tokens + math.max(0, at - since) * rate)
  else
    tokens = burst
  end
  tokens = math.min(burst, tokens + carried)
  local taken = 0
  if tokens >= 1 then taken = math.min(tokens, size) end
  tokens = tokens - taken
  local left, now = string.format('%.17g', tokens), string.format('%.17g', at)
  redis.call('HSET', KEYS[i], 'tokens', left, 'at', now)
  redis.call('PEXPIRE', KEYS[i], math.ceil((burst - tokens) / rate * 1000) + 1000)
  slices[i] = {string.format('%.17g', taken), left, now}
end
return slices
"""


def _key(purse: str) -> str:
    return f"veilleur:purse:{purse}"
