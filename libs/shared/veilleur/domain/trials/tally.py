"""The figures of a backtest, gathered context by context, kept as JSON between two batches; pure.

Two workers, or one that was killed, end with the same figures: what counts is added up, and the samples are those whose
name has the smallest hash, whatever the order they came in.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

from veilleur.domain.trials.intervals import Confusion
from veilleur.domain.trials.standpoint import ACTING, Standpoint, is_harsher, is_milder
from veilleur.kernel.clock import to_rfc3339

MAX_SAMPLES = 50

_SIDES = ("before", "after")


@dataclass(frozen=True, slots=True)
class Compared:
    """One context under both rule sets. `name` tells it apart; `people` is what a person decided, if one did."""

    name: str
    before: Standpoint
    after: Standpoint
    at: datetime | None = None
    people: str | None = None

    @property
    def is_flip(self) -> bool:
        return self.before.kind != self.after.kind


@dataclass(slots=True)
class Tally:
    """`flips` by (from, to, rule before, rule after); `kinds`, `queues` and `judged` by side."""

    contexts: int = 0
    harsher: int = 0
    milder: int = 0
    flips: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    kinds: dict[str, Counter[str]] = field(default_factory=lambda: {side: Counter() for side in _SIDES})
    queues: dict[str, Counter[tuple[str, str]]] = field(default_factory=lambda: {side: Counter() for side in _SIDES})
    judged: dict[str, Confusion] = field(default_factory=lambda: dict.fromkeys(_SIDES, Confusion()))
    samples: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the hash of their name."""
    first: datetime | None = None
    last: datetime | None = None

    def add(self, one: Compared) -> bool:
        """Count it; whether it belongs among the samples, which `keep_sample` then puts there."""
        self.contexts += 1
        self.harsher += is_harsher(one.before, one.after)
        self.milder += is_milder(one.before, one.after)
        for side, standpoint in (("before", one.before), ("after", one.after)):
            self.kinds[side][standpoint.kind] += 1
            if standpoint.kind == "escalate":
                self.queues[side][standpoint.queue or "", standpoint.priority or ""] += 1
            if one.people is not None:
                self.judged[side] = self.judged[side].add(rules=standpoint.acts, people=one.people in ACTING)
        if one.at is not None:
            self.first = one.at if self.first is None else min(self.first, one.at)
            self.last = one.at if self.last is None else max(self.last, one.at)
        if not one.is_flip:
            return False
        self.flips[one.before.kind, one.after.kind, one.before.rule or "", one.after.rule or ""] += 1
        return len(self.samples) < MAX_SAMPLES or hash_name(one.name) < max(self.samples)

    def keep_sample(self, name: str, sample: dict[str, Any]) -> None:
        self.samples[hash_name(name)] = sample
        if len(self.samples) > MAX_SAMPLES:
            del self.samples[max(self.samples)]

    def show_flips(self) -> list[dict[str, Any]]:
        """The most frequent first. `rule_before` and `rule_after` decided; null is the fallback."""
        return [
            {"from": old, "to": new, "rule_before": before or None, "rule_after": after or None, "count": count}
            for (old, new, before, after), count in sorted(self.flips.items(), key=lambda flip: (-flip[1], flip[0]))
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "contexts": self.contexts,
            "harsher": self.harsher,
            "milder": self.milder,
            "flips": [[*key, count] for key, count in self.flips.items()],
            "kinds": {side: dict(counts) for side, counts in self.kinds.items()},
            "queues": {side: [[*key, count] for key, count in counts.items()] for side, counts in self.queues.items()},
            "judged": {
                side: [one.both, one.rules_only, one.people_only, one.neither] for side, one in self.judged.items()
            },
            "samples": self.samples,
            "first": self.first and to_rfc3339(self.first),
            "last": self.last and to_rfc3339(self.last),
        }


def read_tally(stored: Mapping[str, Any]) -> Tally:
    """What `to_json` wrote; an empty object is a fresh tally."""
    if not stored:
        return Tally()
    return Tally(
        contexts=stored["contexts"],
        harsher=stored["harsher"],
        milder=stored["milder"],
        flips=Counter({(a, b, c, d): count for a, b, c, d, count in stored["flips"]}),
        kinds={side: Counter(counts) for side, counts in stored["kinds"].items()},
        queues={side: Counter({(a, b): count for a, b, count in rows}) for side, rows in stored["queues"].items()},
        judged={side: Confusion(*counts) for side, counts in stored["judged"].items()},
        samples=dict(stored["samples"]),
        first=stored["first"] and datetime.fromisoformat(stored["first"]),
        last=stored["last"] and datetime.fromisoformat(stored["last"]),
    )


def hash_name(name: str) -> str:
    return blake2b(name.encode(), digest_size=8).hexdigest()
