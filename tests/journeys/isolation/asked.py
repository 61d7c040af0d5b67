"""What is written down for the operations of one audience, so that each can be tried with the ids of others."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.journeys.isolation.households import Household
from tests.journeys.isolation.tenants import Tenant
from tests.support.people import Json


@dataclass(frozen=True)
class Asked:
    bodies: dict[str, Callable[[], Json]]
    """A body that would be accepted, for operations whose path names what they change."""
    bodiless: set[str]
    """Those of them that take none."""
    body_ids: dict[str, tuple[Callable[[Tenant, Household], Json], str]]
    """A body that names what belongs to another, and where a 422 would have to point."""
    query_ids: dict[str, Callable[[Household], str]]
    """A query that names what belongs to another."""
    look_ups: set[str]
    """Reads that are no lists: they answer only about what their query names."""
    alone: dict[str, str]
    """Operations tried in tests of their own, or with nothing of anybody's in them."""
    list_queries: dict[str, str] = field(default_factory=dict)
    """The query with which a list shows most, where that is not its greatest `limit`."""

    @property
    def names(self) -> set[str]:
        every = (
            self.bodies,
            self.bodiless,
            self.body_ids,
            self.query_ids,
            self.look_ups,
            self.alone,
            self.list_queries,
        )
        return {name for some in every for name in some}
