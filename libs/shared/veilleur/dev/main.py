"""`veilleur dev`: from an empty folder to a working moderation agency, under one supervisor.

Hold the state folder → engines → roles → schema → demo agency → worker and API → demo. `credentials.json` is whole
before the API can say that it is ready, and its pids follow every restart.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
from sqlalchemy.exc import SQLAlchemyError

from veilleur.dev import administration, embedded_valkey
from veilleur.dev.agency import ensure_agency
from veilleur.dev.console import Console
from veilleur.dev.credentials import CredentialsFile
from veilleur.dev.embedded_postgres import end_leftover_postgres
from veilleur.dev.guide import write_guide
from veilleur.dev.machine import Machine, prepare_machine
from veilleur.dev.options import Options, read_options
from veilleur.dev.programs import (
    api_program,
    end_leftover_programs,
    receiver_program,
    replay_program,
    worker_program,
)
from veilleur.dev.roles import create_database, create_roles
from veilleur.dev.state import hold_state
from veilleur.dev.supervisor import StopSignals, Supervisor
from veilleur.infra.cannot_start import CannotStart
from veilleur.infra.db.migrate import migrate_to_head

_HELP = """\
A whole moderation agency on this machine, steered by the environment: VEILLEUR_DEV_STATE (.veilleur), VEILLEUR_DEV_PORT
(8080), VEILLEUR_DEV_DEMO (1), VEILLEUR_DATABASE_URL and VEILLEUR_REDIS_URL (embedded servers), VEILLEUR_EGRESS_ALLOW
(loopback)."""
_SERVER_SECONDS = 30.0
_PATIENCE_SECONDS = 60.0
_RENEWAL_SECONDS = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class _Stage:
    """What one run works with; only the event loop's thread touches it."""

    state: Path
    options: Options
    console: Console
    credentials: CredentialsFile
    supervisor: Supervisor


def run(argv: list[str]) -> int:
    """Until it is told to stop: 0 then, 1 with a sentence when it can't start."""
    argparse.ArgumentParser(prog="veilleur dev", description=_HELP).parse_args(argv)
    try:
        options = read_options(os.environ)
        with hold_state(options.state) as state:
            asyncio.run(_supervise(state, options))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    StopSignals.ignore()
    return 0


async def _supervise(state: Path, options: Options) -> None:
    signals = StopSignals()
    signals.listen()
    console, credentials = Console(sys.stdout, os.environ), CredentialsFile(state)
    stage = _Stage(state, options, console, credentials, Supervisor(console, credentials.follow))
    work = asyncio.create_task(_work(stage))
    told = asyncio.create_task(signals.stop.wait())
    try:
        await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
        if told.done():
            console.say("dev", "stopping")
        work.cancel()
        await asyncio.wait({work})
    finally:
        await stage.supervisor.stop(signals.hurry)
    # Told to stop, whatever broke on the way down is no news.
    if not told.done():
        work.result()


async def _work(stage: _Stage) -> None:
    """Everything in its order, then for ever the little that is left to do."""
    started = time.monotonic()
    await asyncio.to_thread(end_leftover_programs, stage.credentials.last_pids())
    stage.credentials.withdraw_pids()
    machine = await asyncio.to_thread(prepare_machine, stage.state, stage.options)
    await _start_engines(stage, machine)
    stage.console.say("dev", f"PostgreSQL and Valkey answer after {time.monotonic() - started:.1f} s")
    await asyncio.to_thread(_set_up_database, machine)
    await _describe_agency(stage, machine)
    stage.console.say("dev", f"roles, schema and demo agency stand after {time.monotonic() - started:.1f} s")
    await _start_services(stage, machine)
    await _wait_until_ready(stage, machine.context.base_url)
    stage.console.say("dev", write_guide(machine.context))
    if stage.options.demo:
        await stage.supervisor.start(receiver_program(machine.context))
        await stage.supervisor.start(replay_program(machine.context, live=stage.console.terminal), once=True)
    await _renew_tokens(stage, machine)


async def _start_engines(stage: _Stage, machine: Machine) -> None:
    if machine.postgres and machine.home:
        clear_up = partial(end_leftover_postgres, machine.home)
        await stage.supervisor.start(machine.postgres.program, before_start=clear_up)
    if machine.valkey:
        await stage.supervisor.start(machine.valkey.program)
    await _wait_for_server("PostgreSQL", partial(administration.why_silent, machine.server_url))
    await _wait_for_server("Valkey", partial(embedded_valkey.why_silent, machine.context.redis_url))


async def _wait_for_server(name: str, why_silent: Callable[[], str | None]) -> None:
    until = time.monotonic() + _SERVER_SECONDS
    while (reason := await asyncio.to_thread(why_silent)) is not None:
        if time.monotonic() > until:
            raise CannotStart(f"{name} does not answer after {_SERVER_SECONDS:.0f} s: {reason}")
        await asyncio.sleep(0.05)


def _set_up_database(machine: Machine) -> None:
    create_roles(machine.server_url, machine.passwords)
    create_database(machine.server_url)
    migrate_to_head(machine.context.owner_url)


async def _describe_agency(stage: _Stage, machine: Machine) -> None:
    agency = await asyncio.to_thread(ensure_agency, machine.context, demo=stage.options.demo)
    stage.credentials.describe(machine.context, machine.database_url, agency)


async def _start_services(stage: _Stage, machine: Machine) -> None:
    """The worker first: what starts last is stopped first, and the API is to take nothing in that nobody drains."""
    egress_allow = stage.options.egress_allow
    api = api_program(
        machine.context, port=stage.options.port, admin_port=machine.admin_port, egress_allow=egress_allow
    )
    await stage.supervisor.start(worker_program(machine.context, egress_allow=egress_allow))
    await stage.supervisor.start(api)


async def _wait_until_ready(stage: _Stage, base_url: str) -> None:
    complain_at = time.monotonic() + _PATIENCE_SECONDS
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=5.0) as client:
        while not await _is_ready(client):
            if time.monotonic() > complain_at:
                complain_at = float("inf")
                stage.console.say("dev", f"the API is not ready after {_PATIENCE_SECONDS:.0f} s: its lines say why")
            await asyncio.sleep(0.1)


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


async def _renew_tokens(stage: _Stage, machine: Machine) -> None:
    """The tokens in the file live for a day: a machine that is left running gets new ones in time."""
    while True:
        await asyncio.sleep(_RENEWAL_SECONDS)
        try:
            await _describe_agency(stage, machine)
        except (OSError, SQLAlchemyError) as error:
            stage.console.say("dev", f"the tokens could not be renewed, next try in some hours: {error}")
