"""Ports on 127.0.0.1: the system chooses, the state folder remembers, so that a second run keeps its addresses."""

import socket
from collections.abc import Collection, Mapping, Sequence


def choose_ports(names: Sequence[str], remembered: Mapping[str, int], *, avoid: Collection[int] = ()) -> dict[str, int]:
    """A free port for each name, the remembered one where it still is; none of `avoid`."""
    chosen: dict[str, int] = {}
    for name in names:
        taken = {*avoid, *chosen.values()}
        wish = remembered.get(name)
        chosen[name] = wish if wish and wish not in taken and port_is_free(wish) else _any_port(taken)
    return chosen


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections linger is free, one that is listened on is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_port(taken: set[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port
