"""arq's settings: a doorbell, not a ledger.

JSON instead of pickle, no kept results, one try, a short poll; what a ring starts is a drain, which any sweep would
start as well.
"""

from typing import Any, cast
from uuid import UUID

from arq.connections import RedisSettings
from arq.worker import Worker, func

from veilleur.infra.doorbell import read_job, write_job
from veilleur.infra.worklist import WorkKind
from veilleur_worker.drains import DRAINS, Drains

POLL_S = 0.05
JOB_TIMEOUT_S = 20
MAX_JOBS = 8


async def drain(context: dict[str, Any], kind: str, agency_id: str) -> None:
    """The one job there is: what a ring asks for."""
    if kind in DRAINS:
        drains: Drains = context["drains"]
        await drains.run(cast("WorkKind", kind), UUID(agency_id))


def build_worker(redis: RedisSettings, drains: Drains) -> Worker:
    """An arq worker that answers rings; the caller supervises it, because a Redis restart ends its loop."""
    return Worker(
        functions=[func(drain, name="drain", keep_result=0, max_tries=1, timeout=JOB_TIMEOUT_S)],  # type: ignore[arg-type]
        redis_settings=redis,
        ctx={"drains": drains},
        poll_delay=POLL_S,
        max_jobs=MAX_JOBS,
        keep_result=0,
        handle_signals=False,
        job_serializer=write_job,
        job_deserializer=read_job,
        health_check_interval=3_600,
        log_results=False,
    )
