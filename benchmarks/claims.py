"""Claims per second of 16 moderators at once over many ready cases ÷ over 10,000.

`claims.py 1000000` takes more than `make bench` has the patience for. Two databases of one server, alike but for the
number of cases, take turns. Every claim is made by somebody with empty hands, as `claim_next` in this process and then
as a request to an API process. Cases are written by SQL; only the most urgent ones, which can be claimed here, have
items.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import asyncpg
from _bench import MASTER_KEY, PASSWORD, Machine, build_request, median, open_machine, percentile, rates, show_result
from _load import send_all

from veilleur.dev.administration import run_statements
from veilleur.dev.roles import APP, create_database, database_url, role_url
from veilleur.domain.review.claim import claim_next
from veilleur.domain.tenancy.issuer import Issuer, TokenClaims
from veilleur.infra.db.session import Database, Scope
from veilleur.infra.doorbell import SilentBell
from veilleur.infra.security.sealing import Sealer

SIZES = (10_000, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
MODERATORS = 16
CLIENTS = 8
ROUNDS = 3
CLAIMS = 320
"""A round, and as many over HTTP."""
LIFETIME = timedelta(hours=1)
CLAIM = b'{"hold": 1}'

_SCENE = """
SET session_replication_role = replica;  -- no foreign keys: a million cases don't each need an item to be claimed

INSERT INTO clients SELECT more.* FROM clients, generate_series(2, {clients}) AS n,
  jsonb_populate_record(clients, jsonb_build_object('id', gen_random_uuid(), 'slug', 'more-' || n)) AS more;

INSERT INTO members (agency_id, id, email, name, roles, languages, skills, capacity, serves_all)
SELECT agency_id, gen_random_uuid(), 'm' || n || '@bench.example', 'M', '{{moderator}}', '{{}}', '{{}}', 5, true
FROM agencies, generate_series(1, {members}) AS n;

CREATE TEMP TABLE piles AS
SELECT c.agency_id, c.id AS client_id, s.id AS source_id, q.id AS queue_id,
       row_number() OVER (ORDER BY c.id) - 1 AS pile
FROM clients c JOIN queues q ON q.agency_id = c.agency_id AND q.code = 'default' CROSS JOIN sources s;

INSERT INTO cases (agency_id, id, client_id, source_id, item_id, item_revision, queue_id, priority, reason, why,
                   state, due_at, fence)
SELECT agency_id, gen_random_uuid(), client_id, source_id, gen_random_uuid(), 1, queue_id, 'normal', 'rule', '[]',
       'ready', now() + make_interval(hours => 1, secs => n), 0
FROM generate_series(1, {cases}) AS n JOIN piles ON pile = n % {clients};

INSERT INTO items (agency_id, id, client_id, source_id, external_id, revision, kind, body, digest, state, interim, mode,
                   decisions, attempts)
SELECT agency_id, item_id, client_id, source_id, item_id::text, 1, 'comment', '{{"text": "Bonjour"}}', '', 'in_review',
       'publish', 'live', 0, 1
FROM cases ORDER BY due_at LIMIT {items};
"""


@dataclass(slots=True)
class Hall:
    """One database with its cases, and the moderators who have not claimed yet."""

    size: int
    machine: Machine
    agency_id: UUID
    fresh: list[UUID]

    def call(self) -> list[UUID]:
        """The next `CLAIMS` moderators with empty hands."""
        called, self.fresh = self.fresh[:CLAIMS], self.fresh[CLAIMS:]
        return called


def main() -> None:
    with open_machine() as machine:
        with machine.run_api():
            machine.start_client(rules=None)
        halls = [asyncio.run(_furnish(machine, size)) for size in SIZES]
        asyncio.run(_claim(halls[0], halls[0].call()))
        within = [[asyncio.run(_claim(hall, hall.call())) for hall in halls] for _ in range(ROUNDS)]
        over_http = [_claim_over_http(hall) for hall in halls]
    small, large = ([took[side] for took in within] for side in range(2))
    show_result(
        f"claims over {SIZES[1]:,} cases ÷ over {SIZES[0]:,}",
        median([many.per_second / few.per_second for few, many in within]),
        "≥ 0.8",
        [
            *(
                (f"claim_next, {hall.size:,}", _describe(took))
                for hall, took in zip(halls, (small, large), strict=True)
            ),
            *((f"over HTTP, {hall.size:,}", f"{rate:,.0f}/s") for hall, rate in zip(halls, over_http, strict=True)),
            ("over HTTP, ratio", f"{over_http[1] / over_http[0]:.2f}"),
            ("load", f"{ROUNDS} rounds of {CLAIMS} claims, {MODERATORS} at once, {CLIENTS} clients"),
        ],
    )


@dataclass(frozen=True, slots=True)
class Claimed:
    per_second: float
    took: list[float]


def _describe(rounds: Sequence[Claimed]) -> str:
    took = [one * 1_000 for claimed in rounds for one in claimed.took]
    figures = f"p50 {median(took):.1f} ms, p99 {percentile(took, 0.99):.1f} ms"
    return f"{rates([claimed.per_second for claimed in rounds])}, {figures}"


async def _furnish(machine: Machine, size: int) -> Hall:
    """A database of its own, with `size` ready cases."""
    name = f"hall_{size}"
    create_database(machine.admin_url, name, template="veilleur")
    url = database_url(machine.admin_url, name)
    values = {"clients": CLIENTS, "members": CLAIMS * (ROUNDS + 2), "cases": size, "items": CLAIMS * (ROUNDS + 3)}
    run_statements(url, [_SCENE.format(**values), "VACUUM ANALYZE"])
    connection = await asyncpg.connect(url)
    members = await connection.fetch("SELECT agency_id, id FROM members WHERE email LIKE 'm%' ORDER BY id")
    await connection.close()
    context = replace(machine.context, app_url=role_url(machine.admin_url, APP, PASSWORD, name))
    return Hall(size, replace(machine, context=context), members[0]["agency_id"], [row["id"] for row in members])


async def _claim(hall: Hall, members: list[UUID]) -> Claimed:
    """Each of `members` claims once, `MODERATORS` at a time."""
    database = Database(hall.machine.context.app_url, bell=SilentBell(), pool_size=MODERATORS)
    took: list[float] = []

    async def work(waiting: list[UUID]) -> None:
        for member_id in waiting:
            began = time.perf_counter()
            async with database.transaction(Scope(hall.agency_id)) as session:
                in_hand = await claim_next(session, hall.agency_id, member_id, hold=1)
            assert len(in_hand.cases) == 1
            took.append(time.perf_counter() - began)

    shares = [members[number::MODERATORS] for number in range(MODERATORS)]
    try:
        await asyncio.gather(*(work(share[:1]) for share in shares))  # connections are opened before the clock starts
        took.clear()
        began = time.perf_counter()
        await asyncio.gather(*(work(share[1:]) for share in shares))
        return Claimed(len(took) / (time.perf_counter() - began), took)
    finally:
        await database.close()


def _claim_over_http(hall: Hall) -> float:
    """Requests per second."""
    tokens = asyncio.run(_issue_tokens(hall, hall.call()))
    requests = [
        build_request("/moderator/v1/assignments", CLAIM, {"authorization": f"Bearer {token}"}) for token in tokens
    ]
    with hall.machine.run_api():
        send_all(hall.machine.ports["api"], requests[:MODERATORS], MODERATORS).require(200)
        return send_all(hall.machine.ports["api"], requests[MODERATORS:], MODERATORS).require(200).per_second


async def _issue_tokens(hall: Hall, members: list[UUID]) -> list[str]:
    database = Database(hall.machine.context.app_url, bell=SilentBell(), pool_size=1)
    issuer = Issuer(database, Sealer.from_master_key(MASTER_KEY), hall.machine.context.base_url)
    await issuer.load_keys()
    await database.close()
    return [issuer.issue(TokenClaims(hall.agency_id, member_id=member_id), LIFETIME) for member_id in members]


if __name__ == "__main__":
    main()
