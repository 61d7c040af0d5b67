"""How long what is a client's may be kept, by its kind; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Term:
    """Days: what holds unless something else is said, and what may be said."""

    default: int
    floor: int
    ceiling: int


TERMS: Final[Mapping[str, Term]] = {
    "item_text": Term(730, 30, 3_650),
    "media_snapshots": Term(7, 1, 7),
    "receipts": Term(30, 7, 30),
    "events": Term(30, 1, 30),
    "evaluations": Term(365, 30, 3_650),
    "decision_texts": Term(1_825, 180, 3_650),
}
"""`events`: what callbacks and the feed said. That they were, and how they were delivered, is known for thirty days;
what is still owed to somebody is kept until it is delivered or given up.

Floors: complaints are open for six months (Digital Services Act, article 20), senders try again for days, and rules are
measured on a month. Ceilings: what the feed and the copies of media promise to nobody beyond.
"""


def read_terms(given: Mapping[str, int]) -> dict[str, int]:
    """Days by kind, those left out by their default. `Invalid` lists every mistake."""
    errors = [
        InputError(f"/retention_days/{kind}", msg("not kept by that name"), msg("allowed: {codes}", codes=list(TERMS)))
        for kind in given
        if kind not in TERMS
    ]
    errors += [
        InputError(
            f"/retention_days/{kind}",
            msg("beyond what may be chosen"),
            msg("from {low} to {high} days", low=TERMS[kind].floor, high=TERMS[kind].ceiling),
        )
        for kind, days in given.items()
        if kind in TERMS and not TERMS[kind].floor <= days <= TERMS[kind].ceiling
    ]
    if errors:
        raise Invalid(msg("The data policy can't be kept like this"), errors=errors)
    return {kind: given.get(kind, term.default) for kind, term in TERMS.items()}
