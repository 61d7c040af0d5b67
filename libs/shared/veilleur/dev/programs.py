"""The product's own processes as `veilleur dev` runs them: the commands that production starts, told by environment."""

import os
import signal
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from veilleur.dev.context import DevContext
from veilleur.dev.processes import Program, end_leftover

_NAMES = ("replay", "receiver", "api", "worker")
_STOP_SECONDS = 15.0
_DAY_SECONDS = 86_400


def api_program(context: DevContext, *, port: int, admin_port: int, egress_allow: str) -> Program:
    environment = _service_environment(context, context.app_url, egress_allow) | {
        "VEILLEUR_HOST": "127.0.0.1",
        "VEILLEUR_PORT": str(port),
        "VEILLEUR_ADMIN_HOST": "127.0.0.1",
        "VEILLEUR_ADMIN_PORT": str(admin_port),
        "VEILLEUR_STOP_AFTER_S": "0",  # nobody balances load between one
    }
    return Program("api", (veilleur_command(), "api"), environment, stop_seconds=_STOP_SECONDS)


def worker_program(context: DevContext, *, egress_allow: str) -> Program:
    environment = _service_environment(context, context.worker_url, egress_allow)
    return Program("worker", (veilleur_command(), "worker"), environment, stop_seconds=_STOP_SECONDS)


def receiver_program(context: DevContext) -> Program:
    """The clients' side of the demo: prints the signed callbacks that arrive at `context.receiver_url`."""
    return Program("receiver", (veilleur_command(), "receiver"), _demo_environment(context), stop_seconds=3.0)


def replay_program(context: DevContext, *, live: bool) -> Program:
    """Sends the samples, unless an earlier run on this state folder did.

    `live` tells it that a text which ends in a carriage return is redrawn in place (see `console`).
    """
    redrawn = ("--redrawn",) if live else ()
    command = (veilleur_command(), "replay", "--once", *redrawn)
    return Program("replay", command, _demo_environment(context), stop_seconds=3.0)


def veilleur_command() -> str:
    """The command of this very environment, whatever PATH says."""
    return str(Path(sysconfig.get_path("scripts")) / "veilleur")


def end_leftover_programs(pids: Mapping[str, int]) -> None:
    """End what outlived a killed supervisor; `pids` are its last ones by name."""
    for name in _NAMES:
        if name in pids:
            mark = f"{veilleur_command()} {name}"
            end_leftover(pids[name], mark=mark, asking=signal.SIGTERM, seconds=_STOP_SECONDS)


def _service_environment(context: DevContext, database_url: str, egress_allow: str) -> dict[str, str]:
    return {
        "VEILLEUR_ENVIRONMENT": "dev",
        "VEILLEUR_DATABASE_URL": database_url,
        "VEILLEUR_REDIS_URL": context.redis_url,
        "VEILLEUR_MASTER_KEY": context.master_key,
        "VEILLEUR_OPERATOR_KEY": context.operator_key,
        "VEILLEUR_BASE_URL": context.base_url,
        "VEILLEUR_EGRESS_ALLOW": egress_allow,
        "VEILLEUR_TOKEN_LIFETIME_S": str(_DAY_SECONDS),
        "VEILLEUR_LOG_FORMAT": os.environ.get("VEILLEUR_LOG_FORMAT", "console"),
        "PYTHONUNBUFFERED": "1",
    }


def _demo_environment(context: DevContext) -> dict[str, str]:
    return {"VEILLEUR_DEV_STATE": str(context.state), "PYTHONUNBUFFERED": "1"}
