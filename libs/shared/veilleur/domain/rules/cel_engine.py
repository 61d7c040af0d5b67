"""Conditions by CEL (cel-expr-python, the C++ implementation).

The binding has defects that this module is built around:

- a null result takes a reference too few and in the end aborts the process: every condition is compiled to BOOL, the
  language offered has no null and no dynamic values;
- one failing element fails a whole list: what may fail is evaluated on its own, and should the list fail all the same,
  every condition is;
- running out of the iteration budget raises, other failures are values: both mean unknown;
- `matches()` compiles its pattern at every call, and text can be joined without bound: neither is offered;
- sharing an activation keeps every result alive: each item has its own;
- calling back into Python leaks: nothing does.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cel_expr_python import cel

from veilleur.domain.rules.engine import (
    NOT_A_CONDITION,
    ConditionProgram,
    EngineCondition,
    EngineError,
    EngineLogic,
    Known,
)
from veilleur.domain.rules.logic import Answers, Gate, pack_answers, resolve_gate
from veilleur.domain.rules.schema import FUNCTIONS, FieldType


class CelEngine:
    """A `ConditionEngine`."""

    def check(self, texts: Sequence[str], variables: Mapping[str, FieldType]) -> list[list[EngineError]]:
        environment = _make_environment(variables)
        return [_check_condition(environment, text) for text in texts]

    def compile(self, conditions: Sequence[EngineCondition], variables: Mapping[str, FieldType]) -> ConditionProgram:
        environment = _make_environment(variables)
        try:
            batches = _compile_batches(environment, conditions)
            singles = _Singles(environment, conditions)
            parts = _Parts(environment, conditions)
        except (RuntimeError, TypeError) as error:
            raise ValueError(str(error)) from error
        if any(batch.expression.return_type() != _BOOLS for batch in batches):
            message = "a condition must be true or false"
            raise ValueError(message)
        return _CelProgram(environment, conditions, singles, batches, parts)


class _Value(Protocol):
    def type(self) -> object: ...
    def plain_value(self) -> object: ...


class _Activation(Protocol):
    pass


class _Expression(Protocol):
    def eval(self, activation: _Activation) -> _Value: ...
    def return_type(self) -> object: ...


class _Environment(Protocol):
    def compile(self, expression: str) -> _Expression: ...
    def Activation(self, data: Mapping[str, object]) -> _Activation: ...  # noqa: N802 - the binding's name


@dataclass(frozen=True, slots=True)
class _Batch:
    """The conditions at `indexes` as one list expression."""

    expression: _Expression
    indexes: tuple[int, ...]

    def evaluate(self, activation: _Activation) -> list[Known] | None:
        """None where one of the conditions fails, or all together run out of their budget."""
        try:
            value = self.expression.eval(activation)
            found = None if value.type() == cel.Type.ERROR else value.plain_value()
        except RuntimeError:
            return None
        return found if isinstance(found, list) else None


class _Singles:
    """Conditions one by one; those that stand in a batch are compiled when they are first asked for."""

    def __init__(self, environment: _Environment, conditions: Sequence[EngineCondition]) -> None:
        self._environment = environment
        self._texts = [condition.text for condition in conditions]
        self._compiled: dict[int, _Expression] = {}
        for index, condition in enumerate(conditions):
            if condition.alone and self._find(index).return_type() != cel.Type.BOOL:
                message = "a condition must be true or false"
                raise ValueError(message)

    def evaluate(self, index: int, activation: _Activation) -> Known:
        try:
            value = self._find(index).eval(activation)
        except RuntimeError:
            return None
        return None if value.type() == cel.Type.ERROR else value.plain_value() is True

    def _find(self, index: int) -> _Expression:
        found = self._compiled.get(index)
        if found is None:
            found = self._compiled[index] = self._environment.compile(self._texts[index])
        return found


class _Parts:
    """The strict parts of those conditions that can be known though some of their variables are not."""

    def __init__(self, environment: _Environment, conditions: Sequence[EngineCondition]) -> None:
        parts = {part.text: part for one in conditions if one.logic for part in _list_parts(one.logic)}
        bits = {text: 1 << place for place, text in enumerate(parts)}
        self.gates = {index: _to_gate(one.logic, bits) for index, one in enumerate(conditions) if one.logic is not None}
        self._count = len(parts)
        self._batches = _compile_batches(environment, list(parts.values()))
        self._readers = _list_readers(list(parts.values()))

    def answer(self, activation: _Activation, unknown: Collection[str]) -> Answers:
        answers: list[Known] = [None] * self._count
        for batch in self._batches:
            for index, answer in zip(batch.indexes, batch.evaluate(activation) or (), strict=False):
                answers[index] = answer
        for name in unknown:
            for index in self._readers.get(name, ()):
                answers[index] = None
        return pack_answers(answers)


@dataclass(frozen=True, slots=True)
class _Gap:
    """What it means for the conditions that some variables are unknown; items mostly lack the same few.

    `blank` ones are unknown, `parted` are put together of their parts, `whole` asked once more without `hidden`.
    """

    blank: tuple[int, ...]
    parted: tuple[tuple[int, Gate], ...]
    whole: tuple[int, ...]
    hidden: frozenset[str]


class _CelProgram:
    def __init__(
        self,
        environment: _Environment,
        conditions: Sequence[EngineCondition],
        singles: _Singles,
        batches: Sequence[_Batch],
        parts: _Parts,
    ) -> None:
        self._environment = environment
        self._singles = singles
        self._count = len(conditions)
        self._batches = batches
        self._parts = parts
        self._alone = [index for index, condition in enumerate(conditions) if condition.alone]
        self._strict = [condition.strict for condition in conditions]
        self._readers = _list_readers(conditions)
        self._gaps: dict[frozenset[str], _Gap] = {}

    def evaluate(self, values: Mapping[str, object], unknown: Collection[str]) -> list[Known]:
        answers: list[Known] = [None] * self._count
        activation = self._environment.Activation(values)
        for batch in self._batches:
            self._evaluate_batch(batch, activation, answers)
        gap = self._find_gap(frozenset(unknown))
        if gap.parted:
            known = self._parts.answer(activation, unknown)
            for index, gate in gap.parted:
                answers[index] = resolve_gate(gate, known)
        if gap.hidden and (gap.whole or self._alone):
            activation = self._environment.Activation(
                {name: value for name, value in values.items() if name not in gap.hidden}
            )
        for index in (*self._alone, *gap.whole):
            answers[index] = self._singles.evaluate(index, activation)
        for index in gap.blank:
            answers[index] = None
        return answers

    def _find_gap(self, unknown: frozenset[str]) -> "_Gap":
        gap = self._gaps.get(unknown)
        if gap is None:
            if len(self._gaps) >= _MAX_GAPS:
                self._gaps.clear()
            gap = self._gaps[unknown] = self._make_gap(unknown)
        return gap

    def _make_gap(self, unknown: frozenset[str]) -> "_Gap":
        uncertain = sorted({index for name in unknown for index in self._readers.get(name, ())})
        gates = self._parts.gates
        return _Gap(
            blank=tuple(index for index in uncertain if self._strict[index]),
            parted=tuple((index, gates[index]) for index in uncertain if index in gates),
            whole=tuple(index for index in uncertain if not self._strict[index] and index not in gates),
            hidden=frozenset(name.partition("[")[0] for name in unknown) if uncertain else frozenset(),
        )

    def _evaluate_batch(self, batch: _Batch, activation: _Activation, answers: list[Known]) -> None:
        found = batch.evaluate(activation)
        if found is None:
            found = [self._singles.evaluate(index, activation) for index in batch.indexes]
        if len(found) == len(answers):
            answers[:] = found
            return
        for index, answer in zip(batch.indexes, found, strict=True):
            answers[index] = answer


_TYPES = {
    FieldType.INT: cel.Type.INT,
    FieldType.DOUBLE: cel.Type.DOUBLE,
    FieldType.TEXT: cel.Type.STRING,
    FieldType.BOOL: cel.Type.BOOL,
    FieldType.TEXTS: cel.Type.List(cel.Type.STRING),
    FieldType.MAP: cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    FieldType.INTS: cel.Type.List(cel.Type.INT),
    FieldType.FLAGS: cel.Type.List(cel.Type.BOOL),
}

_BOOLS = cel.Type.List(cel.Type.BOOL)

_OFFERED = """
name: veilleur
stdlib:
  include_macros: [exists, all, exists_one]
  include_functions:
    - {name: "_==_"}
    - {name: "_!=_"}
    - {name: "_<_"}
    - {name: "_<=_"}
    - {name: "_>_"}
    - {name: "_>=_"}
    - {name: "_&&_"}
    - {name: "_||_"}
    - {name: "!_"}
    - {name: "_?_:_"}
    - {name: "-_"}
    - {name: "_*_"}
    - {name: "_/_"}
    - {name: "_%_"}
    - {name: "_+_", overloads: [{id: add_int64}, {id: add_double}]}
    - {name: "_-_", overloads: [{id: subtract_int64}, {id: subtract_double}]}
    - {name: "_[_]"}
    - {name: "@in"}
    - {name: "@not_strictly_false"}
    - {name: contains}
    - {name: startsWith}
    - {name: endsWith}
    - {name: size}
    - {name: int}
    - {name: double}
    - {name: string}
"""
"""All of CEL's library that conditions may use: nothing that compiles patterns, joins texts or builds lists."""

_MAX_GAPS = 1_000
"""Combinations of unknown variables that are remembered."""

_MAX_BATCH = 80_000
"""Characters of one list expression; the binding refuses more than 100,000."""

_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*?)(?=\n \||\nERROR: | \[[A-Z_]+\]$|$)", re.DOTALL)


def _make_environment(variables: Mapping[str, FieldType]) -> _Environment:
    functions = [
        cel.FunctionDecl(
            name, [cel.Overload(f"{name}_string", return_type=_TYPES[result], parameters=[cel.Type.STRING])]
        )
        for name, result in FUNCTIONS.items()
    ]
    environment: _Environment = cel.NewEnv(
        config=cel.NewEnvConfigFromYaml(_OFFERED),
        variables={name: _TYPES[field_type] for name, field_type in variables.items()},
        functions=functions,
    )
    return environment


def _check_condition(environment: _Environment, text: str) -> list[EngineError]:
    try:
        result = environment.compile(text).return_type()
    except (RuntimeError, TypeError) as error:
        return _read_errors(str(error))
    if result != cel.Type.BOOL:
        return [EngineError(1, 1, f"{NOT_A_CONDITION}{result}")]
    return []


def _read_errors(report: str) -> list[EngineError]:
    errors = [
        EngineError(max(int(line), 1), max(int(column), 1), text) for line, column, text in _ERROR.findall(report)
    ]
    return errors or [EngineError(1, 1, report.partition("\n")[0])]


def _compile_batches(environment: _Environment, conditions: Sequence[EngineCondition]) -> list[_Batch]:
    return [
        _Batch(environment.compile(f"[{', '.join(conditions[index].text for index in indexes)}]"), indexes)
        for indexes in _split_batches(conditions)
    ]


def _list_readers(conditions: Sequence[EngineCondition]) -> dict[str, list[int]]:
    """Which conditions depend on a variable."""
    readers: dict[str, list[int]] = {}
    for index, condition in enumerate(conditions):
        for name in condition.reads:
            readers.setdefault(name, []).append(index)
    return readers


def _list_parts(logic: EngineLogic) -> list[EngineCondition]:
    parts: list[EngineCondition] = []
    for part in logic.parts:
        parts += _list_parts(part) if isinstance(part, EngineLogic) else [part]
    return parts


def _to_gate(logic: EngineLogic, bits: Mapping[str, int]) -> Gate:
    mask = 0
    gates: list[Gate] = []
    for part in logic.parts:
        if isinstance(part, EngineLogic):
            gates.append(_to_gate(part, bits))
        else:
            mask |= bits[part.text]
    return Gate(logic.kind, mask, tuple(gates))


def _split_batches(conditions: Sequence[EngineCondition]) -> list[tuple[int, ...]]:
    batches: list[list[int]] = []
    length = _MAX_BATCH
    for index, condition in enumerate(conditions):
        if condition.alone:
            continue
        length += len(condition.text) + 2
        if length > _MAX_BATCH:
            batches.append([])
            length = len(condition.text)
        batches[-1].append(index)
    return [tuple(batch) for batch in batches]
