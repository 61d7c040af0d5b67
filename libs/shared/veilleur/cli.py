"""`veilleur <command>`: api, worker, migrate, doctor, backup, dev, replay, receiver, openapi.

Commands are entry points of the group `veilleur.commands`, so this package need not know the services.
"""

import gc
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from veilleur.infra.cannot_start import CannotStart

Command = Callable[[list[str]], int]


def main() -> None:
    commands = {entry.name: entry for entry in entry_points(group="veilleur.commands")}
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in commands:
        sys.stderr.write(f"usage: veilleur {{{','.join(sorted(commands))}}} …\n")
        sys.exit(0 if name in ("-h", "--help") else 2)
    try:
        status = _load(commands[name])(sys.argv[2:])
    except CannotStart as error:
        sys.stderr.write(f"{error}\n")
        status = 1
    sys.exit(status)


def _load(entry: EntryPoint) -> Command:
    """What is imported lives as long as the process: searching it for garbage, ever again as it grew, found a
    thousandth of it and cost a third of the start.
    """
    gc.disable()
    try:
        command: Command = entry.load()
    finally:
        gc.freeze()
        gc.enable()
    return command
