"""What a case asks of the person who decides it, and who fits; pure.

A queue is a wall: its skills, languages and tier hold always. A case's own skills, named by the rule that sent it,
are a wish: when little time is left, who lacks them may take it as well. Nobody judges a language they don't speak.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Fit = Literal["primary", "secondary"]


@dataclass(frozen=True, slots=True)
class Needs:
    """Of one case: the language of its item (a primary subtag, None when unknown), and skills beyond the queue's."""

    language: str | None = None
    skills: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class QueueTerms:
    """What a queue asks for, and how long it leaves a case in one pair of hands."""

    id: UUID
    code: str
    skills: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    tier: int = 1
    relax_percent: int = 50
    restricted: bool = False
    """Here alone lies what is under a legal hold."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """Of one person. Without a word about languages, all are taken as read; `clients` None serves every client."""

    skills: frozenset[str]
    languages: frozenset[str]
    tier: int
    clients: frozenset[UUID] | None
    supervises: bool = False

    def serves(self, client_id: UUID) -> bool:
        return self.clients is None or client_id in self.clients

    def may_enter(self, queue: QueueTerms) -> bool:
        """Skills, tier and languages of the queue itself; whatever the case."""
        if not queue.skills <= self.skills or (queue.tier > self.tier and not self.supervises):
            return False
        return not (queue.languages and self.languages) or bool(queue.languages & self.languages)

    def speaks(self, language: str | None) -> bool:
        return language is None or not self.languages or language in self.languages


def find_fit(able: Abilities, client_id: UUID, queue: QueueTerms, needs: Needs) -> Fit | None:
    """Whether this person may decide such cases: always, only when time runs short, or never."""
    if not (able.serves(client_id) and able.may_enter(queue) and able.speaks(needs.language)):
        return None
    if needs.skills <= able.skills:
        return "primary"
    return "secondary" if queue.relax_percent > 0 else None


def runs_short(queue: QueueTerms, opened_at: datetime, due_at: datetime, present: datetime) -> bool:
    """Less than the queue's share of the time between opening and deadline is left."""
    return due_at - present < (due_at - opened_at) * queue.relax_percent / 100


def write_needs(needs: Needs) -> str:
    """`fr|legal,medical`; empty when nothing is asked for. One spelling for equal needs."""
    if needs == Needs():
        return ""
    return f"{needs.language or ''}|{','.join(sorted(needs.skills))}"


def read_needs(written: str) -> Needs:
    language, _, skills = written.partition("|")
    return Needs(language or None, frozenset(filter(None, skills.split(","))))


def primary_language(tag: str | None) -> str | None:
    """`fr` of `fr-CA`; None for no tag and for the ones that name no language."""
    primary = (tag or "").split("-")[0].lower()
    return primary if primary not in ("", "und", "zxx", "mul") else None
