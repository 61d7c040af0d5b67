"""What the calendar takes for granted about the world's clocks, read from the zone files themselves."""

import struct
from datetime import UTC, datetime
from importlib import resources
from itertools import pairwise
from pathlib import Path
from zoneinfo import TZPATH, available_timezones

DAY = 86_400
SINCE = datetime(1900, 1, 1, tzinfo=UTC).timestamp()


def read_zone_file(name):
    for folder in TZPATH:
        if (path := Path(folder, name)).is_file():
            return path.read_bytes()
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


def offset_changes(name):
    """`(instant, offset from then on)` of the 64-bit part of a zone file (RFC 8536 3), true changes only."""
    data = read_zone_file(name)
    _, standard, leaps, times, types, letters = struct.unpack_from(">6l", data, 20)
    second = 44 + times * 5 + types * 6 + letters + leaps * 8 + standard + struct.unpack_from(">l", data, 20)[0]
    times, types = struct.unpack_from(">2l", data, second + 32)
    instants = struct.unpack_from(f">{times}q", data, second + 44)
    kinds = data[second + 44 + 8 * times : second + 44 + 9 * times]
    offsets = [struct.unpack_from(">l", data, second + 44 + 9 * times + 6 * kind)[0] for kind in range(types)]
    changes = [(instants[0], offsets[kinds[0]])] if times else []
    for instant, kind in zip(instants, kinds, strict=True):
        if offsets[kind] != changes[-1][1]:
            changes.append((instant, offsets[kind]))
    return changes


def test_no_zone_changes_its_offset_twice_within_three_days():
    gaps = [
        (later - earlier, name)
        for name in available_timezones()
        for (earlier, _), (later, _) in pairwise(offset_changes(name))
        if later > SINCE
    ]
    assert len(gaps) > 10_000
    assert min(gaps)[0] > 3 * DAY, min(gaps)


def test_local_time_is_less_than_a_day_away_from_utc():
    offsets = [offset for name in available_timezones() for _, offset in offset_changes(name)]
    assert -DAY < min(offsets) < -11 * 3_600
    assert 13 * 3_600 < max(offsets) < DAY
