"""`veilleur api`: the public application and the operator's, two ports of one process."""

import asyncio
import gc
import signal

import uvicorn
from fastapi import FastAPI
from uvicorn.loops.auto import auto_loop_factory

from veilleur.infra.db.guard import refuse_unsafe_role
from veilleur.infra.settings import Settings
from veilleur.infra.telemetry import set_up_logs
from veilleur_api.app import create_admin_app, create_app
from veilleur_api.parts import build_parts


def run(_arguments: list[str]) -> int:
    settings = Settings()
    set_up_logs(settings.log_format)
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:  # uvloop where there is one
        runner.run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    parts = build_parts(settings)
    await refuse_unsafe_role(parts.database)
    public = _server(create_app(settings, parts), settings.host, settings.port)
    admin = _server(create_admin_app(settings, parts), settings.admin_host, settings.admin_port)
    _spare_what_stays()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, public, admin)
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
        h11_max_incomplete_event_size=32_768,
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # one handler stops both
    return server


def _stop(*servers: uvicorn.Server) -> None:
    for server in servers:
        server.should_exit = True
