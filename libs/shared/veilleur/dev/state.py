"""The state folder of `veilleur dev`: what a second run must find again, and what tools read to talk to the first.

    .veilleur/            0711 for root (the engines' own user walks through it), 0700 otherwise
      lock                held by the one supervisor that works here
      secrets.json        0600: passwords, keys, remembered ports
      credentials.json    0600: how to reach everything, true at any moment
      postgres/ valkey/   the engines' folders, owned by the user that runs them; `postgres.log`, `valkey.log` beside

Below a folder that the engines' user can't walk through (root's home, usually 0700), theirs stand in /var/lib instead.
"""

import base64
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from veilleur.dev.ports import choose_ports
from veilleur.dev.processes import Account, as_account, unprivileged_account
from veilleur.dev.roles import RolePasswords
from veilleur.infra.cannot_start import CannotStart

_OUTSIDE = Path("/var/lib/veilleur-dev")


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made once for a state folder. `master_key` is 32 bytes in base 64; `ports` are wishes, by name."""

    state_id: str
    postgres_password: str
    roles: RolePasswords
    valkey_password: str
    master_key: str
    operator_key: str
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineHome:
    """Where the engines keep what is theirs, and as whom they run (None: as the user who starts them)."""

    folder: Path
    account: Account | None

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def valkey(self) -> Path:
        return self.folder / "valkey"

    @property
    def copies(self) -> Path:
        return self.folder / "binaries"


@contextmanager
def hold_state(folder: Path) -> Iterator[Path]:
    """The state folder, made when missing and held until the end; `CannotStart` when somebody else holds it."""
    state = folder.absolute()
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            state.chmod(stat.S_IMODE(state.stat().st_mode) | 0o011)
        descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(f"{state} can't be used ({error.strerror}): set VEILLEUR_DEV_STATE.") from error
    try:
        _take(descriptor, state)
        yield state
    finally:
        os.close(descriptor)


def load_secrets(state: Path) -> Secrets:
    """The secrets of this state folder, made on the first call."""
    file = state / "secrets.json"
    if file.exists():
        stored: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return Secrets(**{**stored, "roles": RolePasswords(**stored["roles"])})
    made = Secrets(
        state_id=secrets.token_hex(8),
        postgres_password=secrets.token_urlsafe(24),
        roles=RolePasswords(*(secrets.token_urlsafe(24) for _ in range(3))),
        valkey_password=secrets.token_urlsafe(24),
        master_key=base64.b64encode(secrets.token_bytes(32)).decode(),
        operator_key=secrets.token_urlsafe(32),
    )
    store_secrets(state, made)
    return made


def store_secrets(state: Path, kept: Secrets) -> None:
    write_private(state / "secrets.json", asdict(kept))


def settle_ports(state: Path, kept: Secrets, names: Sequence[str], *, avoid: Collection[int] = ()) -> Secrets:
    """`kept` with a free port for each of `names`, the one of the last run where possible; stored."""
    settled = replace(kept, ports={**kept.ports, **choose_ports(names, kept.ports, avoid=avoid)})
    if settled != kept:
        store_secrets(state, settled)
    return settled


def write_private(file: Path, content: Mapping[str, object]) -> None:
    """JSON, mode 0600, whole or not at all: a reader never sees half a file, nor one with wider permissions."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        json.dump(content, output, indent=2, ensure_ascii=False)
        output.write("\n")
        output.flush()
        os.fsync(output.fileno())
    unfinished.replace(file)


def open_engine_home(state: Path, state_id: str) -> EngineHome:
    """The state folder itself when the engines' user can walk through it, else a folder of root's outside."""
    account = unprivileged_account()
    if account is None:
        return EngineHome(state, None)
    if _can_walk(state, account):
        return EngineHome(state, _owner_of(state / "postgres") or account)
    folder = _OUTSIDE / hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    marker = folder / "state-id"
    if folder.exists() and (not marker.exists() or marker.read_text(encoding="utf-8") != state_id):
        shutil.rmtree(folder)  # of a state folder deleted since: with its passwords lost, its data is out of reach
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    for each in (_OUTSIDE, folder):
        each.chmod(0o711)
    marker.write_text(state_id, encoding="utf-8")
    return EngineHome(folder, account)


def _take(descriptor: int, state: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
        raise CannotStart(
            f"Another `veilleur dev` (process {holder}) works in {state}: stop it, or set VEILLEUR_DEV_STATE."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _owner_of(data: Path) -> Account | None:
    """Who made the data folder in an earlier run, unless that was root."""
    if not data.exists() or data.stat().st_uid == 0:
        return None
    return Account(data.stat().st_uid, data.stat().st_gid)


def _can_walk(folder: Path, account: Account) -> bool:
    """Tried as that user, since folders above and access lists have their say too."""
    return as_account(["/bin/sh", "-c", 'test -x "$1"', "sh", str(folder)], account).returncode == 0
