"""Honest webhooks' p99 beside 300 slow sockets ÷ without them; and all of those are closed, soon.

The same paced load, now alone and now beside sockets that say a byte a second and come back as soon as they are closed.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from _bench import HERE, Client, Machine, make_items, median, open_machine, percentile, show_result
from _drips import SPREAD_S
from _load import send_paced

SOCKETS = 300
ROUNDS = 5
PER_SECOND = 100
CONNECTIONS = 16
SECONDS = 18
"""Longer than a body may dawdle, so that the slowest kind is closed in every round."""


def main() -> None:
    with open_machine() as machine, machine.run_api():
        client = machine.start_client()
        _ask(machine, client, "warm", 300)
        rounds = [_round(machine, client, number) for number in range(ROUNDS)]
    alone, beside, closed, longest = zip(*rounds, strict=True)
    assert min(closed) >= SOCKETS, closed
    show_result(
        "honest p99 beside slow sockets ÷ alone",
        median([one / other for one, other in zip(beside, alone, strict=True)]),
        "≤ 1.2",
        [
            ("p99 alone", f"{median(alone) * 1000:.1f} ms"),
            ("p99 beside", f"{median(beside) * 1000:.1f} ms"),
            ("slow sockets", f"{SOCKETS} at once, {sum(closed):,} closed in all, the last after {max(longest):.1f} s"),
            ("load", f"{ROUNDS} rounds of {PER_SECOND * SECONDS:,} webhooks, {PER_SECOND}/s"),
        ],
    )


def _round(machine: Machine, client: Client, number: int) -> tuple[float, float, int, float]:
    count = PER_SECOND * SECONDS
    alone = _ask(machine, client, f"alone{number}", count)
    with _dripping(machine) as drips:
        beside = _ask(machine, client, f"beside{number}", count)
        closed, longest = drips.communicate(timeout=60)[0].split()
    return percentile(alone, 0.99), percentile(beside, 0.99), int(closed), float(longest)


@contextmanager
def _dripping(machine: Machine) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(HERE / "_drips.py"), str(machine.ports["api"]), str(SOCKETS), str(SECONDS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own helper
    time.sleep(SPREAD_S)  # then all of them are there
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _ask(machine: Machine, client: Client, prefix: str, count: int) -> list[float]:
    """Seconds that each of so many webhooks took."""
    requests = [client.sign(item) for item in make_items(count, prefix)]
    return send_paced(machine.ports["api"], requests, PER_SECOND, CONNECTIONS).require(202).took


if __name__ == "__main__":
    main()
