"""Windowed counters in Valkey: soft state, kept in event time, idempotent, and unknown rather than wrong.

A counter of one group is a sorted set: members are what is counted (items, or the different values of a field), scores
the instants they were last seen at. So a window is exact, whatever comes late or twice, and one set serves every
window's end. All that a batch sees is added and read in one script, in one round trip.

What was not counted must not read as 0. A counter is believed only while its mark carries the caller's *stamp* (which
changes when a batch went uncounted or other rules came into force) under the *boot* Valkey is in. A new boot begins
when the script is gone (a restart forgets it, whatever a snapshot brings back) or the boot itself is (FLUSHALL).
Everything else reads None until somebody has recounted and marks it.
"""

import asyncio
import secrets
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha1
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

TIMEOUT_S = 0.25
QUIET_S = 1.0
"""After a failure nobody waits for Valkey for this long."""

MAX_MEMBERS = 100_000
"""Where a group's count ends: beyond it the oldest are dropped, so that no client's rules fill the memory."""

LATENESS_S = 3_600
"""How late an item may come and still find its window whole: this, or a fifth of the window if that is more."""

CHUNK = 2_000
MARK_S = 40 * 86_400

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class CountersUnavailableError(Exception):
    """Valkey did not answer; whether it counted is not known."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One declared counter of one client: `name` is unique in the installation, `stamp` what its mark must carry."""

    name: str
    window_s: int
    stamp: str

    @property
    def kept_s(self) -> int:
        return self.window_s + max(self.window_s // 5, LATENESS_S)


@dataclass(frozen=True, slots=True)
class Tally:
    """`member` seen in a group of a counter at an instant (seconds since 1970); None: only read."""

    counter: Counter
    group: str
    at: float
    member: str | None


class Counters:
    """The counters of an installation, as one process reaches them."""

    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(
            redis_url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S, max_connections=8, retry=None
        )
        self._quiet_until = 0.0

    async def count(self, tallies: Sequence[Tally], present: float) -> list[int | None]:
        """Add and read, in this order, one answer a tally: how many members its group has in the window that ends
        with it. None: not to be known. Raises `CountersUnavailableError`.
        """
        answers: list[int | None] = []
        for start in range(0, len(tallies), CHUNK):
            answers += await self._guard(self._count(tallies[start : start + CHUNK], present))
        return answers

    async def forget(self, tallies: Sequence[Tally]) -> None:
        """Take out what was counted; a group without members is gone. Raises `CountersUnavailableError`."""
        for start in range(0, len(tallies), CHUNK):
            await self._guard(self._forget(tallies[start : start + CHUNK]))

    async def find_unmarked(self, counters: Sequence[Counter]) -> tuple[str, list[Counter]]:
        """The boot Valkey is in, and the counters that it does not vouch for under their stamp."""
        return await self._guard(self._find_unmarked(counters))

    async def mark(self, boot: str, counters: Sequence[Counter]) -> None:
        """Vouch for counters that were recounted entirely during `boot`: a mark of an earlier one says nothing."""
        await self._guard(self._mark(boot, counters))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _guard(self, work: Coroutine[Any, Any, T]) -> T:
        if time.monotonic() < self._quiet_until:
            work.close()
            raise CountersUnavailableError
        try:
            async with asyncio.timeout(4 * TIMEOUT_S):
                return await work
        except (TimeoutError, OSError, RedisError) as error:
            self._quiet_until = time.monotonic() + QUIET_S
            _log.warning("counters_unavailable", error=type(error).__name__)
            raise CountersUnavailableError from None

    async def _count(self, tallies: Sequence[Tally], present: float) -> list[int | None]:
        counters = list(dict.fromkeys(tally.counter for tally in tallies))
        places = {counter: place for place, counter in enumerate(counters, start=1)}
        keys = [_BOOT, *(_mark_key(counter) for counter in counters), *(_group_key(tally) for tally in tallies)]
        values: list[str | float | bytes] = [len(counters), present, MAX_MEMBERS, MARK_S]
        for counter in counters:
            values += [counter.window_s, counter.kept_s, counter.stamp]
        for tally in tallies:
            values += [places[tally.counter], repr(tally.at), b"" if tally.member is None else _digest(tally.member)]
        try:
            found = await self._redis.evalsha(_SCRIPT_ID, len(keys), *keys, *values)
        except NoScriptError:
            await self._begin_boot()
            found = await self._redis.evalsha(_SCRIPT_ID, len(keys), *keys, *values)
        return [None if number < 0 else number for number in found]

    async def _forget(self, tallies: Sequence[Tally]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for tally in tallies:
            if tally.member is not None:
                pipeline.zrem(_group_key(tally), _digest(tally.member))
        await pipeline.execute()

    async def _begin_boot(self) -> None:
        """First the boot, then the script: whoever finds the script finds the boot that it belongs to."""
        await self._redis.set(_BOOT, secrets.token_hex(8))
        await self._redis.script_load(_SCRIPT)

    async def _find_unmarked(self, counters: Sequence[Counter]) -> tuple[str, list[Counter]]:
        [loaded] = await self._redis.script_exists(_SCRIPT_ID)
        if not loaded:
            await self._begin_boot()
        await self._redis.set(_BOOT, secrets.token_hex(8), nx=True)
        boot, *marks = await self._redis.mget([_BOOT, *(_mark_key(counter) for counter in counters)])
        shown = boot.decode()
        wanted = [f"{shown} {counter.stamp}".encode() for counter in counters]
        unmarked = [one for one, mark, want in zip(counters, marks, wanted, strict=True) if mark != want]
        return shown, unmarked

    async def _mark(self, boot: str, counters: Sequence[Counter]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for counter in counters:
            pipeline.set(_mark_key(counter), f"{boot} {counter.stamp}", ex=MARK_S)
        await pipeline.execute()


_BOOT = "veilleur:counters:boot"

# Scores are compared as doubles with microseconds; GT keeps what was seen last, so that a re-delivery moves nothing.
# What is asked about a time whose window is not kept any more is not to be known.
_SCRIPT = """
local counters, present, most, mark_s = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local boot = redis.call('GET', KEYS[1])
local window, kept, known = {}, {}, {}
for i = 1, counters do
  local base = 4 + (i - 1) * 3
  window[i], kept[i] = tonumber(ARGV[base + 1]), tonumber(ARGV[base + 2])
  known[i] = boot and redis.call('GET', KEYS[1 + i]) == boot .. ' ' .. ARGV[base + 3]
  if known[i] then redis.call('EXPIRE', KEYS[1 + i], mark_s) end
end
local answers, base = {}, 4 + counters * 3
for i = 1, #KEYS - 1 - counters do
  local key = KEYS[1 + counters + i]
  local counter, at, member = tonumber(ARGV[base + 1]), ARGV[base + 2], ARGV[base + 3]
  base = base + 3
  local oldest = present - kept[counter]
  local missing = 0
  if member ~= '' and tonumber(at) > oldest then
    local added = redis.call('ZADD', key, 'GT', at, member)
    if added == 1 then
      redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.6f', oldest))
      if redis.call('ZCARD', key) > most then redis.call('ZREMRANGEBYRANK', key, 0, -most - 1) end
    elseif tonumber(redis.call('ZSCORE', key, member)) > tonumber(at) then
      missing = 1
    end
    redis.call('EXPIRE', key, kept[counter])
  end
  local from = tonumber(at) - window[counter]
  if known[counter] and from >= oldest then
    answers[i] = redis.call('ZCOUNT', key, '(' .. string.format('%.6f', from), at) + missing
  else
    answers[i] = -1
  end
end
return answers
"""
_SCRIPT_ID = sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()


def _mark_key(counter: Counter) -> str:
    return f"veilleur:counters:mark:{counter.name}"


def _group_key(tally: Tally) -> str:
    return f"veilleur:counters:group:{tally.counter.name}:{_digest(tally.group).hex()}"


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
