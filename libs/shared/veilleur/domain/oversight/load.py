"""How much waits in an agency: counts and ages, for those who run the installation. No content, and nobody's name."""

from dataclasses import astuple, dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_MEASURE = text("""
SELECT
  (SELECT count(*) FROM items WHERE agency_id = :agency_id AND state = 'received') AS received,
  (SELECT extract(epoch FROM app_now() - min(asked_at)) FROM items WHERE agency_id = :agency_id AND state = 'received')
    AS received_age_s,
  (SELECT count(*) FROM deliveries WHERE agency_id = :agency_id AND due_at < app_now()) AS deliveries_due,
  (SELECT extract(epoch FROM app_now() - min(due_at)) FROM deliveries
    WHERE agency_id = :agency_id AND due_at < app_now()) AS delivery_age_s,
  (SELECT count(*) FROM sla_clocks WHERE agency_id = :agency_id AND state = 'running' AND next_event_at < app_now())
    AS clocks_late
""")
_COUNT_DEAD = text("SELECT count(*) FROM deliveries WHERE agency_id = :agency_id AND state = 'dead'")


@dataclass(frozen=True, slots=True)
class Load:
    """Ages in seconds, 0 where nothing waits."""

    received: int = 0
    received_age_s: float = 0.0
    deliveries_due: int = 0
    delivery_age_s: float = 0.0
    clocks_late: int = 0

    def join(self, other: "Load") -> "Load":
        """Of both together: counts add up, the older age stays."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Load(*(max(pair) if isinstance(pair[0], float) else sum(pair) for pair in pairs))


async def measure_load(session: AsyncSession, agency_id: UUID) -> Load:
    row = (await session.execute(_MEASURE, {"agency_id": agency_id})).one()
    return Load(
        row.received,
        max(0.0, float(row.received_age_s or 0)),
        row.deliveries_due,
        float(row.delivery_age_s or 0),
        row.clocks_late,
    )


async def count_dead_deliveries(session: AsyncSession, agency_id: UUID) -> int:
    """Deliveries that were given up, and that nobody has sent again."""
    number: int = (await session.execute(_COUNT_DEAD, {"agency_id": agency_id})).scalar_one()
    return number
