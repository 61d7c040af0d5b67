"""What the doctor says: one sentence on what is, and one on how to mend it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from veilleur.kernel.messages import Language, Message


class Level(IntEnum):
    """The number is what the command ends with: 0 for well and for a mere note, 1 for a warning, 2 for a fault."""

    WELL = -1
    NOTE = 0
    WARNING = 1
    FAULT = 2


MARKS = {Level.WELL: "ok", Level.NOTE: "note", Level.WARNING: "warning", Level.FAULT: "FAULT"}


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    part: str
    told: Message
    mend: Message | None = None

    def render(self, language: Language) -> str:
        line = f"{MARKS[self.level]:<8} {self.part:<10} {self.told.render(language)}"
        return line if self.mend is None else f"{line}\n{'':<20}→ {self.mend.render(language)}"


def exit_code(findings: Iterable[Finding]) -> int:
    return max(0, *(finding.level for finding in findings), 0)
