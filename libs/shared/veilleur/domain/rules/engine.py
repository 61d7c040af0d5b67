"""The engine that evaluates conditions, as the rest of the slice knows it.

One small interface, so that the engine can be exchanged and a second one can serve as an oracle in tests.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from veilleur.domain.rules.schema import FieldType

Known = bool | None
"""True, false, or None: not to be known for this item."""

NOT_A_CONDITION = "not true or false but "
"""How the text of an error starts that says of what type a condition is instead."""


@dataclass(frozen=True, slots=True)
class EngineError:
    """What the engine says of a condition; `line` and `column` count from 1."""

    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class EngineCondition:
    """A condition in its form for the engine.

    `reads` are the variables (or elements of list variables) it depends on; `alone` keeps it out of the common
    expression; a `strict` one is unknown as soon as one of its variables is. `logic` says how one that is not strict
    is put together from parts that are, None where that can't be told.
    """

    text: str
    reads: frozenset[str]
    alone: bool
    strict: bool
    logic: "EngineLogic | None" = None


@dataclass(frozen=True, slots=True)
class EngineLogic:
    """`kind` is `all`, `any` or `none`; the parts are strict conditions, or logic again."""

    kind: str
    parts: tuple["EngineCondition | EngineLogic", ...]


class ConditionProgram(Protocol):
    def evaluate(self, values: Mapping[str, object], unknown: Collection[str]) -> list[Known]:
        """One answer a condition, in order.

        `values` holds every variable, a placeholder for what is unknown; `unknown` names variables, or elements of list
        variables (`_patterns[3]`). Never raises: a condition that fails or runs out of its budget is unknown.
        """


class ConditionEngine(Protocol):
    def check(self, texts: Sequence[str], variables: Mapping[str, FieldType]) -> list[list[EngineError]]:
        """For each condition what keeps it from being true or false; nothing when it is fine.

        Conditions may call the functions of the schema with a name in quotes.
        """

    def compile(self, conditions: Sequence[EngineCondition], variables: Mapping[str, FieldType]) -> ConditionProgram:
        """Raises `ValueError` for a condition that `check` refuses. Functions are not available here."""
