"""From a provider's settings to the call, and from its reply to scores; pure."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from veilleur.domain.providers.offers import read_settings
from veilleur.domain.providers.protocol import Call, Question, Scores, read_scores
from veilleur.domain.providers.registry import VENDORS

_OK, _BUSY, _FAULTS = 200, (408, 425, 429), 500


def seal_place(agency_id: UUID, provider_id: UUID) -> str:
    """What a provider's sealed secret is bound to: it opens nowhere else."""
    return f"{agency_id}|providers|sealed|{provider_id}"


def build_call(kind: str, settings: Mapping[str, Any], secret: str, questions: Sequence[Question]) -> Call:
    return VENDORS[kind].build(read_settings(kind, settings), secret, questions)


def read_answer(kind: str, settings: Mapping[str, Any], body: bytes, count: int) -> list[Scores]:
    """The scores of `count` questions; `UnreadableAnswerError` for what says nothing."""
    return read_scores(VENDORS[kind], read_settings(kind, settings), body, count)


def explain_status(status: int) -> tuple[str | None, bool]:
    """None for a status that brings an answer, else a word for it; and whether to ask again may help."""
    if status == _OK:
        return None, False
    return f"http_{status}", status in _BUSY or status >= _FAULTS
