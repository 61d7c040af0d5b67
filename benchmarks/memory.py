"""Memory of the API and of the worker at rest, and while items go through them: it must stay flat.

`memory.py 100000` sends more than `make bench` has the patience for.
"""

import sys

import psutil
from _bench import open_machine, show_result
from _worker import send_items, wait_for_screening

WARM = 5_000
STEP = 10_000
ITEMS = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000


def main() -> None:
    with open_machine() as machine, machine.run_api() as api, machine.run_worker() as worker:
        client = machine.start_client()
        rest = _read(api, worker)
        send_items(machine, client, "warm", WARM)
        wait_for_screening(machine)
        seen = [_read(api, worker)]
        for done in range(0, ITEMS, STEP):
            send_items(machine, client, f"after{done}", STEP)
            wait_for_screening(machine)
            seen.append(_read(api, worker))
    growth = max(last / first for first, last in zip(seen[0], seen[-1], strict=True))
    show_result(
        f"memory after {ITEMS:,} items ÷ after the first {WARM:,}",
        growth,
        "≤ 1.1",
        [
            (name, f"at rest {rest[side]:.0f} MB, then " + " ".join(f"{one[side]:.0f}" for one in seen) + " MB")
            for side, name in enumerate(("API", "worker"))
        ],
    )


def _read(*pids: int) -> tuple[float, ...]:
    """Resident megabytes."""
    return tuple(psutil.Process(pid).memory_info().rss / 1e6 for pid in pids)


if __name__ == "__main__":
    main()
