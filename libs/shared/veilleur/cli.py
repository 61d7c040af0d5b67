"""`veilleur <command>`: api, worker, migrate, doctor, backup, dev, replay, receiver, openapi.

Commands are entry points of the group `veilleur.commands`, so this package need not know the services.
"""

import sys
from collections.abc import Callable
from importlib.metadata import entry_points


def main() -> None:
    commands = {entry.name: entry for entry in entry_points(group="veilleur.commands")}
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in commands:
        sys.stderr.write(f"usage: veilleur {{{','.join(sorted(commands))}}} …\n")
        sys.exit(0 if name in ("-h", "--help") else 2)
    run: Callable[[list[str]], int] = commands[name].load()
    sys.exit(run(sys.argv[2:]))
