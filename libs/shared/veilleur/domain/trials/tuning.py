"""What a parameter should be: precision and recall of the rules that read it, at every value tried; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from veilleur.domain.trials.intervals import Confusion

MAX_POINTS = 25

Number = int | float


@dataclass(frozen=True, slots=True)
class Point:
    """A value of the parameter and what its rules would do against what people said."""

    threshold: Number
    confusion: Confusion

    def show(self) -> dict[str, object]:
        return {"threshold": self.threshold, **self.confusion.show(), "fires": self.confusion.precision.of}


@dataclass(frozen=True, slots=True)
class Target:
    """At least this precision, with as much recall as there is; or the other way round."""

    precision: float | None = None
    recall: float | None = None

    def is_reached(self, point: Point) -> bool:
        precision, recall = point.confusion.precision.value, point.confusion.recall.value
        return (self.precision is None or (precision is not None and precision >= self.precision)) and (
            self.recall is None or (recall is not None and recall >= self.recall)
        )


def pick_thresholds(observed: Iterable[Number], current: Number, points: int = MAX_POINTS) -> list[Number]:
    """Values worth trying: spread over what was observed by rank, just beside them, and the one in force.

    A condition reads `>` or `>=`, so between two neighbours every value is as good as another.
    """
    whole = isinstance(current, int)
    seen = sorted({int(value) if whole else float(value) for value in observed}) or _spread_around(current)
    room = points - 1
    if len(seen) > room:
        seen = [seen[round(place * (len(seen) - 1) / (room - 1))] for place in range(room)]
    return sorted({*seen, current})


def _spread_around(current: Number) -> list[Number]:
    """Where nothing is known of what it is held against: from none of it to four times as much."""
    if isinstance(current, int):
        return list(range(min(0, 4 * current), max(0, 4 * current) + 1))
    return [current * step / 6 for step in range(25)]


def suggest_threshold(points: Sequence[Point], target: Target) -> Point | None:
    """The point that reaches the target and gives most of the other; None where none does.

    Among equals the one with more to go by, so that no value is praised for a single lucky hit.
    """
    reached = [point for point in points if target.is_reached(point)]
    return max(reached, key=lambda point: _worth(point, target), default=None)


def _worth(point: Point, target: Target) -> tuple[float, int]:
    share = point.confusion.precision if target.recall is not None else point.confusion.recall
    return share.value or 0.0, point.confusion.precision.of
