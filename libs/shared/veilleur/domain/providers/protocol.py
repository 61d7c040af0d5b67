"""What the file of a vendor offers. Everything in it is pure: texts in, a call out; an answer in, scores out."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from veilleur.domain.rules.schema import CATEGORIES
from veilleur.kernel.errors import Problem
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import Json, strict_loads

Scores = Mapping[str, float]
"""From 0.0 to 1.0 by the vendor's own names; a name that is absent is unknown, never 0."""


@dataclass(frozen=True, slots=True)
class Question:
    """One text, with its language where that is known."""

    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A POST to be made."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class UnreadableAnswerError(ValueError):
    """The vendor answered in a way that says nothing: as good as no answer."""


class VendorSettings(BaseModel):
    """What an owner gives for a provider of one kind; its secret is kept apart."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _require_category(name: str) -> str:
    if name not in CATEGORIES:
        raise ValueError(msg("is no category; allowed: {codes}", codes=sorted(CATEGORIES)))
    return name


Category = Annotated[str, AfterValidator(_require_category)]
"""One of those all rules know."""

Address = Annotated[str, Field(pattern=r"^https?://", max_length=2_048)]


@dataclass(frozen=True, slots=True)
class Vendor:
    """`most` questions go into one call; `categories` maps the vendor's names to those all rules know."""

    settings: type[VendorSettings]
    most: int
    build: Callable[[Any, str, Sequence[Question]], Call]
    read: Callable[[Any, Json], list[Scores]]
    """One entry a question, in their order; `UnreadableAnswerError` when that can't be told."""
    categories: Mapping[str, tuple[str, ...]]
    narrow: Callable[[Any], Collection[str]] | None = None
    """Where the owner's settings say which of the categories are served."""


TOXIC = ("insult", "hate", "threat", "sexual", "violence")
"""What makes a text toxic where the vendor has no word of its own for it."""


def read_scores(vendor: Vendor, settings: VendorSettings, body: bytes, count: int) -> list[Scores]:
    """The scores of `count` questions."""
    try:
        answer = strict_loads(body)
    except Problem:
        raise UnreadableAnswerError("not JSON") from None
    scores = vendor.read(settings, answer)
    if len(scores) != count:
        raise UnreadableAnswerError("another number of answers than of questions")
    return scores


def to_categories(vendor: Vendor, scores: Scores) -> dict[str, float]:
    """The categories all rules know, each the highest of what it stands for."""
    known = {
        category: max(found)
        for category, names in vendor.categories.items()
        if (found := [scores[name] for name in names if name in scores])
    }
    toxic = [known[category] for category in TOXIC if category in known]
    return {"toxicity": max(toxic)} | known if toxic else known


def list_categories(vendor: Vendor, settings: VendorSettings) -> frozenset[str]:
    """Which categories a provider of this kind, set like this, may say something about."""
    served = frozenset(vendor.categories if vendor.narrow is None else vendor.narrow(settings))
    return served if served.isdisjoint(TOXIC) else served | {"toxicity"}


def read_number(value: Json, most: float = 1.0) -> float | None:
    """A score scaled to 0.0 … 1.0; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return min(max(float(value) / most, 0.0), 1.0)
