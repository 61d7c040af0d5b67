"""An agency's routing plan: its queues, and its routing rules as a list that is replaced whole."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.review.models import RoutingRule
from veilleur.domain.review.piles import load_queues
from veilleur.domain.review.routing import Plan, Route
from veilleur.kernel.ids import new_id, show_id

MAX_ROUTES = 500


@dataclass(frozen=True, slots=True)
class NewRoute:
    """A routing rule as it is kept: ids of clients as text, `queue_id` one of the agency's."""

    name: str
    queue_id: UUID
    conditions: dict[str, list[object]] = field(default_factory=dict)
    skills: tuple[str, ...] = ()


async def load_plan(session: AsyncSession, agency_id: UUID) -> Plan:
    queues = await load_queues(session, agency_id)
    routes = await list_routes(session, agency_id)
    return Plan({queue.code: queue for queue in queues.values()}, [read_route(row) for row in routes])


async def list_routes(session: AsyncSession, agency_id: UUID) -> Sequence[RoutingRule]:
    """In the order in which they are asked."""
    query = select(RoutingRule).where(RoutingRule.agency_id == agency_id)
    return (await session.scalars(query.order_by(RoutingRule.position, RoutingRule.id))).all()


def read_route(row: RoutingRule) -> Route:
    conditions = {
        name: frozenset(UUID(value) if name == "client" else value for value in values)
        for name, values in row.conditions.items()
    }
    return Route(row.id, row.name, row.queue_id, conditions, frozenset(row.skills))


async def add_route(session: AsyncSession, agency_id: UUID, new: NewRoute, actor: str) -> RoutingRule:
    """Put a rule behind all others."""
    await lock_routes(session, agency_id)
    last = select(func.coalesce(func.max(RoutingRule.position), 0)).where(RoutingRule.agency_id == agency_id)
    row = RoutingRule(**_to_row(agency_id, (await session.execute(last)).scalar_one() + 1, new))
    session.add(row)
    await session.flush()
    await record_deeds(session, agency_id, [Deed(actor, "routing_rule.created", show_id("rtr", row.id))])
    return row


async def replace_routes(session: AsyncSession, agency_id: UUID, routes: Sequence[NewRoute], actor: str) -> None:
    """These rules, in this order, and no others."""
    await session.execute(delete(RoutingRule).where(RoutingRule.agency_id == agency_id))
    if routes:
        rows = [_to_row(agency_id, position, route) for position, route in enumerate(routes, 1)]
        await session.execute(insert(RoutingRule), rows)
    deed = Deed(actor, "routing_rules.replaced", show_id("agc", agency_id), None, {"rules": len(routes)})
    await record_deeds(session, agency_id, [deed])


async def lock_routes(session: AsyncSession, agency_id: UUID) -> None:
    """Whoever changes the list takes turns."""
    await session.execute(_TAKE_TURNS, {"agency_id": str(agency_id)})


_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended('routing:' || CAST(:agency_id AS text), 0))")


def _to_row(agency_id: UUID, position: int, route: NewRoute) -> dict[str, object]:
    return {
        "agency_id": agency_id,
        "id": new_id(),
        "position": position,
        "name": route.name,
        "conditions": route.conditions,
        "queue_id": route.queue_id,
        "skills": list(route.skills),
    }
