"""`veilleur worker`."""

import asyncio

from veilleur.infra.db.guard import refuse_unsafe_role
from veilleur.infra.settings import Settings
from veilleur.infra.telemetry import set_up_logs
from veilleur_worker.parts import build_parts
from veilleur_worker.supervisor import run_worker


def run(_arguments: list[str]) -> int:
    settings = Settings()
    set_up_logs(settings.log_format)
    asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    parts = build_parts(settings)
    await refuse_unsafe_role(parts.database)
    await run_worker(parts)
