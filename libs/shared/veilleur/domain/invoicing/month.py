"""What a month end says of a client; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from veilleur.kernel.errors import InputError, Problem
from veilleur.kernel.messages import Language, Message, msg

Outcome = Literal["ready", "blocked", "finalised", "nothing"]
SURPRISE = Decimal("0.3")
"""A change against the month before that somebody should have a look at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A blocker or warning in both languages, as it is stored."""

    slug: str
    texts: dict[str, str]
    pointer: str | None = None

    def dump(self) -> dict[str, Any]:
        return {"slug": self.slug, "texts": self.texts} | ({"pointer": self.pointer} if self.pointer else {})


@dataclass(frozen=True, slots=True)
class Result:
    client: str
    outcome: Outcome
    period: dict[str, str] | None = None
    invoice: str | None = None
    total: str | None = None
    currency: str | None = None
    blockers: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = field(default=())

    def dump(self) -> dict[str, Any]:
        return {
            "client": self.client, "state": self.outcome, "period": self.period, "invoice": self.invoice,
            "total": self.total, "currency": self.currency,
            "blockers": [finding.dump() for finding in self.blockers],
            "warnings": [finding.dump() for finding in self.warnings],
        }  # fmt: skip


def show_result(stored: dict[str, Any], language: Language) -> dict[str, Any]:
    return stored | {name: [show_finding(one, language) for one in stored[name]] for name in ("blockers", "warnings")}


def show_finding(stored: dict[str, Any], language: Language) -> dict[str, Any]:
    return {"type": stored["slug"], "detail": stored["texts"][language], "pointer": stored.get("pointer")}


def tell_problem(problem: Problem) -> tuple[Finding, ...]:
    """One finding an error, or one for the problem itself."""
    if not problem.errors:
        return (_find(problem.slug, problem.detail),)
    return tuple(_tell_error(problem.slug, error) for error in problem.errors)


def compare(total: Decimal, before: Decimal | None) -> tuple[Finding, ...]:
    """A warning where a total differs from the month before's by 30 % or more."""
    if before is None or not before:
        return ()
    change = (total - before) / before
    if abs(change) < SURPRISE:
        return ()
    percent = f"{change * 100:+.0f}"
    return (_find("unusual-total", msg("{percent} % against the period before", percent=percent)),)


def name_problems(problems: Sequence[Message], slug: str) -> tuple[Finding, ...]:
    return tuple(_find(slug, problem) for problem in problems)


def _tell_error(slug: str, error: InputError) -> Finding:
    return _find(slug, error.detail, error.pointer)


def _find(slug: str, message: Message, pointer: str | None = None) -> Finding:
    return Finding(slug, {"en": message.render("en"), "fr": message.render("fr")}, pointer)
