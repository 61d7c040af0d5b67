"""A round of questions: what is to be asked of whom, and what came of it; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from veilleur.domain.providers.offers import hash_question, merge_facts, name_scores
from veilleur.domain.providers.protocol import Question, Scores

Key = tuple[UUID, bytes]
"""A provider and the digest of what it is asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A provider with all that calling it needs; its secret still sealed."""

    id: UUID
    name: str
    kind: str
    settings: Mapping[str, Any]
    sealed: bytes | None
    timeout_s: float

    def key(self, question: Question) -> Key:
        return self.id, hash_question(self.kind, self.settings, question)


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call that is paid from one client's budget."""

    provider: Asked
    client_id: UUID
    questions: Mapping[Key, Question]


@dataclass(frozen=True, slots=True)
class Leased:
    """A question in hand, and the keys under which its answers will be found, with the provider of each."""

    id: UUID
    item_id: UUID
    client_id: UUID
    fence: int
    tries: int
    text: Question
    keys: Mapping[Key, Asked]


@dataclass(frozen=True, slots=True)
class Round:
    """Leased questions, the calls to be made for them, and what is known without any."""

    questions: tuple[Leased, ...]
    calls: tuple[PlannedCall, ...]
    known: Mapping[Key, Scores]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call gave. `error`, a word: it gave nothing; `again`: it may the next time."""

    call: PlannedCall
    scores: Mapping[Key, Scores] = field(default_factory=dict)
    error: str | None = None
    again: bool = False


def gather_questions(leased: Sequence[Leased]) -> dict[tuple[UUID, UUID], tuple[Asked, dict[Key, Question]]]:
    """What is to be asked, by provider and client; a text that stands in several items once."""
    wanted: dict[tuple[UUID, UUID], tuple[Asked, dict[Key, Question]]] = {}
    seen: set[Key] = set()
    for one in leased:
        for key, provider in one.keys.items():
            if key not in seen:
                seen.add(key)
                wanted.setdefault((provider.id, one.client_id), (provider, {}))[1][key] = one.text
    return wanted


def cut_calls(provider: Asked, client_id: UUID, questions: Mapping[Key, Question], most: int) -> list[PlannedCall]:
    """Calls of at most `most` questions each."""
    listed = list(questions.items())
    return [
        PlannedCall(provider, client_id, dict(listed[start : start + most])) for start in range(0, len(listed), most)
    ]


def tell_facts(question: Leased, scores: Mapping[Key, Scores]) -> dict[str, float]:
    """All that is now known for a question; what was not answered is absent."""
    return merge_facts(
        name_scores(provider.name, provider.kind, scores[key])
        for key, provider in question.keys.items()
        if key in scores
    )
