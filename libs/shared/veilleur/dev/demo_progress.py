"""What the demo shows while it runs: a bar and a living line on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from veilleur.dev.demo_tally import Tally, summarise

PLAIN_EVERY_S = 5.0
_BAR_WIDTH = 20


class Display(Protocol):
    """Shows the tally from entering to leaving; `show` is called often and decides itself what is worth a line."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def show(self, tally: Tally) -> None: ...


class LineDisplay:
    """For what is no terminal: a line every `PLAIN_EVERY_S` seconds, and one at the end.

    With `redrawn` the reader takes a text ended by a carriage return for one that replaces the last, as the console of
    `veilleur dev` does: then every call shows, with a bar in front.
    """

    def __init__(
        self, output: TextIO, *, redrawn: bool = False, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._output = output
        self._redrawn = redrawn
        self._monotonic = monotonic
        self._next_at = monotonic()
        self._last = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write(self._last, "\n")

    def show(self, tally: Tally) -> None:
        while tally.notes:
            self._write(tally.notes.pop(0), "\n")
        self._last = f"{tally.sent}/{tally.planned} sent · {summarise(tally)}"
        if self._redrawn:
            self._write(f"{draw_bar(tally.sent, tally.planned)} {self._last}", "\r")
        elif self._monotonic() >= self._next_at:
            self._next_at = self._monotonic() + PLAIN_EVERY_S
            self._write(self._last, "\n")

    def _write(self, line: str, end: str) -> None:
        print(line, end=end, file=self._output, flush=True)


class LiveDisplay:
    """For a terminal: a progress bar with the summary below it, redrawn in place."""

    def __init__(self, console: Console, planned: int) -> None:
        self._progress = Progress(
            TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
        )
        self._task = self._progress.add_task("sending", total=planned)
        self._live = Live(self._progress, console=console, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, tally: Tally) -> None:
        while tally.notes:
            self._live.console.print(Text(tally.notes.pop(0), style="red"))
        self._progress.update(self._task, completed=tally.sent)
        self._live.update(Group(self._progress, Text(summarise(tally), style="bold")))


def choose_display(planned: int, *, redrawn: bool) -> Display:
    if sys.stdout.isatty() and not redrawn:
        return LiveDisplay(Console(), planned)
    return LineDisplay(sys.stdout, redrawn=redrawn)


def draw_bar(done: int, planned: int) -> str:
    """`█████░░░░░`, 20 characters wide."""
    filled = _BAR_WIDTH * done // max(planned, 1)
    return "█" * filled + "░" * (_BAR_WIDTH - filled)


def close_with_table(tally: Tally, elapsed_s: float) -> Table:
    """The numbers at the end, one a row."""
    table = Table(title=f"The demo in {elapsed_s:.0f} s", title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("how many", justify="right")
    table.add_column("share", justify="right")
    rows = {
        "accepted": tally.accepted,
        "decided by rules": tally.auto_decided,
        "decided by moderators": tally.human_decided,
        "still in review": tally.in_review,
        "decided past the due time": tally.breached,
        "refused": tally.refused,
    }
    for name, count in rows.items():
        share = f"{count / tally.accepted:.0%}" if tally.accepted and name != "accepted" else ""
        table.add_row(name, str(count), share)
    return table


def list_next_steps(base_url: str, state: Path) -> str:
    """What to try next, as lines for a shell; tokens are read from the file and never printed."""
    json_body = "-H 'Content-Type: application/json'"
    return f"""
Try next:

# reads one credential from the file
credential() {{ python3 -c "import json; print(json.load(open('{state / "credentials.json"}'))$1)"; }}

# one more comment, and the answer its platform gets
veilleur replay --one

# a comment of your own
source=$(credential '["clients"][0]["sources"][0]["id"]')
curl -sS {base_url}/ingest/v1/items {json_body} \\
  -H "Authorization: Bearer $(credential '["clients"][0]["api_key"]')" \\
  -d '{{"source": "'"$source"'", "items": [{{"external_id": "my-1", "text": "Salut"}}]}}'

# the most urgent case, in your hands
curl -sS {base_url}/moderator/v1/assignments {json_body} \\
  -H "Authorization: Bearer $(credential '["moderators"][0]["token"]')" -d '{{"hold": 1}}'

# what the agency can bill for all that
curl -sS '{base_url}/owner/v1/usage?group_by=day,meter' -H "Authorization: Bearer $(credential '["owner"]["token"]')"
"""
