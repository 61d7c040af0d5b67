"""The rows that are printed, and the table of docs/reliability.md that they fill."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

DOCUMENT = Path(__file__).parents[3] / "docs" / "reliability.md"
BEGIN, END = "<!-- figures -->", "<!-- end of the figures -->"

COLUMNS = (
    "#",
    "fault",
    "times",
    "sent",
    "acked",
    "lost",
    "twice",
    "503",
    "mute",
    "recalled",
    "p50 s",
    "p99 s",
    "max s",
    "ack s",
    "run",
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one fault did. `number` is that of the matrix; `lags` from receipt to the rules' answer, `waits` to the 202."""

    number: int
    fault: str
    times: int
    sent: int
    acked: int
    lost: int
    doubled: int
    refused: int
    unanswered: int
    recalled: int
    lags: list[float]
    waits: list[float]
    run: str = ""
    """Length, seed and day of the run that it is from."""

    def cells(self) -> tuple[str, ...]:
        cuts = quantiles(self.lags, n=100) if len(self.lags) > 1 else [0.0] * 99
        times = (cuts[49], cuts[98], max(self.lags, default=0.0), max(self.waits, default=0.0))
        counts = (
            self.times,
            self.sent,
            self.acked,
            self.lost,
            self.doubled,
            self.refused,
            self.unanswered,
            self.recalled,
        )
        return (str(self.number), self.fault, *map(str, counts), *(f"{seconds:.2f}" for seconds in times), self.run)


def print_rows(rows: list[Row]) -> list[str]:
    """For a terminal; the header first, the sums last."""
    lines = [COLUMNS, *_sort([row.cells() for row in rows])]
    return [f"{line[0]:>2} {line[1]:<50}" + "".join(f" {cell:>8}" for cell in line[2:]) for line in lines]


def record_rows(rows: list[Row], told: str, document: Path = DOCUMENT) -> None:
    """Put the figures of this run in their place in the document; those of other faults stay, from earlier runs."""
    text = document.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    known = [tuple(line.strip("| ").split(" | ")) for line in text[len(before) : text.index(END)].splitlines()]
    kept = {cells[:2]: cells for cells in known if len(cells) == len(COLUMNS) and cells[0].isdecimal()}
    kept |= {row.cells()[:2]: row.cells() for row in rows}
    lines = [told, "", f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    lines += [f"| {' | '.join(cells)} |" for cells in _sort(kept.values())]
    document.write_text(before + "\n" + "\n".join(lines) + "\n" + after, encoding="utf-8")


def _sort(rows: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """By number and name, and what they come to."""
    ordered = sorted(rows, key=lambda cells: (int(cells[0]), cells[1]))
    counts = [str(sum(int(cells[place]) for cells in ordered)) for place in range(2, COLUMNS.index("p50 s"))]
    return [*ordered, ("", "together", *counts, *[""] * 5)]
