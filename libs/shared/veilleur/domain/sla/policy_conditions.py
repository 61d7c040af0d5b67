"""When a rule of an SLA policy holds: lists of allowed values, each checked against what there is; pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import get_args

from veilleur.domain.intake.envelope import Kind, ReportSource
from veilleur.domain.sla.mistakes import Mistakes, read_fields
from veilleur.domain.sla.policy import Priority
from veilleur.kernel.messages import msg

CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MAX_VALUES = 100

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_PRIORITIES, _KINDS, _REPORT_SOURCES = get_args(Priority), get_args(Kind), get_args(ReportSource)


@dataclass(frozen=True, slots=True)
class Known:
    """What a client's rules may name: shown ids of its sources, codes of the agency's queues."""

    sources: frozenset[str] = field(default_factory=frozenset)
    queues: frozenset[str] = field(default_factory=frozenset)


def read_when(value: object, pointer: str, known: Known, mistakes: Mistakes) -> dict[str, list[str]]:
    """The conditions of a rule; languages in lower case."""
    allowed: Mapping[str, Callable[[str], bool]] = {
        "priority": _PRIORITIES.__contains__,
        "kind": _KINDS.__contains__,
        "source": known.sources.__contains__,
        "language": lambda tag: bool(_LANGUAGE.fullmatch(tag.lower())),
        "report_source": _REPORT_SOURCES.__contains__,
        "queue": known.queues.__contains__,
    }
    fields = read_fields(value, pointer, mistakes, required=(), optional=tuple(allowed))
    when = {name: _read_values(listed, f"{pointer}/{name}", allowed[name], mistakes) for name, listed in fields.items()}
    return {name: [one.lower() for one in values] if name == "language" else values for name, values in when.items()}


def _read_values(value: object, pointer: str, is_known: Callable[[str], bool], mistakes: Mistakes) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_VALUES:
        mistakes.add(
            pointer, msg("must be a list"), msg("of 1 to {limit} values, any of which may hold", limit=MAX_VALUES)
        )
        return []
    for place, one in enumerate(value):
        if not isinstance(one, str) or not is_known(one):
            mistakes.add(f"{pointer}/{place}", msg("is not known here"), _HINTS[pointer.rpartition("/")[2]])
    return [one for one in value if isinstance(one, str)]


_HINTS = {
    "priority": msg("one of {names}", names=list(_PRIORITIES)),
    "kind": msg("one of {names}", names=list(_KINDS)),
    "source": msg("the id of a source of this client"),
    "language": msg("a language tag such as fr or pt-br"),
    "report_source": msg("one of {names}", names=list(_REPORT_SOURCES)),
    "queue": msg("the code of a queue of the agency"),
}
