"""Whether this process can serve, and how well.

`unready`: no request could be answered, so none should be sent here. `degraded`: everything is accepted and kept, and
something that belongs to it is late; sending it elsewhere would not help. `ready`: all is well.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import structlog
from sqlalchemy.exc import SQLAlchemyError

from veilleur.domain.tenancy.issuer import opens_keys
from veilleur.infra.db.schema import SchemaFit, judge_schema, newest_revision, read_schema
from veilleur.infra.db.session import NOBODY
from veilleur.infra.heartbeat import WorkerSeen, list_workers
from veilleur.infra.worklist import WorkKind, list_late_work
from veilleur.kernel.messages import Message, msg
from veilleur_api.parts import Parts

WITHIN_S = 2.0
LATE_S = 60.0
"""Work that waited longer than this for a sweep is late."""

Status = Literal["ready", "degraded", "unready"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reason:
    part: Literal["process", "database", "schema", "keys", "redis", "workers", "work"]
    detail: Message
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Signs:
    """What a look at the installation found."""

    revision: str | None
    serves_from: str | None
    known: str
    has_keys: bool
    redis: bool
    workers: Sequence[WorkerSeen] = ()
    late: Mapping[WorkKind, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Readiness:
    revision: str | None
    reasons: Sequence[Reason]

    @property
    def status(self) -> Status:
        if any(reason.fatal for reason in self.reasons):
            return "unready"
        return "degraded" if self.reasons else "ready"


async def look(parts: Parts) -> Readiness:
    """What stands now; answers within `WITHIN_S`, whatever hangs."""
    if parts.stopping.is_set():
        return Readiness(None, [Reason("process", msg("This process is about to end"), fatal=True)])
    try:
        async with asyncio.timeout(WITHIN_S):
            signs = await _gather(parts)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        _log.warning("database_away", error=type(error).__name__)
        return Readiness(None, [Reason("database", msg("The database does not answer"), fatal=True)])
    return Readiness(signs.revision, judge_signs(signs))


def judge_signs(signs: Signs) -> list[Reason]:
    """Every reason not to be content, the fatal ones first."""
    reasons: list[Reason] = []
    has, known = signs.revision or "-", signs.known
    match judge_schema(signs.revision, signs.serves_from, known):
        case SchemaFit.OLDER:
            told = msg("The schema is at {has} and this process needs {known}: migrate it", has=has, known=known)
            reasons.append(Reason("schema", told, fatal=True))
        case SchemaFit.NEWER:
            told = msg("The schema is at {has} and no longer serves what knows {known}", has=has, known=known)
            reasons.append(Reason("schema", told, fatal=True))
    if not signs.has_keys:
        reasons.append(Reason("keys", msg("The keys that sign tokens can't be opened"), fatal=True))
    if not signs.redis:
        reasons.append(Reason("redis", msg("Redis does not answer; the workers look for work by themselves")))
    if not any(worker.alive for worker in signs.workers):
        reasons.append(Reason("workers", msg("No worker is alive: what is accepted waits")))
    late = {kind: age for kind, age in signs.late.items() if age > LATE_S}
    if late:
        kind, age = max(late.items(), key=lambda one: one[1])
        reasons.append(
            Reason("work", msg("Work of the kind {kind} is late by {seconds} s", kind=kind, seconds=int(age)))
        )
    return reasons


async def _gather(parts: Parts) -> Signs:
    async with parts.database.transaction(NOBODY) as session:
        revision, serves_from = await read_schema(session)
        if judge_schema(revision, serves_from, newest_revision()) is SchemaFit.OLDER:
            return Signs(revision, serves_from, newest_revision(), has_keys=True, redis=True)
        has_keys = await opens_keys(session, parts.sealer)
        workers = await list_workers(session)
        late = await list_late_work(session)
    return Signs(
        revision=revision,
        serves_from=serves_from,
        known=newest_revision(),
        has_keys=has_keys,
        redis=await parts.bell.answers(),
        workers=workers,
        late=late,
    )
