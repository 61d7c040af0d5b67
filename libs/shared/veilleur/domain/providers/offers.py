"""What a provider could tell the rules of a client, and what its answer is in their words; pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from veilleur.domain.providers.protocol import Question, Scores, VendorSettings, list_categories, to_categories
from veilleur.domain.providers.registry import VENDORS
from veilleur.domain.rules.schema import name_provider_field

TRIES = 2
LEASE_MARGIN_S = 1.0
"""Beyond a call's timeout: what is left to write down its answer."""
RETRY_IN_S = 0.5
LONGEST_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Offer:
    """A provider as it is set for a client: its name, and the categories it may know."""

    name: str
    categories: frozenset[str]
    timeout_s: float

    def find_told(self, fields: Iterable[str]) -> frozenset[str]:
        """Which of these fields it might fill."""
        return frozenset(
            field
            for field in fields
            if field.startswith(f"provider.{self.name}.") or field.removeprefix("provider.") in self.categories
        )


def make_offer(name: str, kind: str, settings: Mapping[str, Any], timeout_s: float) -> Offer:
    return Offer(name, list_categories(VENDORS[kind], read_settings(kind, settings)), timeout_s)


def read_settings(kind: str, settings: Mapping[str, Any]) -> VendorSettings:
    """Settings as they are kept."""
    return VENDORS[kind].settings.model_validate(settings)


def find_patience(timeouts_s: Iterable[float]) -> float:
    """How long an item waits at most: the slowest provider twice, and what lies around its calls."""
    return min(TRIES * (max(timeouts_s) + LEASE_MARGIN_S) + 2.0, LONGEST_PATIENCE_S)


def find_lease(timeouts_s: Iterable[float]) -> float:
    """How long an asker has before somebody else asks instead."""
    return max(timeouts_s, default=0.0) + LEASE_MARGIN_S


def hash_question(kind: str, settings: Mapping[str, Any], question: Question) -> bytes:
    """Equal where the answer is: the same text, asked in the same way."""
    told = json.dumps([kind, settings, question.language, question.text], sort_keys=True)
    return hashlib.sha256(told.encode()).digest()


def name_scores(name: str, kind: str, scores: Scores) -> dict[str, float]:
    """A provider's scores as facts: its own under its name, and the categories all rules know."""
    own = [(name_provider_field(name, raw), score) for raw, score in scores.items()]
    common = [(f"provider.{category}", score) for category, score in to_categories(VENDORS[kind], scores).items()]
    return merge_facts([{field: score} for field, score in (*own, *common)])


def merge_facts(told: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """What several say of one thing is the highest of it."""
    merged: dict[str, float] = {}
    for facts in told:
        for field, score in facts.items():
            merged[field] = max(score, merged.get(field, 0.0))
    return merged
