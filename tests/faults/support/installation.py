"""A real installation, run the way `make run` does: one supervisor, separate processes, real engines, its own folder."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from redis.asyncio import Redis

from tests.support.people import Operator
from veilleur.dev.context import DevContext
from veilleur.dev.embedded_postgres import prepare_postgres
from veilleur.dev.ports import choose_ports
from veilleur.dev.processes import Program, spawn, stop
from veilleur.dev.programs import api_program, veilleur_command, worker_program
from veilleur.dev.roles import APP, OWNER, WORKER, role_url
from veilleur.dev.state import load_secrets, open_engine_home

Json = dict[str, Any]

START_S = 60.0
BACK_S = 30.0
"""A process that died, or one that lost its database, is back within this."""


@dataclass(slots=True)
class Installation:
    state: Path
    """As this process sees it; the installation may live in a mount namespace of its own."""
    process: subprocess.Popen[bytes]
    offset_s: int = field(default=0, init=False)
    """How far its database's clock was moved."""

    @property
    def credentials(self) -> Json:
        credentials: Json = json.loads((self.state / "credentials.json").read_text(encoding="utf-8"))
        return credentials

    @property
    def base_url(self) -> str:
        url: str = self.credentials["base_url"]
        return url

    @property
    def database_url(self) -> str:
        url: str = self.credentials["database_url"]
        return url

    @property
    def context(self) -> DevContext:
        """What its programs were told."""
        told, secrets = self.credentials, load_secrets(self.state)
        return DevContext(
            state=self.state,
            owner_url=role_url(self.database_url, OWNER, secrets.roles.owner),
            app_url=role_url(self.database_url, APP, secrets.roles.app),
            worker_url=role_url(self.database_url, WORKER, secrets.roles.worker),
            redis_url=told["redis_url"],
            master_key=secrets.master_key,
            operator_key=secrets.operator_key,
            base_url=told["base_url"],
            admin_url=told["admin_url"],
            receiver_url="",
        )

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Operator]:
        async with open_http(self.base_url) as http, open_http(self.credentials["admin_url"]) as admin:
            yield Operator(http, admin, self.credentials["operator_key"])

    # Processes

    def pid(self, name: str) -> int | None:
        """Of `api`, `worker`, `postgres` or `valkey`; None while it is away."""
        pids = self.credentials["pids"][name]
        return next(iter(pids), None) if isinstance(pids, list) else pids

    def hit(self, name: str, number: signal.Signals) -> int:
        """Send a signal to the program that lives now; its pid."""
        pid = self.pid(name)
        assert pid is not None, f"{name} is not running"
        os.kill(pid, number)
        return pid

    @staticmethod
    def resume(pid: int) -> None:
        """Wake what SIGSTOP put to sleep."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    async def strike(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End a program by a signal, and wait until the supervisor has started the next."""
        old = self.hit(name, number)
        await wait_until(lambda: self.pid(name) not in (old, None), f"{name} to be started again")

    async def healthy(self) -> None:
        """Wait until every part answers."""
        await wait_until(
            lambda: None not in map(self.pid, ("api", "worker", "postgres", "valkey")), "all to run", START_S
        )
        async with open_http(self.base_url) as http:
            await wait_until(lambda: _is_ready(http), "the API to be ready", START_S)

    @asynccontextmanager
    async def second_worker(self) -> AsyncIterator[subprocess.Popen[bytes]]:
        async with running(worker_program(self.context, egress_allow="127.0.0.0/8"), self.state) as process:
            yield process

    @asynccontextmanager
    async def second_api(self, database_url: str) -> AsyncIterator[str]:
        """Another API process on the same data, reached through `database_url`; its own address."""
        ports = choose_ports(["api", "admin"], {})
        context = replace(self.context, app_url=database_url)
        program = api_program(context, port=ports["api"], admin_port=ports["admin"], egress_allow="127.0.0.0/8")
        url = f"http://127.0.0.1:{ports['api']}"
        async with running(program, self.state), open_http(url) as http:
            await wait_until(lambda: _is_ready(http), "the second API to be ready", START_S)
            yield url

    # Behind the curtain

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[asyncpg.Connection]:
        """As the superuser, whom row-level security does not bind."""
        connection = await asyncpg.connect(self.database_url, timeout=5)
        try:
            yield connection
        finally:
            connection.terminate()

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        async with self.connect() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(query, *values)
            return rows

    @asynccontextmanager
    async def redis(self) -> AsyncIterator[Redis]:
        client = Redis.from_url(self.credentials["redis_url"], socket_timeout=5)
        try:
            yield client
        finally:
            await client.aclose()

    async def pass_time(self, seconds: int) -> None:
        """Move the database's clock forward: leases, due times and deadlines live by it."""
        self.offset_s += seconds
        async with self.connect() as connection:
            await connection.execute(
                "CREATE OR REPLACE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE AS"
                f" $$SELECT now() + interval '{self.offset_s} seconds'$$"
            )


@contextmanager
def run_installation(*, disk: str | None = None, log_disk: str | None = None) -> Iterator[Installation]:
    """Start one and wait until it is ready. `disk` (such as `200m`) puts it on a disk of that size, `log_disk` puts
    PostgreSQL's log alone on one, in `wal` (Linux, root).
    """
    [port] = choose_ports(["api"], {}).values()
    folder = Path(tempfile.mkdtemp(prefix="veilleur-test-"))
    folder.chmod(0o711)
    state = folder / "state"
    state.mkdir(mode=0o711)
    environment = {"VEILLEUR_DEV_STATE": str(state), "VEILLEUR_DEV_PORT": str(port), "VEILLEUR_DEV_DEMO": "0"}
    if log_disk:
        _make_data_folder(state)
    program = Program("dev", _command(state, disk, log_disk), environment, stop_seconds=40)
    log = folder / "dev.log"
    process = spawn(program, log)
    try:
        view = Path(f"/proc/{process.pid}/root/{state}") if disk or log_disk else state
        installation = Installation(view, process)
        _wait_for_start(installation, log)
        yield installation
    finally:
        stop(process, program)
        shutil.rmtree(folder)


@asynccontextmanager
async def running(program: Program, state: Path) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A program beside those of the supervisor, as long as the block lasts."""
    process = spawn(program, state / f"second-{program.name}.log")
    try:
        yield process
    finally:
        # In a thread: it ends in order only while our own receiver and proxy go on answering it.
        await asyncio.to_thread(stop, process, program)


def open_http(base_url: str, seconds: float = 25.0) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    return httpx.AsyncClient(base_url=base_url, timeout=seconds, trust_env=False, limits=limits)


async def wait_until(condition: Any, what: str, seconds: float = BACK_S, every: float = 0.02) -> None:
    """Wait until `condition()`, plain or awaitable, holds; what it answers instead is told when it never does."""
    until = time.monotonic() + seconds
    while True:
        held = condition()
        held = await held if asyncio.iscoroutine(held) else held
        if held is True:
            return
        assert time.monotonic() < until, f"waited {seconds:.0f} s in vain for {what}: {held}"
        await asyncio.sleep(every)


def family_of(pid: int) -> list[int]:
    """A process and its children, read from /proc."""
    children = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == pid:
                children.append(int(folder.name))
    return [pid, *children]


on_linux = sys.platform == "linux"


_MOUNT = 'mount -t tmpfs -o "size=$2,mode=711" tmpfs "$1"'
_MOVE_LOG = 'mv "$1/../postgres/pg_wal" "$1/" && ln -s "$1/pg_wal" "$1/../postgres/pg_wal"'


def _command(state: Path, disk: str | None, log_disk: str | None) -> tuple[str, ...]:
    size, place, steps = disk, state, [_MOUNT]
    if log_disk:
        size, place, steps = log_disk, state / "wal", ['mkdir -m 711 "$1"', _MOUNT, _MOVE_LOG]
    if size is None:
        return (veilleur_command(), "dev")
    script = " && ".join([*steps, 'exec "$3" dev'])
    return (_find("unshare"), "-m", "--", "/bin/sh", "-c", script, "sh", str(place), size, veilleur_command())


def _make_data_folder(state: Path) -> None:
    """Before the first start, which finds it made: there has to be a log that can be moved."""
    secrets = load_secrets(state)
    prepare_postgres(open_engine_home(state, secrets.state_id), port=0, password=secrets.postgres_password)


def _find(command: str) -> str:
    found = shutil.which(command)
    assert found is not None
    return found


def _wait_for_start(installation: Installation, log: Path) -> None:
    until = time.monotonic() + START_S
    while True:
        with suppress(OSError, ValueError, httpx.TransportError, KeyError):
            if httpx.get(f"{installation.base_url}/readyz", trust_env=False).status_code == 200:
                return
        alive = installation.process.poll() is None
        assert alive and time.monotonic() < until, log.read_text(errors="replace")[-3_000:]  # noqa: PT018
        time.sleep(0.05)


async def _is_ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False
