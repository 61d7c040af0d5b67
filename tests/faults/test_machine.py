"""Receive, drain, claim, decide and deliver in any order, each broken off anywhere, on the real PostgreSQL.

A crash is a transaction that ends in an exception; an answer that is lost is a commit nobody heard of; a worker that
dies between its two commits leaves a counted attempt. Whatever the order: nothing is lost, and nothing is done twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar, Literal, TypeVar

import asyncpg
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy.ext.asyncio import AsyncSession

from tests.faults.support.invariants import assert_invariants, judge, judge_rows, take_stock
from tests.faults.support.load import WORDS, Ledger, Sent
from tests.faults.support.receiver import Endpoint
from tests.faults.support.scene import few_or_many
from tests.support.desk import ASK_RULES, Desk, open_desk
from tests.support.world import World
from veilleur.domain.decisions.policy import Ruling
from veilleur.domain.delivery.attempt import Attempt
from veilleur.domain.delivery.backoff import Result
from veilleur.domain.delivery.begin import begin_attempts
from veilleur.domain.delivery.finish import finish_attempt
from veilleur.domain.intake.arrival import Arrival
from veilleur.domain.intake.envelope import read_item
from veilleur.domain.intake.receive import receive_group
from veilleur.domain.outbox.sequence import sequence_events
from veilleur.domain.review.claim import claim_next
from veilleur.domain.review.decide import DecisionRequest, decide_case
from veilleur.domain.screening.screen import mark_attempts, screen_marked
from veilleur.domain.tenancy.lookup import FoundSource
from veilleur.infra.db.session import Database
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import read_id, show_id

T = TypeVar("T")

Fate = Literal["done", "crashed", "unheard"]
FATES = st.sampled_from(["done", "done", "crashed", "unheard"])
"""`crashed`: rolled back at its very end. `unheard`: committed, and the answer is lost."""

KINDS = list(WORDS)
NAMES = st.lists(st.integers(0, 8), min_size=1, max_size=6)
WHO = st.integers(0, 1)


class CrashError(Exception):
    pass


class Moderation(RuleBasedStateMachine):
    """One agency; the clock behind its leases is moved by hand."""

    world: ClassVar[World]
    loop: ClassVar[asyncio.AbstractEventLoop]
    crashes: ClassVar[int] = 0
    steps: ClassVar[int] = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Hypothesis is not asynchronous: it runs in a thread, and its steps in the loop of the application."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    @initialize()
    def found(self) -> None:
        self.run(self._found())

    @rule(names=NAMES, fate=FATES)
    def receive(self, names: list[int], fate: Fate) -> None:
        self.run(self._receive(names, fate))

    @rule(fresh=st.booleans(), limit=st.integers(1, 5), marked=FATES, screened=FATES)
    def drain(self, fresh: bool, limit: int, marked: Fate, screened: Fate) -> None:
        self.run(self._drain(fresh, limit, marked, screened))

    @rule(who=WHO, hold=st.integers(1, 3), fate=FATES)
    def claim(self, who: int, hold: int, fate: Fate) -> None:
        self.run(self._claim(who, hold, fate))

    @rule(who=WHO, fate=FATES)
    def decide(self, who: int, fate: Fate) -> None:
        self.run(self._decide(who, fate))

    @rule(limit=st.integers(1, 4), begun=FATES, finished=FATES)
    def send(self, limit: int, begun: Fate, finished: Fate) -> None:
        self.run(self._send(limit, begun, finished))

    @rule(fate=FATES)
    def number(self, fate: Fate) -> None:
        self.run(self._number(fate))

    @rule()
    def wait(self) -> None:
        self.run(self._wait())

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "connection"):
            type(self).steps += 1
            self.run(self._check())

    def teardown(self) -> None:
        if hasattr(self, "connection"):
            self.run(self._end_well())

    # What the steps do

    async def _found(self) -> None:
        self.desk: Desk = await open_desk(self.world, ASK_RULES, capacity=4)
        other = await self.desk.agency.add_moderator(capacity=4)
        await self.desk.client.add_endpoint("http://127.0.0.1:9/never-called")
        source = await self.world.parts.lookups.find_source(read_id("src", self.desk.client.source["id"]))
        assert source is not None
        self.source: FoundSource = source
        members = await self.desk.fetch("SELECT id FROM members WHERE agency_id = $1 AND 'moderator' = ANY(roles)")
        assert len(members) == 2, other
        self.members = [row["id"] for row in members]
        self.connection: asyncpg.Connection = await asyncpg.connect(self.world.admin_url)
        self.ledger, self.endpoint = Ledger(), Endpoint()
        self.sent: dict[int, Sent] = {}
        self.held: list[dict[Any, Any]] = [{}, {}]

    async def _receive(self, names: list[int], fate: Fate) -> None:
        for name in names:
            if name not in self.sent:
                self.sent[name] = Sent(f"c-{name}", b"", f"msg-{name}")
                self.ledger.sent.append(self.sent[name])
            self.sent[name].tries += 1
        arrivals = [self._arrive(self.sent[name], KINDS[name % len(KINDS)]) for name in names]
        answers = await self._commit(
            self.world.parts.database, fate, lambda session: receive_group(session, self.desk.agency_id, arrivals)
        )
        for name, answer in zip(names, answers or [], strict=False):
            assert isinstance(answer, list)
            self.sent[name].receipts += [
                {"id": show_id("itm", receipt.item_id), "status": receipt.status} for receipt in answer
            ]

    def _arrive(self, sent: Sent, kind: str) -> Arrival:
        item = read_item({"external_id": sent.external_id, "text": f"{WORDS[kind]} {sent.external_id}"}, "")
        return Arrival(self.source, (item,), sent.webhook_id, item.digest)

    async def _drain(self, fresh: bool, limit: int, marked: Fate, screened: Fate) -> None:
        agency_id, worker = self.desk.agency_id, self.world.worker
        ids = await self._commit(
            worker.database, marked, lambda session: mark_attempts(session, agency_id, fresh=fresh, limit=limit)
        )
        if ids:
            await self._commit(
                worker.database, screened, lambda session: screen_marked(session, agency_id, ids, worker.rule_sets)
            )

    async def _claim(self, who: int, hold: int, fate: Fate) -> None:
        member = self.members[who]
        in_hand = await self._commit(
            self.world.parts.database,
            fate,
            lambda session: claim_next(session, self.desk.agency_id, member, hold=hold),
        )
        if in_hand:
            self.held[who] |= {case.assignment_id: (case.fence, case.item_revision) for case in in_hand.cases}

    async def _decide(self, who: int, fate: Fate) -> None:
        """Everything this moderator ever held, once more: what is theirs no longer is refused, the rest repeated."""
        for assignment_id, (fence, revision) in self.held[who].items():
            request = DecisionRequest(fence, revision, Ruling("allow", (), ()), None, None, b"as before")

            async def decide(session: AsyncSession, key: Any = assignment_id, asked: Any = request) -> Any:
                return await decide_case(session, self.desk.agency_id, self.members[who], key, asked)

            try:
                decided = await self._commit(self.world.parts.database, fate, decide)
            except Conflict as conflict:
                if conflict.slug != "lease-lost" or str(assignment_id) in self.ledger.verdicts:
                    raise
                continue
            if decided:
                told = show_id("dec", decided.decision.id)
                assert self.ledger.verdicts.setdefault(str(assignment_id), told) == told

    async def _send(self, limit: int, begun: Fate, finished: Fate) -> None:
        agency_id, database = self.desk.agency_id, self.world.worker.database
        attempts = await self._commit(database, begun, lambda session: begin_attempts(session, agency_id, limit))
        for attempt in attempts or []:
            self.endpoint.bodies[show_id("evt", attempt.event_id)].append(attempt.body.encode())

            async def finish(session: AsyncSession, attempt: Attempt = attempt) -> str:
                return await finish_attempt(session, agency_id, attempt, Result(status=204), jitter=0.5)

            await self._commit(database, finished, finish)

    async def _number(self, fate: Fate) -> None:
        await self._commit(
            self.world.worker.database, fate, lambda session: sequence_events(session, self.desk.agency_id, 5)
        )

    async def _wait(self) -> None:
        """Long enough for every lease and every pause to end."""
        for statement in (
            "UPDATE items SET attempted_at = attempted_at - interval '1 hour' WHERE agency_id = $1",
            "UPDATE cases SET lease_expires_at = lease_expires_at - interval '1 hour' WHERE agency_id = $1",
            "UPDATE deliveries SET due_at = due_at - interval '1 hour' WHERE agency_id = $1",
        ):
            await self.connection.execute(statement, self.desk.agency_id)

    async def _commit(self, database: Database, fate: Fate, work: Callable[[AsyncSession], Awaitable[T]]) -> T | None:
        """One transaction; None when it came to nothing, or nobody heard what came of it."""
        type(self).crashes += fate != "done"
        try:
            async with database.transaction(self.desk.scope) as session:
                result = await work(session)
                if fate == "crashed":
                    raise CrashError
        except CrashError:
            return None
        return None if fate == "unheard" else result

    # What must hold

    async def _check(self) -> None:
        assert_invariants(judge_rows(self.ledger, await take_stock(self.connection, self.desk.agency_id)))

    async def _end_well(self) -> None:
        """Nobody crashes any more: everything comes to its end, and every sender has heard so."""
        try:
            if self.sent:
                await self._receive(list(self.sent), "done")
            while await self._remains():
                await self._wait()
                for fresh in (True, False):
                    await self._drain(fresh, 50, "done", "done")
                for who in (0, 1):
                    await self._claim(who, 4, "done")
                    await self._decide(who, "done")
                await self._send(50, "done", "done")
                await self._number("done")
            stock = await take_stock(self.connection, self.desk.agency_id)
            assert_invariants(judge(self.ledger, self.endpoint, stock))
        finally:
            await self.connection.close()

    async def _remains(self) -> bool:
        query = """
        SELECT EXISTS (SELECT FROM items WHERE agency_id = $1 AND state IN ('received', 'in_review'))
            OR EXISTS (SELECT FROM deliveries WHERE agency_id = $1 AND due_at IS NOT NULL)
            OR EXISTS (SELECT FROM events WHERE agency_id = $1 AND sequence IS NULL)
        """
        return bool(await self.connection.fetchval(query, self.desk.agency_id))


async def test_any_order_of_steps_and_crashes_loses_nothing_and_does_nothing_twice(world, record_property):
    Moderation.world, Moderation.loop = world, asyncio.get_running_loop()
    wanted = settings(
        max_examples=few_or_many(10, 300),
        stateful_step_count=few_or_many(20, 50),
        deadline=None,
        derandomize=True,
        database=None,
    )
    await asyncio.to_thread(run_state_machine_as_test, Moderation, settings=wanted)
    record_property("remark", f"state machine: {Moderation.steps} steps, {Moderation.crashes} crashes and lost answers")
