"""How many secrets may hold at once while one takes over from another; pure."""

from veilleur.kernel.errors import Conflict
from veilleur.kernel.messages import msg

MOST_SECRETS = 5


def refuse_too_many_secrets(live: int) -> None:
    """`Conflict` (`secret-limit`) where so many would hold; a shorter overlap ends those that stand."""
    if live > MOST_SECRETS:
        raise Conflict(
            msg("At most {limit} secrets hold at once; choose a shorter overlap", limit=MOST_SECRETS),
            slug="secret-limit",
        )
