"""Where a case goes; pure.

A queue that a content rule names is where its cases go: who wrote the rule had these cases in mind. `default` names
none. Then the agency's routing rules are asked, in their order, and the first whose conditions all hold wins; then the
client's own queue is left.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from veilleur.domain.review.needs import Needs, QueueTerms, primary_language

UNSCREENED = "unscreened"
"""The queue of what screening could not finish."""

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Facts:
    """What routing looks at. `tier` is asked for when a case is too hard for where it was."""

    client_id: UUID
    kind: str
    language: str | None
    policies: frozenset[str]
    priority: str
    tier: int = 1


@dataclass(frozen=True, slots=True)
class Route:
    """A routing rule. `conditions` by name: `client kind language policy priority tier`, each a list of what fits."""

    id: UUID
    name: str
    queue_id: UUID
    conditions: Mapping[str, frozenset[object]] = field(default_factory=dict)
    skills: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """An agency's queues by code, and its routing rules in order."""

    queues: Mapping[str, QueueTerms]
    routes: Sequence[Route]

    def find_queue(self, queue_id: UUID) -> QueueTerms:
        return next(queue for queue in self.queues.values() if queue.id == queue_id)


@dataclass(frozen=True, slots=True)
class Destination:
    """A queue, what is asked for beyond it, and the rule that led there."""

    queue: QueueTerms
    needs: Needs
    route: Route | None = None


def choose_destination(
    facts: Facts, plan: Plan, default_id: UUID, *, named: str | None = None, skills: Iterable[str] = ()
) -> Destination:
    """Where a new case goes; `named` and `skills` are what the content rule says."""
    language = primary_language(facts.language)
    if named is not None and named != DEFAULT and named in plan.queues:
        return Destination(plan.queues[named], Needs(language, frozenset(skills)))
    route = find_route(facts, plan.routes)
    if route is None:
        return Destination(plan.find_queue(default_id), Needs(language, frozenset(skills)))
    return Destination(plan.find_queue(route.queue_id), Needs(language, frozenset(skills) | route.skills), route)


def choose_higher(facts: Facts, plan: Plan) -> Destination | None:
    """Where a case goes that asks for `facts.tier`: by rules that name tiers, else the lowest queue high enough."""
    language = primary_language(facts.language)
    named = [route for route in plan.routes if "tier" in route.conditions]
    route = find_route(facts, named)
    if route is not None:
        return Destination(plan.find_queue(route.queue_id), Needs(language, route.skills), route)
    high = [queue for queue in plan.queues.values() if queue.tier >= facts.tier]
    if not high:
        return None
    return Destination(min(high, key=lambda queue: (queue.tier, queue.code)), Needs(language))


def find_route(facts: Facts, routes: Iterable[Route]) -> Route | None:
    return next((route for route in routes if fits_route(facts, route)), None)


def fits_route(facts: Facts, route: Route) -> bool:
    """Every condition names something that holds; a rule without conditions fits all."""
    holding: dict[str, frozenset[object]] = {
        "client": frozenset([facts.client_id]),
        "kind": frozenset([facts.kind]),
        "language": frozenset([primary_language(facts.language)]),
        "policy": frozenset(facts.policies),
        "priority": frozenset([facts.priority]),
        "tier": frozenset([facts.tier]),
    }
    return all(holding[name] & wanted for name, wanted in route.conditions.items())
