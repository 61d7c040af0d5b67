"""Three-valued logic over bits: what a tree of conditions comes to when some of them can't be known (Kleene)."""

from collections.abc import Sequence
from dataclasses import dataclass

from veilleur.domain.rules.engine import Known


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition as bits: `mask` holds its leaves' bits, for a branch those that are its parts themselves."""

    kind: str
    mask: int
    gates: tuple["Gate", ...] = ()


@dataclass(frozen=True, slots=True)
class Answers:
    """Bit `i` of `true` and of `unknown` for condition `i`; neither means false."""

    count: int
    true: int
    unknown: int


def pack_answers(answers: Sequence[Known]) -> Answers:
    unknown = sum([1 << index for index, answer in enumerate(answers) if answer is None]) if None in answers else 0
    return Answers(len(answers), sum([1 << index for index, answer in enumerate(answers) if answer]), unknown)


def resolve_gate(gate: Gate, answers: Answers) -> Known:
    """`all` is false if any part is, else unknown if any is; `any` the other way round; `none` is not `any`."""
    if gate.kind == "all":
        return _resolve_all(gate, answers)
    found = _resolve_any(gate, answers)
    return found if gate.kind == "any" or found is None else not found


def _resolve_all(gate: Gate, answers: Answers) -> Known:
    if gate.mask & ~(answers.true | answers.unknown):
        return False
    unknown = bool(gate.mask & answers.unknown)
    for part in gate.gates:
        known = resolve_gate(part, answers)
        if known is False:
            return False
        unknown = unknown or known is None
    return None if unknown else True


def _resolve_any(gate: Gate, answers: Answers) -> Known:
    if gate.mask & answers.true:
        return True
    unknown = bool(gate.mask & answers.unknown)
    for part in gate.gates:
        known = resolve_gate(part, answers)
        if known is True:
            return True
        unknown = unknown or known is None
    return None if unknown else False
