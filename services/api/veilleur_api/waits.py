"""Long polls: a courtesy of which nobody has many at once, since each looks at the database several times a second."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

OF_A_MEMBER = 4
OF_A_FEED = 8
OF_DECISIONS = 64
"""`Prefer: wait`: a client that waits for its verdicts does so for many items at once."""


@dataclass(slots=True)
class Waits:
    """Who waits in this process."""

    _waiting: Counter[tuple[UUID, int]] = field(default_factory=Counter)

    @contextmanager
    def hold(self, who: UUID, seconds: float, most: int) -> Iterator[float]:
        """How long `who` may wait: `seconds`, or not at all who has `most` such waits open already."""
        if seconds <= 0 or self._waiting[who, most] >= most:
            yield 0.0
            return
        self._waiting[who, most] += 1
        try:
            yield seconds
        finally:
            self._waiting[who, most] -= 1
            if not self._waiting[who, most]:
                del self._waiting[who, most]
