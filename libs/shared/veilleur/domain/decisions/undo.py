"""What a reversal asks the client's platform to take back; pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from veilleur.domain.catalogue.models import Action


def undo_actions(taken: Sequence[Mapping[str, Any]], catalogue: Mapping[str, Action]) -> list[dict[str, Any]]:
    """The catalogue's undo code of each action, on the same target with the same `params`, the last taken first.

    An action without an undo code (a warning was read, a mail was sent) can't be taken back and is left out.
    """
    undone = []
    for action in reversed(taken):
        known = catalogue.get(action["code"])
        if known is not None and known.undo is not None:
            kept = {name: action[name] for name in ("target", "params") if name in action}
            undone.append({"code": known.undo} | kept)
    return undone
