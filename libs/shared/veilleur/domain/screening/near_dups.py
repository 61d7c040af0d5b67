"""Copies of a text: the keys they share, as numbers that an index holds."""

from veilleur.domain.rules.facts import ItemFacts


def list_keys(facts: ItemFacts, *, fuzzy: bool) -> list[int]:
    """The key of the text itself, and with `fuzzy` those it shares with texts much alike; none without letters."""
    exact, near = facts.fields.get("item.near_dup"), facts.fields.get("item.near_dup_fuzzy") if fuzzy else None
    shown = [*([exact] if isinstance(exact, str) else []), *(near if isinstance(near, list) else [])]
    return [read_key(key) for key in shown]


def read_key(shown: str) -> int:
    """The number behind a key of up to 16 hexadecimal digits, as a signed one of 64 bits."""
    return int.from_bytes(bytes.fromhex(shown.rjust(16, "0")), signed=True)
