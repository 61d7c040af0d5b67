"""What leaves with whom, and in which order; pure."""

from veilleur.domain.custody.holdings import FIRST, Holdings, load_holdings
from veilleur.infra.db.session import NOBODY

PARENTS = {
    "items": frozenset({"clients", "sources"}),
    "cases": frozenset({"items", "queues"}),
    "notes": frozenset({"cases", "members"}),
    "sources": frozenset({"clients"}),
    "usage_records": frozenset({"clients"}),
    "clients": frozenset({"agencies", "queues"}),
    "data_keys": frozenset({"clients"}),
    "members": frozenset({"agencies"}),
}
OF_CLIENT = frozenset({"items", "cases", "notes", "sources", "usage_records", "data_keys", "audit_entries"})
ALL = OF_CLIENT | {"clients", "agencies", "queues", "members"}
HOLDINGS = Holdings(OF_CLIENT, ALL, PARENTS)


def test_with_a_client_go_its_rows_children_first_and_the_key_before_all_and_vouchers_and_the_trail_stay():
    assert HOLDINGS.list_of_client() == [FIRST, "notes", "cases", "items", "sources"]


def test_with_an_agency_goes_everything_children_first():
    ordered = HOLDINGS.list_of_agency(keep_money=False)
    assert set(ordered) == ALL
    for child, parents in PARENTS.items():
        for parent in parents:
            assert ordered.index(child) < ordered.index(parent)


def test_kept_vouchers_keep_the_rows_they_refer_to_and_no_others():
    left = ALL - set(HOLDINGS.list_of_agency(keep_money=True))
    assert left == {"usage_records", "clients", "agencies", "queues"}


async def test_the_schema_has_no_table_that_could_not_leave_in_some_order(world):
    """A circle of foreign keys would leave something behind for ever."""
    async with world.worker.database.transaction(NOBODY) as session:
        holdings = await load_holdings(session)
    ordered = holdings.list_of_agency(keep_money=False)
    assert len(ordered) > 50
    places = {table: place for place, table in enumerate(ordered)}
    for child, parents in holdings.parents.items():
        for parent in parents & places.keys():
            assert child not in places or places[child] < places[parent], (child, parent)
