"""Counters count once, in event time, and say that they do not know rather than a number that is too small."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from tests.support.people import unique
from tests.support.valkey import open_valkey
from veilleur.infra.counters import Counter, Counters, CountersUnavailableError, Tally

NOW = 1_790_000_000.0
MINUTE = 60.0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with open_valkey() as opened:
        yield opened


@pytest.fixture
async def counters(url) -> AsyncIterator[Counters]:
    made = Counters(url)
    yield made
    await made.close()


@pytest.fixture
async def redis(url) -> AsyncIterator[Redis]:
    async with Redis.from_url(url) as client:
        yield client


def declare(window_s=600, stamp="s1", name=None):
    return Counter(name or unique("counter"), window_s, stamp)


async def recount(counters, *which):
    boot, unmarked = await counters.find_unmarked(which)
    await counters.mark(boot, unmarked)


async def see(counters, counter, member, at=NOW, group="g", present=NOW):
    [number] = await counters.count([Tally(counter, group, at, member)], present)
    return number


async def test_nothing_is_known_before_somebody_has_recounted_but_everything_is_counted(counters):
    posts = declare()
    assert await see(counters, posts, "i1") is None
    await recount(counters, posts)
    assert await see(counters, posts, "i2") == 2
    assert await see(counters, posts, None, group="nobody") == 0


async def test_a_member_counts_once_however_often_and_by_whomever_it_is_brought(counters, url):
    posts = declare()
    await recount(counters, posts)
    other = Counters(url)
    for _ in range(3):
        assert await see(counters, posts, "i1") == 1
        assert await see(other, posts, "i1") == 1
    await other.close()


async def test_a_window_is_open_at_its_start_and_closed_at_its_end_in_event_time(counters):
    posts = declare(window_s=600)
    await recount(counters, posts)
    for minute in (0, 1, 9):
        await see(counters, posts, f"i{minute}", NOW - 20 * MINUTE + minute * MINUTE)
    assert await see(counters, posts, "end", NOW - 10 * MINUTE) == 3
    assert await see(counters, posts, None, NOW - 20 * MINUTE) == 1
    assert await see(counters, posts, None, NOW - 20 * MINUTE + 0.5) == 1
    assert await see(counters, posts, None, NOW) == 0


async def test_what_comes_late_is_counted_where_it_belongs(counters):
    posts = declare(window_s=60)
    await recount(counters, posts)
    assert await see(counters, posts, "new", NOW) == 1
    assert await see(counters, posts, "old", NOW - 30) == 1
    assert await see(counters, posts, None, NOW) == 2


async def test_a_distinct_value_seen_again_later_still_counts_for_the_item_that_came_late(counters):
    authors = declare(window_s=60)
    await recount(counters, authors)
    await see(counters, authors, "u1", NOW)
    assert await see(counters, authors, "u1", NOW - 30) == 1
    assert await see(counters, authors, "u2", NOW) == 2


async def test_what_is_older_than_anything_kept_is_not_to_be_known(counters):
    posts = declare(window_s=60)
    await recount(counters, posts)
    assert await see(counters, posts, "i1", NOW - 3_500) == 1
    assert await see(counters, posts, "i2", NOW - 3_700) is None


async def test_all_of_a_batch_are_answered_in_their_order_each_with_what_came_before(counters):
    posts, pairs = declare(), declare()
    await recount(counters, posts, pairs)
    tallies = [Tally(posts, "g", NOW + number, f"i{number}") for number in range(4_500)]
    tallies += [Tally(pairs, f"g{number % 2}", NOW, f"i{number}") for number in range(4)]
    answers = await counters.count(tallies, NOW)
    assert answers[:3] == [1, 2, 3]
    assert answers[4_499] == 600
    assert answers[4_500:] == [1, 1, 2, 2]


async def test_after_a_wipe_nothing_is_known_until_it_was_recounted(counters, redis):
    posts = declare()
    await recount(counters, posts)
    boot, _ = await counters.find_unmarked([posts])
    assert await see(counters, posts, "i1") == 1
    await redis.flushdb()
    assert await see(counters, posts, "i2") is None
    await counters.mark(boot, [posts])
    assert await see(counters, posts, "i3") is None, "a recount that began before the wipe vouches for nothing"
    await recount(counters, posts)
    assert await see(counters, posts, "i3") == 2


async def test_a_restart_that_brings_an_old_snapshot_back_is_noticed(counters, redis):
    """What a restart loses for sure are the loaded scripts."""
    posts = declare()
    await recount(counters, posts)
    assert await see(counters, posts, "i1") == 1
    await redis.script_flush()
    assert await see(counters, posts, "i2") is None


async def test_another_stamp_has_to_be_recounted(counters):
    posts = declare(stamp="s1")
    await recount(counters, posts)
    assert await see(counters, posts, "i1") == 1
    changed = Counter(posts.name, posts.window_s, "s2")
    assert await see(counters, changed, "i2") is None
    assert (await counters.find_unmarked([posts, changed]))[1] == [changed]
    await recount(counters, changed)
    assert await see(counters, changed, "i3") == 3


async def test_a_group_forgets_what_is_past_keeping_and_expires_as_a_whole(counters, redis):
    posts = declare(window_s=60)
    await recount(counters, posts)
    await see(counters, posts, "old", NOW)
    await see(counters, posts, "new", NOW + 7_200, present=NOW + 7_200)
    [key] = [key async for key in redis.scan_iter(f"veilleur:counters:group:{posts.name}:*", count=10_000)]
    assert await redis.zcard(key) == 1
    assert 0 < await redis.ttl(key) <= 60 + 3_600


async def test_a_group_holds_no_more_than_its_most(counters, monkeypatch):
    monkeypatch.setattr("veilleur.infra.counters.MAX_MEMBERS", 5)
    posts = declare()
    await recount(counters, posts)
    assert await counters.count([Tally(posts, "g", NOW + n, f"i{n}") for n in range(8)], NOW) == [
        1,
        2,
        3,
        4,
        5,
        5,
        5,
        5,
    ]


async def test_without_valkey_it_says_so_at_once_and_does_not_try_again_for_a_while():
    nowhere = Counters("redis://127.0.0.1:9/0")
    for _ in range(2):
        with pytest.raises(CountersUnavailableError):
            await see(nowhere, declare(), "i1")
    await nowhere.close()
