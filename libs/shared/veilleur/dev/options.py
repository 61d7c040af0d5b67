"""What steers `veilleur dev`: environment variables, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from veilleur.infra.cannot_start import CannotStart

_LOOPBACK = "127.0.0.0/8,::1/128"


@dataclass(frozen=True, slots=True)
class Options:
    """`database_url` (an administrator's) and `redis_url` name real servers; None stands for an embedded one."""

    state: Path
    port: int
    demo: bool
    database_url: str | None
    redis_url: str | None
    egress_allow: str


def read_options(environment: Mapping[str, str]) -> Options:
    """The options in `environment`; `CannotStart` for a value that says nothing. Empty is as good as unset."""
    return Options(
        state=Path(environment.get("VEILLEUR_DEV_STATE") or ".veilleur").absolute(),
        port=_read_port(environment.get("VEILLEUR_DEV_PORT") or "8080"),
        demo=_read_switch(environment.get("VEILLEUR_DEV_DEMO") or "1"),
        database_url=environment.get("VEILLEUR_DATABASE_URL") or None,
        redis_url=environment.get("VEILLEUR_REDIS_URL") or None,
        egress_allow=_read_networks(environment.get("VEILLEUR_EGRESS_ALLOW") or _LOOPBACK),
    )


def _read_port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:6]) < 65536:
        raise CannotStart(f"VEILLEUR_DEV_PORT is {text!r}: it wants a number from 1 to 65535.")
    return int(text)


def _read_switch(text: str) -> bool:
    if text not in {"0", "1"}:
        raise CannotStart(f"VEILLEUR_DEV_DEMO is {text!r}: it wants 1 (replay the demo) or 0 (only set things up).")
    return text == "1"


def _read_networks(text: str) -> str:
    for part in text.split(","):
        try:
            ip_network(part.strip())
        except ValueError as error:
            raise CannotStart(
                f"VEILLEUR_EGRESS_ALLOW has {part.strip()!r}: it wants networks (127.0.0.0/8)."
            ) from error
    return text
