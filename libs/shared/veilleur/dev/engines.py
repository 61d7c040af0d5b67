"""Both embedded engines for as long as a block lasts: what the tests stand on.

    with embedded_engines(Path("/tmp/engines"), durable=False) as engines:
        create_roles(engines.admin_url, passwords)

`veilleur dev` prepares the same servers and lets its supervisor run them.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from veilleur.dev import administration, embedded_valkey
from veilleur.dev.embedded_postgres import end_leftover_postgres, prepare_postgres
from veilleur.dev.embedded_valkey import end_leftover_valkey, prepare_valkey
from veilleur.dev.processes import Program, spawn, stop
from veilleur.dev.state import hold_state, load_secrets, open_engine_home, settle_ports
from veilleur.infra.cannot_start import CannotStart

_START_SECONDS = 30.0
_LOG_TAIL_BYTES = 2000


@dataclass(frozen=True, slots=True)
class Engines:
    """Addresses over TCP, with passwords; the administrator is superuser `postgres`."""

    admin_url: str
    redis_url: str
    postgres_pid: int
    valkey_pid: int


@contextmanager
def embedded_engines(state: Path, *, durable: bool = True) -> Iterator[Engines]:
    """Run PostgreSQL and Valkey on the state folder `state` until the block ends.

    A second block on the same folder finds the data, the passwords and, when they are free, the ports of the first.
    `durable=False` takes the shortcuts that only a crash of the machine could punish. Enter and leave it in the main
    thread: on Linux the engines die with the thread that started them. `CannotStart` says why not.
    """
    with hold_state(state) as folder, ExitStack() as started:
        secrets = load_secrets(folder)
        home = open_engine_home(folder, secrets.state_id)
        end_leftover_postgres(home)
        end_leftover_valkey(home)
        ports = settle_ports(folder, secrets, ("postgres", "valkey")).ports
        postgres = prepare_postgres(home, port=ports["postgres"], password=secrets.postgres_password, durable=durable)
        valkey = prepare_valkey(home, port=ports["valkey"], password=secrets.valkey_password)
        store = _run(postgres.program, folder, lambda: administration.why_silent(postgres.admin_url), started)
        cache = _run(valkey.program, folder, lambda: embedded_valkey.why_silent(valkey.url), started)
        yield Engines(postgres.admin_url, valkey.url, store.pid, cache.pid)


def _run(
    program: Program, state: Path, why_silent: Callable[[], str | None], started: ExitStack
) -> subprocess.Popen[bytes]:
    log = state / f"{program.name}.log"
    log.unlink(missing_ok=True)
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        process = spawn(program, log)
        with ExitStack() as unready:
            unready.callback(stop, process, program)
            while process.poll() is None and time.monotonic() < until:
                if why_silent() is None:
                    started.push(unready.pop_all())
                    return process
                time.sleep(0.02)
        # After a kill the old server's processes may still hold its shared memory for a moment: try again.
        time.sleep(0.2)
    tail = log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
    raise CannotStart(f"The embedded {program.name} does not start. The end of {log}:\n{tail}")
