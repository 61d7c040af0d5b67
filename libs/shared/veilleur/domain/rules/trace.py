"""The trace of an evaluation: small JSON kept with the decision, from which the outcome can be read again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from veilleur.domain.rules.logic import Answers
from veilleur.kernel.clock import to_rfc3339

TRACE_FORMAT = 1

Stopped = Literal["capped", "expired"]
"""Why a rule that fires does not act: it has acted often enough today, or its time is over."""

STOPPED: tuple[Stopped, ...] = ("capped", "expired")


def write_trace(digest: str, now: datetime, answers: Answers, told: Mapping[str, object]) -> dict[str, object]:
    """`conditions` is `[count, true, unknown]`, the two sets as hex numbers whose bit `i` is condition `i`.

    `told` is for people and stands beside it: signals, spans by rule, which rule decided.
    """
    return {
        "v": TRACE_FORMAT,
        "digest": digest,
        "at": to_rfc3339(now),
        "conditions": [answers.count, f"{answers.true:x}", f"{answers.unknown:x}"],
        **told,
    }


def read_answers(trace: Mapping[str, object], digest: str, count: int) -> Answers:
    """`ValueError` for the trace of another rule set, or one that is none."""
    conditions = trace.get("conditions")
    if trace.get("v") != TRACE_FORMAT or trace.get("digest") != digest or not isinstance(conditions, list):
        message = "not a trace of this rule set"
        raise ValueError(message)
    traced, true, unknown = conditions
    if traced != count:
        message = f"a trace of {traced} conditions, not of {count}: compiled with other modes"
        raise ValueError(message)
    return Answers(count, int(true, 16), int(unknown, 16))


def read_stopped(trace: Mapping[str, object]) -> dict[str, Stopped]:
    """The rules that fired and did not act."""
    stopped = trace.get("stopped")
    return {rule: why for rule, why in stopped.items() if why in STOPPED} if isinstance(stopped, dict) else {}


def read_instant(trace: Mapping[str, object]) -> datetime:
    return datetime.fromisoformat(str(trace["at"]))
