"""Items screened and durably decided per second in one worker process ÷ arq no-op jobs per second in one worker.

Real texts under the demo's rule set `videos-en`: some are decided, some open a case with its clock. Each leaves its
usage record, audit entry and event behind. arq's job leaves nothing.
"""

import asyncio

from _bench import median, open_machine, rates, show_result
from _worker import POLLS, measure_noop, screen_backlog

ROUNDS = 3
ITEMS = 3_000
JOBS = {0.5: 400, 0.05: 1_500}


def main() -> None:
    ours: list[float] = []
    noops: dict[float, list[float]] = {poll: [] for poll in POLLS}
    with open_machine() as machine, machine.run_api(), machine.run_worker() as worker:
        client = machine.start_client()
        screen_backlog(machine, client, worker, "warm", 1_000)
        for number in range(ROUNDS):
            ours.append(screen_backlog(machine, client, worker, f"round{number}", ITEMS))
            for poll in POLLS:
                noops[poll].append(measure_noop(machine, "rate", JOBS[poll], poll))
        decided = asyncio.run(machine.fetch_value("SELECT avg((state = 'decided')::int) FROM items"))
    usual, tuned = ([one / other for one, other in zip(ours, noops[poll], strict=True)] for poll in POLLS)
    show_result(
        "items screened ÷ arq no-op jobs",
        median(tuned),
        "≥ 2",
        [
            ("items screened and committed", f"{rates(ours)}, {decided:.0%} decided, the rest now a case"),
            ("arq no-op, poll_delay=0.05", rates(noops[0.05])),
            ("arq no-op, poll_delay=0.5", f"{rates(noops[0.5])}, its default: ratio {median(usual):.1f}"),
            ("load", f"{ROUNDS} rounds of {ITEMS:,} items"),
        ],
    )


if __name__ == "__main__":
    main()
