"""The terminal of `veilleur dev`: every line says who speaks, and one live line may stand below them all.

    api      │ request_served path=/readyz status=200
    replay   │ 214 of 500 sent, 190 decided …          (live: a text that ended in a carriage return)

Colour on a terminal or with FORCE_COLOR, unless NO_COLOR says no. Where there is no terminal to redraw on, a live text
becomes an ordinary line now and then.
"""

import re
import shutil
import time
from collections.abc import Mapping
from typing import TextIO

_WIDTH = 8
_COLOURS = {
    "dev": "1;37", "api": "36", "worker": "32", "postgres": "34", "valkey": "31", "receiver": "35", "replay": "33",
}  # fmt: skip
_LIVE_PAUSE_SECONDS = 5.0
_SEGMENT = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Console:
    """Writes to one stream, from one thread."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str]) -> None:
        self._stream = stream
        self.terminal = stream.isatty()
        forced = bool(environment.get("FORCE_COLOR"))
        self._colour = (self.terminal or forced) and not environment.get("NO_COLOR")
        self._live = ""
        self._live_at = float("-inf")

    def say(self, label: str, text: str) -> None:
        """One line, or several, of `label`."""
        lines = [self._prefix(label) + line for line in text.splitlines() or [""]]
        self._write("\n".join(lines) + "\n")

    def show_live(self, label: str, text: str) -> None:
        """Replace the live line; an empty text takes it away."""
        if self.terminal:
            self._live = (
                self._prefix(label) + _cut(text, shutil.get_terminal_size().columns - _WIDTH - 4) if text else ""
            )
            self._write("")
        elif text.strip() and time.monotonic() - self._live_at >= _LIVE_PAUSE_SECONDS:
            self._live_at = time.monotonic()
            self.say(label, _ESCAPES.sub("", text))

    def _write(self, lines: str) -> None:
        clear = "\r\x1b[2K" if self.terminal else ""
        try:
            self._stream.write(clear + lines + self._live)
            self._stream.flush()
        except OSError:
            self._live = ""  # the terminal is gone; what runs goes on until it is told to stop

    def _prefix(self, label: str) -> str:
        name = f"{label:<{_WIDTH}} │ "
        return f"\x1b[{_COLOURS.get(label, '37')}m{name}\x1b[0m" if self._colour else name


class LineReader:
    """Cuts one program's output into lines and live texts, however the pieces arrive."""

    def __init__(self, console: Console, label: str) -> None:
        self._console = console
        self._label = label
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        data = self._rest + piece
        end = 0
        for found in _SEGMENT.finditer(data):
            end = found.end()
            self._show(found.group())
        self._rest = data[end:]

    def close(self) -> None:
        if self._rest:
            self._show(self._rest + b"\n")
        self._rest = b""

    def _show(self, segment: bytes) -> None:
        text = segment.decode(errors="replace")
        if text.endswith("\n"):
            self._console.say(self._label, text.rstrip("\r\n"))
        else:
            self._console.show_live(self._label, text.rstrip("\r"))


def _cut(text: str, width: int) -> str:
    """At most `width` characters, so that the live line stays one line."""
    plain = _ESCAPES.sub("", text)
    return plain if len(plain) <= width else plain[: max(width - 1, 0)] + "…"
