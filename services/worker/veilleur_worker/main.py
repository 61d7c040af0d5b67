"""`veilleur worker`: screens, sweeps, calls back and whatever else is left to do, until it is told to stop.

It then finishes what it has begun. Any number of them may run.
"""

import argparse
import asyncio
import gc

from prometheus_client import start_http_server

from veilleur.infra.db.start import prepare_database
from veilleur.infra.figures import WORKER, join
from veilleur.infra.settings import Settings, read_settings
from veilleur.infra.telemetry import set_up_logs
from veilleur_worker.parts import build_parts
from veilleur_worker.screening import screen_at_start


def run(arguments: list[str]) -> int:
    argparse.ArgumentParser(prog="veilleur worker", description=__doc__).parse_args(arguments)
    settings = read_settings(Settings)
    set_up_logs(settings.log_format)
    asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    parts = build_parts(settings)
    await prepare_database(parts.database)
    await screen_at_start(parts)
    from veilleur_worker.supervisor import run_worker  # noqa: PLC0415 - screening has no use for a fifth of the start

    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, settings.admin_host, join(WORKER))
    # What is built by now lives as long as the process: searching it for garbage cost a tenth of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    await run_worker(parts)
