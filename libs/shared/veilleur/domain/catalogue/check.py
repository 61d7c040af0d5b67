"""What a client's catalogue may not say, wherever it is written; pure."""

from collections.abc import Collection, Sequence

from veilleur.kernel.errors import InputError
from veilleur.kernel.messages import msg


def check_default_actions(wanted: Sequence[str], actions: Collection[str], pointer: str) -> list[InputError]:
    """A policy's default actions that the client does not have."""
    allowed = msg("allowed: {codes}", codes=sorted(actions))
    return [
        InputError(f"{pointer}/{place}", msg("{code} is not an action of this client", code=code), allowed)
        for place, code in enumerate(wanted)
        if code not in actions
    ]
