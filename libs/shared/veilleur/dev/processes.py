"""Programs of the development machine: as whom they run, how they start, how they end.

Every program runs in a session of its own, so that the terminal's Ctrl-C reaches nobody but the supervisor, and starts
behind `tether`, so that none outlives it.
"""

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from veilleur.infra.cannot_start import CannotStart

_TETHER = Path(__file__).with_name("tether.py")
_UNPRIVILEGED_NAMES = ("nobody", "daemon")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the machine, by numbers."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and how to end it. `argv[0]` is a whole path; `account` None means: as the user who starts it."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0

    def to_command(self) -> list[str]:
        """The command that becomes this program, tied to the process that asks."""
        account = f"{self.account.uid}:{self.account.gid}" if self.account else "-"
        lead = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), str(int(self.stop_signal)), account]
        return [*lead, *self.argv]

    def to_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    @property
    def working_directory(self) -> str | None:
        """Another account may have no way into ours."""
        return "/" if self.account else None


def unprivileged_account() -> Account | None:
    """As whom PostgreSQL and Valkey run when this process is root (PostgreSQL refuses to be), None when it is not.

    PostgreSQL wants a user with a name.
    """
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise CannotStart("PostgreSQL does not run as root, and this machine has no user `nobody`: start as another user.")


def as_account(command: Sequence[str], account: Account | None) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end as `account`; raises PermissionError when that user can't reach it."""
    user, group, groups = (account.uid, account.gid, ()) if account else (None, None, None)
    return subprocess.run(
        command, user=user, group=group, extra_groups=groups, cwd="/" if account else None,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


def spawn(program: Program, log: Path) -> subprocess.Popen[bytes]:
    """Start `program`, its output appended to `log`; on Linux it dies with the calling thread."""
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        return subprocess.Popen(
            program.to_command(),
            env=program.to_environment(),
            cwd=program.working_directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], program: Program) -> None:
    """Ask, wait `program.stop_seconds`, then kill."""
    process.send_signal(program.stop_signal)
    try:
        process.wait(program.stop_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_leftover(pid: int, *, mark: str, asking: signal.Signals, seconds: float) -> None:
    """End a process that is no child of this one, if `mark` is in its command line: numbers are used again."""
    for kind, patience in ((asking, seconds), (signal.SIGKILL, 5.0)):
        until = time.monotonic() + patience
        if not _is_marked(pid, mark):
            return
        try:
            os.kill(pid, kind)
        except ProcessLookupError:
            return
        while _is_marked(pid, mark) and time.monotonic() < until:
            time.sleep(0.05)


def read_pid(file: Path) -> int | None:
    """The process number in the first line of a pid file, None when there is none."""
    try:
        return int(file.read_text(encoding="utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def command_line(pid: int) -> str | None:
    """The command line of a living process, None when there is none (a zombie has none)."""
    if sys.platform == "linux":  # `ps` is missing from slim images
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        return os.fsdecode(b" ".join(words)).strip() or None
    shown = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or None


def _is_marked(pid: int, mark: str) -> bool:
    return mark in (command_line(pid) or "")
