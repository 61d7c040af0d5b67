"""A real PostgreSQL from the wheel: passwords by SCRAM, TCP on 127.0.0.1 only, as an unprivileged user, data kept."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from veilleur.dev.binaries import find_postgres
from veilleur.dev.processes import Program, as_account, end_leftover, read_pid
from veilleur.dev.state import EngineHome
from veilleur.infra.cannot_start import CannotStart

_STOP_SECONDS = 20.0
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may have 107 bytes, and a state folder may be deep
    "max_connections": "100",
    "synchronous_commit": "on",
    "fsync": "on",
    "log_checkpoints": "off",
    "log_line_prefix": "",
}
_FORGETFUL = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """`admin_url` is that of the superuser `postgres` on the database `postgres`."""

    program: Program
    admin_url: str


def prepare_postgres(home: EngineHome, *, port: int, password: str, durable: bool = True) -> PostgresServer:
    """A server ready to be spawned; makes the data folder in `home` on the first call (half a second).

    Without `durable` a crash of the machine (not of the server) may lose commits.
    """
    binaries = find_postgres(home.copies, home.account)
    if not (home.postgres / "PG_VERSION").exists():
        _make_data_folder(binaries / "initdb", home, password, durable=durable)
    settings = _SETTINGS | ({} if durable else _FORGETFUL) | {"port": str(port)}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    program = Program(
        name="postgres",
        argv=(str(binaries / "postgres"), "-D", str(home.postgres), *arguments),
        account=home.account,
        stop_signal=signal.SIGINT,  # the fast shutdown: SIGTERM waits for open sessions for ever
        stop_seconds=_STOP_SECONDS,
    )
    return PostgresServer(program, f"postgresql://postgres:{quote(password, safe='')}@127.0.0.1:{port}/postgres")


def end_leftover_postgres(home: EngineHome) -> None:
    """Make way for a start: end a server that outlived its supervisor, drop the lock file of one that was killed.

    PostgreSQL sees to a stale `postmaster.pid` itself unless the number belongs to another process by now. Only the
    holder of the state folder may call this.
    """
    lock = home.postgres / "postmaster.pid"
    pid = read_pid(lock)
    if pid is not None:
        end_leftover(pid, mark=f" -D {home.postgres} ", asking=signal.SIGINT, seconds=_STOP_SECONDS)
        lock.unlink(missing_ok=True)


def _make_data_folder(initdb: Path, home: EngineHome, password: str, *, durable: bool) -> None:
    unfinished = home.folder / "postgres.new"  # renamed when whole: an interrupted first run leaves no half
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as password_file:
        password_file.write(password)
        password_file.flush()
        if home.account:
            os.chown(unfinished, home.account.uid, home.account.gid)
            os.fchown(password_file.fileno(), home.account.uid, home.account.gid)
        made = as_account(
            [str(initdb), "--pgdata", str(unfinished), "--username=postgres", "--auth=scram-sha-256",
             f"--pwfile={password_file.name}", "--encoding=UTF8", *_locale(), *([] if durable else ["--no-sync"])],
            home.account,
        )  # fmt: skip
    if made.returncode != 0:
        raise CannotStart(f"PostgreSQL could not make its data folder: {_said(made)}")
    unfinished.rename(home.postgres)


def _locale() -> list[str]:
    """Sorting by code point, done by the server itself and so the same everywhere; the system only classifies."""
    ctype = "UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", f"--lc-ctype={ctype}"]


def _said(run: subprocess.CompletedProcess[str]) -> str:
    return run.stderr.strip() or run.stdout.strip() or f"status {run.returncode}"
