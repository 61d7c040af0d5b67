"""`veilleur api`: the public application and the operator's, two ports of one process.

Told to stop, it first says that it is no longer ready and serves on for `stop_after_s`, so that whoever balances the
load sends nothing more; then it takes no connection, finishes what is in flight, and closes. A second signal hurries.
"""

import argparse
import asyncio
import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.loops.auto import auto_loop_factory

from veilleur.infra.db.start import prepare_database
from veilleur.infra.settings import Settings, read_settings
from veilleur.infra.telemetry import set_up_logs
from veilleur_api.app import create_admin_app, create_app
from veilleur_api.parts import Parts, build_parts
from veilleur_api.patience import PatientProtocol


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """One handler stops both servers, in order."""
        yield


def run(arguments: list[str]) -> int:
    argparse.ArgumentParser(prog="veilleur api", description=__doc__).parse_args(arguments)
    settings = read_settings(Settings)
    set_up_logs(settings.log_format)
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:  # uvloop where there is one
        runner.run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    parts = build_parts(settings)
    await prepare_database(parts.database)
    public = _server(create_app(settings, parts), settings.host, settings.port)
    admin = _server(create_admin_app(settings, parts), settings.admin_host, settings.admin_port)
    _spare_what_stays()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, parts, public, admin)
    # The admin application shares the parts that the public one closes: it ends first.
    admin_task = asyncio.create_task(admin.serve())
    await public.serve()
    admin.should_exit = True
    await admin_task


def _spare_what_stays() -> None:
    """What is built by now lives as long as the process: searching it for garbage cost a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _server(app: FastAPI, host: str, port: int) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        http=PatientProtocol,
        ws="none",
    )
    return _Server(config)


def _stop(parts: Parts, *servers: uvicorn.Server) -> None:
    wait_s = 0.0 if parts.stopping.is_set() else parts.settings.stop_after_s
    parts.stopping.set()
    asyncio.get_running_loop().call_later(wait_s, _end, *servers)


def _end(*servers: uvicorn.Server) -> None:
    for server in servers:
        server.should_exit = True
