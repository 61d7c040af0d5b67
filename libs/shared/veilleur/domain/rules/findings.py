"""What is wrong with a rule set, and where."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from typing import Literal

from veilleur.domain.rules.document import Path
from veilleur.kernel.errors import InputError
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import extend_pointer

Level = Literal["error", "warning"]

MAX_FINDINGS = 200
"""More would help nobody: mend these first."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong at a path. `within` is the line and column, from 1, inside the string that stands there."""

    path: Path
    message: Message
    hint: Message | None = None
    slug: str = "invalid"
    level: Level = "error"
    within: tuple[int, int] | None = None
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake as it is shown.

    `path` reads `rules[insulte-directe].when.all[2]`, `pointer` is RFC 6901. `line` and `column` (from 1, in code
    points) refer to the text that was sent; for a document sent as an object they refer to the string at `pointer` and
    are None where no string is meant.
    """

    path: str
    pointer: str
    line: int | None
    column: int | None
    message: Message
    hint: Message | None
    slug: str
    level: Level

    def as_input_error(self) -> InputError:
        return InputError(self.pointer, self.message, self.hint, self.line, self.column)


def write_pointer(path: Path) -> str:
    """`("rules", 0, "a/b")` → `/rules/0/a~1b` (RFC 6901); a key too long to show is left out."""
    return reduce(extend_pointer, path, "")


def write_path(path: Path, document: object) -> str:
    """As staff reads it, a rule by its id: `rules[insulte-directe].when.all[2]`; empty for the whole."""
    shown = ""
    here = document
    for step in path:
        here = _step_into(here, step)
        name = f"[{_read_id(here) or step}]" if isinstance(step, int) else step[:64]
        shown += f".{name}" if shown and isinstance(step, str) else name
    return "".join(character if character.isprintable() else "\ufffd" for character in shown)


def suggest_name(name: str, known: Iterable[str]) -> Message | None:
    """`did you mean author.account_age_days?`, when a known name is near enough."""
    close = get_close_matches(name[:80], list(known), n=1, cutoff=0.6)
    return msg("did you mean {name}?", name=close[0]) if close else None


def _step_into(value: object, step: str | int) -> object:
    if isinstance(value, dict) and step in value:
        return value[step]
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _read_id(value: object) -> str | None:
    identifier = value.get("id") if isinstance(value, dict) else None
    return identifier[:64] if isinstance(identifier, str) and identifier else None
