"""A rule set as read: format `veilleur.rules/v1`, checked in shape, with nothing looked up yet.

Paths (`("rules", 0, "when", "all", 2)`) lead back to the place in the document that was sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from veilleur.domain.rules.outcome import Decide, Escalate, RuleAction, Target, Verdict
from veilleur.kernel.strict_json import Json, canonical_bytes, canonical_digest

FORMAT = "veilleur.rules/v1"
SCHEMA = "item/v1"

Path = tuple[str | int, ...]
Param = bool | int | float | str
Mode = Literal["draft", "shadow", "live"]
MODES: tuple[Mode, ...] = ("draft", "shadow", "live")

MAX_RULES = 500
MAX_PHRASES = 100_000
MAX_PATTERNS = 500
MAX_EXPRESSION = 1_000
MAX_NESTING = 16


@dataclass(frozen=True, slots=True)
class PhraseList:
    """`fold="hard"` looks through disguises as well; what lies within an exception is no match."""

    name: str
    match: Literal["word", "substring"] = "word"
    fold: Literal["soft", "hard"] = "soft"
    entries: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DomainList:
    name: str
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HashList:
    """Hashes of images in hex. `max_distance`: how many of a PDQ hash's 256 bits may differ; 0 for SHA-256."""

    name: str
    hash: Literal["pdq", "sha256"]
    max_distance: int
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CounterDeclaration:
    """A count over a sliding window of event time, kept elsewhere.

    What is counted are items with the same values of the `key` fields, or the different values of the `distinct` field
    among them; with `where`, only items for which this condition is true. The window slides in `buckets` steps.
    """

    name: str
    key: tuple[str, ...]
    window_s: int
    buckets: int
    distinct: str | None
    where: "Leaf | None"

    @property
    def identity(self) -> str:
        """What was counted under another declaration is not this counter's: 16 hex digits that change with it."""
        where = self.where.expression if self.where else None
        return canonical_digest([list(self.key), self.window_s, self.buckets, self.distinct, where]).hex()[:16]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition: a CEL expression that is true or false."""

    expression: str
    path: Path = field(compare=False)


@dataclass(frozen=True, slots=True)
class Branch:
    kind: Literal["all", "any", "none"]
    parts: tuple["Condition", ...]


Condition = Leaf | Branch


@dataclass(frozen=True, slots=True)
class ActionClause:
    """An action as a rule writes it: `until` is an instant, or a time counted from the decision."""

    code: str
    target: Target
    until: datetime | timedelta | None
    text: str | None
    params: tuple[tuple[str, object], ...]
    path: Path = field(compare=False)


@dataclass(frozen=True, slots=True)
class DecideClause:
    verdict: Verdict
    actions: tuple[ActionClause, ...]
    policies: tuple[str, ...]
    path: Path = field(compare=False)

    def settle(self, now: datetime) -> Decide:
        """The clause at an instant: times counted from the decision become instants."""
        return Decide(self.verdict, tuple(_settle_action(action, now) for action in self.actions), self.policies)


@dataclass(frozen=True, slots=True)
class EscalateClause:
    escalate: Escalate
    path: Path = field(compare=False)

    def settle(self, now: datetime) -> Escalate:  # noqa: ARG002 - an escalation does not depend on time
        return self.escalate


Clause = DecideClause | EscalateClause


@dataclass(frozen=True, slots=True)
class RuleTest:
    """An item (contract shape), facts laid over what is read from it, and whether the rule must fire."""

    item: Mapping[str, object]
    facts: Mapping[str, object]
    fires: bool
    path: Path = field(compare=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """`severity` 0 to 100. `on_unknown` None: the rule does not fire when its condition can't be known.

    `requires` are fields without which the condition counts as unknown. A rule acts at most `daily_cap` times a day,
    and not from `expires_at` on.
    """

    id: str
    title: str
    mode: Mode
    severity: int
    when: Condition
    then: Clause
    on_unknown: Clause | None
    tests: tuple[RuleTest, ...]
    path: Path = field(compare=False)
    requires: tuple[str, ...] = ()
    daily_cap: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    name: str
    title: str
    fallback: Clause
    phrases: tuple[PhraseList, ...]
    domains: tuple[DomainList, ...]
    hashes: tuple[HashList, ...]
    counters: tuple[CounterDeclaration, ...]
    patterns: Mapping[str, str]
    params: Mapping[str, Param]
    rules: tuple[Rule, ...]
    document: dict[str, Json] = field(repr=False)
    """The document itself, as plain JSON."""
    shared: Mapping[str, str] = field(default_factory=dict)
    """The agency's lists it refers to: digest by code."""


def canonical_json(document: dict[str, Json]) -> str:
    """The one spelling of a document: keys sorted by code point, no spaces; `1` and `1.0` stay apart (types differ)."""
    return canonical_bytes(document).decode()


def digest_document(document: dict[str, Json]) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return canonical_digest(document).hex()


def identify_rule_set(rule_set: RuleSet) -> str:
    """What a rule set is with the lists it shares: its document's digest unless it refers to any."""
    digest = digest_document(rule_set.document)
    return canonical_digest([digest, dict(rule_set.shared)]).hex() if rule_set.shared else digest


def list_leaves(condition: Condition) -> list[Leaf]:
    """The leaves of a tree from left to right."""
    if isinstance(condition, Leaf):
        return [condition]
    return [leaf for part in condition.parts for leaf in list_leaves(part)]


def _settle_action(action: ActionClause, now: datetime) -> RuleAction:
    until = now + action.until if isinstance(action.until, timedelta) else action.until
    return RuleAction(action.code, action.target, until, action.text, action.params)
