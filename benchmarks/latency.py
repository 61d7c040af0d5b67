"""From the commit that accepts an item to the commit that decides it, at half the load that one worker can screen.

Both instants are PostgreSQL's own commit timestamps. Measured against the median of an arq no-op job, from enqueueing
it to its end, on an idle machine.
"""

import asyncio

import asyncpg
from _bench import Machine, make_items, median, open_machine, percentile, show_result
from _load import send_paced
from _worker import POLLS, measure_noop, screen_backlog, wait_for_screening

SECONDS = 8
BACKLOG = 3_000
JOBS = 100

_TOOK = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(outcome.xmin) - pg_xact_commit_timestamp(received.xmin)) * 1000
FROM usage_records AS received
JOIN (SELECT agency_id, item_id, xmin FROM decisions UNION ALL SELECT agency_id, item_id, xmin FROM cases) AS outcome
  USING (agency_id, item_id)
JOIN items ON items.agency_id = received.agency_id AND items.id = received.item_id
WHERE received.meter = 'items.received' AND items.external_id LIKE 'paced-%'
"""


def main() -> None:
    with open_machine(track_commits=True) as machine, machine.run_api(), machine.run_worker() as worker:
        client = machine.start_client()
        screen_backlog(machine, client, worker, "warm", 1_000)
        capacity = screen_backlog(machine, client, worker, "full", BACKLOG)
        noops = {poll: measure_noop(machine, "latency", JOBS, poll) for poll in POLLS}
        load = capacity / 2
        requests = [client.sign(item) for item in make_items(int(load * SECONDS), "paced")]
        sent = send_paced(machine.ports["api"], requests, load).require(202)
        wait_for_screening(machine)
        took = asyncio.run(_list_latencies(machine))
    assert len(took) == len(requests), (len(took), len(requests))
    worst = percentile(took, 0.99)
    show_result(
        "p99 accept to decision ÷ p50 of an arq no-op",
        worst / noops[0.05],
        "≤ 20",
        [
            ("accept to decision", f"p50 {median(took):.0f} ms, p99 {worst:.0f} ms, worst {max(took):.0f} ms"),
            ("arq no-op, poll_delay=0.05", f"p50 {noops[0.05]:.1f} ms"),
            ("arq no-op, poll_delay=0.5", f"p50 {noops[0.5]:.1f} ms, its default: ratio {worst / noops[0.5]:.1f}"),
            ("load", f"{sent.per_second:,.0f} webhooks/s for {SECONDS} s; the worker alone: {capacity:,.0f}/s"),
        ],
    )


async def _list_latencies(machine: Machine) -> list[float]:
    connection = await asyncpg.connect(machine.admin_url)
    try:
        return [float(row[0]) for row in await connection.fetch(_TOOK)]
    finally:
        await connection.close()


if __name__ == "__main__":
    main()
