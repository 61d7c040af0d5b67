"""A month's statement ÷ a plain `SUM … GROUP BY` over the same usage records, asked by the same role.

Cold: no sum was packed yet, and every record stands alone among them, the worst there is. Kept: the worker has packed
them. `python benchmarks/statement.py 2000000` for that many records.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import date
from uuid import UUID

import asyncpg
from _bench import Machine, median, open_machine, show_parts, show_result
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod
from veilleur.domain.invoicing.reconcile import compare_within, find_stretch
from veilleur.domain.invoicing.statement import write_statement
from veilleur.domain.metering.pack import pack_sums
from veilleur.infra.db.session import Database, Scope
from veilleur.kernel.ids import new_id, parse_id

RECORDS = 200_000
ROUNDS = 5
PLAIN = """
SELECT meter, dims, sum(quantity), count(*) FROM usage_records
WHERE agency_id = :agency_id AND client_id = :client_id AND local_date >= '2026-05-01' AND local_date < '2026-06-01'
  AND billable GROUP BY 1, 2
"""
FILL = """
INSERT INTO usage_records (agency_id, id, client_id, meter, quantity, occurred_at, local_date, time_zone, billable,
                           dims, item_id, decision_id)
SELECT $1, gen_random_uuid(), $2, (ARRAY['items.received', 'decision.auto', 'decision.human'])[1 + n % 3], 1,
       '2026-05-01 10:00Z'::timestamptz + (n % 31) * interval '1 day', DATE '2026-05-01' + n % 31, 'Europe/Paris', true,
       jsonb_build_object('network', 'standard', 'language', (ARRAY['fr', 'en', 'de'])[1 + n % 7 % 3],
                          'channel', 'c' || n % 11 % 5, 'verdict', (ARRAY['allow', 'remove'])[1 + n % 2]),
       gen_random_uuid(), gen_random_uuid()
FROM generate_series(1, $3::integer) AS n
"""
APART = """
INSERT INTO usage_sums (agency_id, client_id, local_date, meter, source_id, billable, late, dims, quantity, records,
                        packed)
SELECT agency_id, client_id, local_date, meter, source_id, billable, false, dims, quantity, 1, false FROM usage_records
WHERE agency_id = $1
"""
PLAN = """{"code": "bench", "version": 1, "currency": "EUR", "interval": "month", "timezone": "Europe/Paris",
 "components": [{"code": "human", "model": "graduated", "meter": "decision.human", "label": {"en": "H"},
                 "tiers": [{"up_to": "1000", "unit": "0.28"}, {"up_to": null, "unit": "0.22"}]},
                {"code": "auto", "model": "per_unit", "meter": "decision.auto", "label": {"en": "A"},
                 "unit": "0.005"}]}"""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    with open_machine() as machine, machine.run_api():
        client_id = parse_id("cli", machine.start_client().id)
        if client_id is None:
            raise SystemExit("the client has no id")
        asyncio.run(_run(machine, client_id, count))


class _Bell:
    def ring(self, kind: str, agency_id: UUID) -> None:
        """Nobody listens."""


async def _run(machine: Machine, client_id: UUID, count: int) -> None:
    admin = await asyncpg.connect(machine.admin_url, timeout=300)
    database = Database(machine.context.worker_url, bell=_Bell())
    agency_id = await admin.fetchval("SELECT agency_id FROM clients WHERE id = $1", client_id)
    period_id = await _fill(admin, agency_id, client_id, count)
    scope = Scope(agency_id)

    async def plain() -> None:
        async with database.transaction(scope) as session:
            (await session.execute(text(PLAIN), {"agency_id": agency_id, "client_id": client_id})).all()

    async def statement() -> None:
        async with database.transaction(scope) as session:
            period = await session.get_one(BillingPeriod, (agency_id, period_id))
            await write_statement(session, agency_id, client_id, period)

    cold, base = await _take_turns(statement, plain)
    packing = time.perf_counter()
    more = True
    while more:
        async with database.transaction(scope) as session:
            more = await pack_sums(session, agency_id)
    packed_s = time.perf_counter() - packing
    await admin.execute("VACUUM ANALYZE usage_sums")
    kept, again = await _take_turns(statement, plain)
    compared_s = await _time(lambda: _compare(database, scope, period_id))
    parts = [("records", f"{count:,}"), ("plain", f"{base * 1000:,.0f} ms, later {again * 1000:,.0f} ms")]
    show_result("cold statement ÷ plain", cold / base, "≤ 1.2", [*parts, ("cold", f"{cold * 1000:,.0f} ms")])
    show_result("kept statement ÷ plain", kept / again, "≤ 0.05", [("kept", f"{kept * 1000:,.1f} ms")])
    show_parts([("packing", f"{packed_s:,.1f} s"), ("reconciling", f"{compared_s:,.1f} s")])
    await database.close()
    await admin.close()


async def _fill(admin: asyncpg.Connection, agency_id: UUID, client_id: UUID, count: int) -> UUID:
    """Records of a May, each alone among the sums, and a contract to price them by."""
    member = await admin.fetchval("SELECT id FROM members WHERE agency_id = $1 LIMIT 1", agency_id)
    plan, contract, period = new_id(), new_id(), new_id()
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(
        "INSERT INTO rate_plan_versions (agency_id, id, code, version, document, created_by)"
        " VALUES ($1, $2, 'bench', 1, $3, $4)", agency_id, plan, PLAN, member,
    )  # fmt: skip
    await admin.execute(
        "INSERT INTO contracts (agency_id, id, client_id, rate_plan_id, plan, starts_on, time_zone, buyer, tax,"
        " payment_days, created_by) VALUES ($1, $2, $3, $4, $5, $6, 'Europe/Paris', '{}',"
        """ '{"category": "S", "rate": "20"}', 30, $7)""",
        agency_id, contract, client_id, plan, PLAN, date(2026, 1, 1), member,
    )  # fmt: skip
    await admin.execute(
        "INSERT INTO billing_periods (agency_id, id, client_id, contract_id, starts_on, ends_on)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        agency_id, period, client_id, contract, date(2026, 5, 1), date(2026, 6, 1),
    )  # fmt: skip
    await admin.execute(FILL, agency_id, client_id, count, timeout=600)
    await admin.execute(APART, agency_id, timeout=600)
    await admin.execute("SET session_replication_role = origin")
    await admin.execute("VACUUM ANALYZE usage_records, usage_sums", timeout=600)
    return period


async def _take_turns(one: Callable[[], Awaitable[None]], other: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """The medians, the two taking turns."""
    rounds = [(await _time(one), await _time(other)) for _ in range(ROUNDS)]
    ours, others = zip(*rounds, strict=True)
    return median(ours), median(others)


async def _time(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _compare(database: Database, scope: Scope, period_id: UUID) -> None:
    async with database.transaction(scope) as session:
        await _compare_in(session, scope, period_id)


async def _compare_in(session: AsyncSession, scope: Scope, period_id: UUID) -> None:
    period = await session.get_one(BillingPeriod, (scope.agency_id, period_id))
    await compare_within(session, await find_stretch(session, period))


if __name__ == "__main__":
    main()
