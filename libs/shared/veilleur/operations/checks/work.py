"""Is the work done: workers alive, nothing late, nothing given up."""

from collections.abc import Mapping, Sequence
from functools import reduce

from sqlalchemy import text

from veilleur.domain.oversight.load import Load, count_dead_deliveries, measure_load
from veilleur.infra.db.schema import newest_revision
from veilleur.infra.db.session import NOBODY, Database, Scope
from veilleur.infra.heartbeat import WorkerSeen, list_workers
from veilleur.infra.settings import Settings
from veilleur.infra.worklist import WorkKind, list_late_work
from veilleur.kernel.messages import msg
from veilleur.operations.finding import Finding, Level

LATE_S = (60, 600)
"""From the first on a warning, from the second on a fault."""
DUE_S = 900
"""A callback that has been due for so long waits for a worker, not for its receiver."""
MOST_AGENCIES = 2_000

_MAY_LIST = text("SELECT has_function_privilege('list_agencies(text, integer)', 'EXECUTE')")
_LIST = text("SELECT agency_id FROM list_agencies('', :wanted)")


async def check_workers(_settings: Settings, database: Database) -> list[Finding]:
    async with database.transaction(NOBODY) as session:
        workers = await list_workers(session)
    return judge_workers(workers, newest_revision())


def judge_workers(workers: Sequence[WorkerSeen], known: str) -> list[Finding]:
    alive = [worker for worker in workers if worker.alive]
    if not alive:
        told = msg("No worker is alive: items are accepted, and nothing else happens")
        return [Finding(Level.FAULT, "workers", told, msg("Start `veilleur worker`; its log says why it ended"))]
    findings = [Finding(Level.WELL, "workers", msg("Workers alive: {count}", count=len(alive)))]
    gone = [f"{worker.host}/{worker.pid}" for worker in workers if not worker.alive]
    if gone:
        told = msg("These workers ended without a word within the last hour: {workers}", workers=gone)
        mend = msg("Their logs, or those of the machine (memory), say why")
        findings.append(Finding(Level.WARNING, "workers", told, mend))
    others = sorted({worker.revision for worker in alive} - {known})
    if others:
        told = msg("Some workers run other code than this ({revisions}, here {known})", revisions=others, known=known)
        findings.append(Finding(Level.WARNING, "workers", told, msg("Finish the rollout: replace them")))
    return findings


async def check_late_work(_settings: Settings, database: Database) -> list[Finding]:
    async with database.transaction(NOBODY) as session:
        return judge_late_work(await list_late_work(session))


def judge_late_work(late: Mapping[WorkKind, float]) -> list[Finding]:
    findings = [
        Finding(
            Level.WARNING if age < LATE_S[1] else Level.FAULT,
            "work",
            msg("Work of the kind {kind} is late by {seconds} s", kind=kind, seconds=int(age)),
            msg("Add workers if they are busy; if one kind alone is late, look for drain_failed in their logs"),
        )
        for kind, age in sorted(late.items())
        if age > LATE_S[0]
    ]
    return findings or [Finding(Level.WELL, "work", msg("No work is late"))]


async def check_agencies(_settings: Settings, database: Database) -> list[Finding]:
    """Every agency by itself, under its own scope."""
    async with database.transaction(NOBODY) as session:
        if not await session.scalar(_MAY_LIST):
            told = msg("This role may not list agencies: backlog and dead letters were not looked at")
            return [Finding(Level.NOTE, "work", told, msg("Run the doctor with the settings of the API"))]
        agencies = list(await session.scalars(_LIST, {"wanted": MOST_AGENCIES}))
    loads: list[Load] = []
    dead: list[int] = []
    for agency_id in agencies:
        async with database.transaction(Scope(agency_id)) as session:
            loads.append(await measure_load(session, agency_id))
            dead.append(await count_dead_deliveries(session, agency_id))
    return judge_load(reduce(Load.join, loads, Load()), sum(dead), sum(map(bool, dead)))


def judge_load(load: Load, dead: int, agencies: int) -> list[Finding]:
    """`dead` deliveries in so many `agencies`."""
    findings = []
    told = msg("{count} items wait for screening, the oldest for {seconds} s", count=load.received,
               seconds=int(load.received_age_s))  # fmt: skip
    if load.received_age_s > LATE_S[0]:
        mend = msg("Look at the workers first; items of one client alone: see its rule set and its providers")
        level = Level.WARNING if load.received_age_s < LATE_S[1] else Level.FAULT
        findings.append(Finding(level, "work", told, mend))
    else:
        findings.append(Finding(Level.WELL, "work", told))
    if load.delivery_age_s > DUE_S:
        told = msg("{count} callbacks are due, the oldest for {seconds} s", count=load.deliveries_due,
                   seconds=int(load.delivery_age_s))  # fmt: skip
        findings.append(Finding(Level.WARNING, "work", told, msg("Look at the workers, and at slow receivers")))
    if dead:
        told = msg("{count} callbacks of {agencies} agencies were given up", count=dead, agencies=agencies)
        mend = msg("Their owners see them at GET /owner/v1/deliveries?state=dead and can send them again")
        findings.append(Finding(Level.WARNING, "work", told, mend))
    return findings
