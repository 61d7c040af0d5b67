"""A real Valkey from the wheel: with a password, on 127.0.0.1 only, nothing kept. What it holds is soft state."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from veilleur.dev.binaries import find_valkey
from veilleur.dev.processes import Program, end_leftover, read_pid
from veilleur.dev.state import EngineHome

_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
pidfile {pid_file}
set-proc-title no
save ""
appendonly no
loglevel warning
"""


@dataclass(frozen=True, slots=True)
class ValkeyServer:
    program: Program
    url: str


def prepare_valkey(home: EngineHome, *, port: int, password: str) -> ValkeyServer:
    """A server ready to be spawned, with a folder and a configuration file in `home`. `password` is URL-safe."""
    binary = find_valkey(home.copies, home.account)
    folder = home.valkey
    folder.mkdir(mode=0o700, exist_ok=True)
    configuration = folder / "valkey.conf"  # a file, since everybody can read a command line
    configuration.unlink(missing_ok=True)
    descriptor = os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        pid_file = _pid_file(home)
        output.write(
            _CONFIGURATION.format(port=port, password=password, folder=_quoted(folder), pid_file=_quoted(pid_file))
        )
    if home.account:
        os.chown(folder, home.account.uid, home.account.gid)
        os.chown(configuration, home.account.uid, home.account.gid)
    program = Program("valkey", (str(binary), str(configuration)), account=home.account, stop_seconds=5.0)
    return ValkeyServer(program, f"redis://:{quote(password, safe='')}@127.0.0.1:{port}/0")


def end_leftover_valkey(home: EngineHome) -> None:
    """End a server that outlived its supervisor. Only the holder of the state folder may call this."""
    pid = read_pid(_pid_file(home))
    if pid is not None:
        end_leftover(pid, mark=str(home.valkey), asking=signal.SIGTERM, seconds=5.0)


def why_silent(url: str) -> str | None:
    """Why a command with the password of `url` gets no reply, None when it does."""
    try:
        with Redis.from_url(url, socket_timeout=2.0, retry=Retry(NoBackoff(), 0)) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        return str(error) or type(error).__name__
    return None


def _pid_file(home: EngineHome) -> Path:
    return home.valkey / "valkey.pid"


def _quoted(path: Path) -> str:
    """A path as one word of the configuration file, blanks and all."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
