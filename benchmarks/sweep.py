"""Timer events per second of the sweep with 1,000,000 clocks running, and with 10,000: the cost follows the due ones.

Two databases of one server, alike but for the clocks that run and are not due, take turns: each round makes the same
number of clocks due (a warning each, a breach for every second one) and sweeps them as the worker does, batch by batch,
each in its own commit. Clocks are written by SQL, without their items.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from _bench import PASSWORD, Machine, median, open_machine, rates, show_result

from veilleur.dev.administration import run_statements
from veilleur.dev.roles import WORKER, create_database, database_url, role_url
from veilleur.domain.sla.sweep import sweep_due_clocks
from veilleur.infra.db.session import Database, Scope
from veilleur.infra.doorbell import SilentBell
from veilleur_worker.chores import SLA_BATCH

SIZES = (10_000, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
ROUNDS = 5
DUE = 10_000
AIM = 20_000
SWEEPERS = 2

_CLOCKS = """
SET session_replication_role = replica;  -- no foreign keys: a million clocks don't each need an item

INSERT INTO sla_clocks (agency_id, id, client_id, item_id, case_id, metric, cycle, state, policy_id, calendar_id, facts,
  target_class, target_s, business, pausable, warnings, started_at, counted_from, remaining_s, due_at, timers,
  next_event_at, revision)
SELECT p.agency_id, gen_random_uuid(), p.client_id, gen_random_uuid(), gen_random_uuid(), 'decision', 1, 'running',
       p.id, c.id, '{{}}', 'standard', 28800, true, true, '{{80%}}', now(), now(), 28800, at + {breach},
       jsonb_build_array(jsonb_build_object('at', at, 'threshold', '80%')), at, 0
FROM sla_policies p JOIN calendars c ON c.agency_id = p.agency_id,
     generate_series(1, {clocks}) AS n, LATERAL (SELECT {at} AS at) AS i
"""


@dataclass(slots=True)
class Hall:
    """One database with its running clocks."""

    size: int
    admin_url: str
    worker_url: str
    agency_id: UUID


@dataclass(frozen=True, slots=True)
class Swept:
    seconds: float
    events: int

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


def main() -> None:
    with open_machine() as machine:
        with machine.run_api():
            machine.start_client(rules=None)
        halls = [asyncio.run(_furnish(machine, size)) for size in SIZES]
        for hall in halls:
            asyncio.run(_sweep(hall))
        rounds = [[asyncio.run(_sweep(hall)) for hall in halls] for _ in range(ROUNDS)]
    few, many = ([swept[side] for swept in rounds] for side in range(2))
    reached = median([one.per_second for one in many])
    show_result(
        f"sweep with {SIZES[1]:,} running ÷ with {SIZES[0]:,}",
        median([large.per_second / small.per_second for small, large in rounds]),
        "≥ 0.8",
        [
            *(
                (f"events, {hall.size:,} running", rates([one.per_second for one in swept]))
                for hall, swept in zip(halls, (few, many), strict=True)
            ),
            (f"aim with {SIZES[1]:,} running", f"{AIM:,}/s, {'reached' if reached >= AIM else 'NOT reached'}"),
            ("load", f"{ROUNDS} rounds of {DUE:,} due clocks, {many[0].events:,} events, {SWEEPERS} sweepers"),
        ],
    )


async def _furnish(machine: Machine, size: int) -> Hall:
    name = f"sweep_{size}"
    create_database(machine.admin_url, name, template="veilleur")
    url = database_url(machine.admin_url, name)
    await asyncio.to_thread(
        run_statements,
        url,
        [
            _CLOCKS.format(clocks=size, at="now() + make_interval(secs => 86400 + n)", breach="'1 hour'"),
            "VACUUM ANALYZE",
        ],
    )
    connection = await asyncpg.connect(url)
    agency_id = await connection.fetchval("SELECT agency_id FROM agencies")
    await connection.close()
    return Hall(size, url, role_url(machine.admin_url, WORKER, PASSWORD, name), agency_id)


async def _sweep(hall: Hall) -> Swept:
    """Make `DUE` clocks due, every second one past its deadline as well, and sweep them."""
    due = _CLOCKS.format(
        clocks=DUE,
        at="now() - make_interval(secs => n)",
        breach="CASE WHEN n % 2 = 0 THEN '0 s' ELSE '1 day' END::interval",
    )
    await asyncio.to_thread(run_statements, hall.admin_url, [due])
    before = await _count_events(hall)
    database = Database(hall.worker_url, bell=SilentBell(), pool_size=SWEEPERS)
    try:
        began = time.perf_counter()
        await asyncio.gather(*(_drain(database, hall.agency_id) for _ in range(SWEEPERS)))
        return Swept(time.perf_counter() - began, await _count_events(hall) - before)
    finally:
        await database.close()


async def _drain(database: Database, agency_id: UUID) -> None:
    swept = SLA_BATCH
    while swept == SLA_BATCH:
        async with database.transaction(Scope(agency_id)) as session:
            swept = (await sweep_due_clocks(session, agency_id, SLA_BATCH)).clocks


async def _count_events(hall: Hall) -> int:
    connection = await asyncpg.connect(hall.admin_url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM sla_events"))
    finally:
        await connection.close()


if __name__ == "__main__":
    main()
