"""Which tables hold what is somebody's, in the order rows can leave them, and which are kept for a reason."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

MONEY: Final = frozenset({
    "usage_records", "usage_sums", "usage_entries", "late_usage", "contracts", "rate_plan_versions", "billing_periods",
    "billing_runs", "billing_profiles", "number_series", "quotes", "invoices", "invoice_files", "payments",
    "reconciliations",
})  # fmt: skip
"""Vouchers and what they prove: kept ten years (Code de commerce, article L123-22), and they name no author."""

RECEIPTS: Final = frozenset({"erasures", "offboardings", "audit_entries"})
"""What proves that somebody was erased: ids, counts and keyed hashes."""

FIRST: Final = "data_keys"
"""Without it what was sealed is unreadable at once, in every copy."""

_TABLES = text("""
SELECT c.relname AS name, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'client_id'
                                  AND NOT a.attisdropped) AS of_client
FROM pg_class c JOIN pg_attribute g ON g.attrelid = c.oid AND g.attname = 'agency_id' AND NOT g.attisdropped
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relrowsecurity
""")
_REFERENCES = text("""
SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conrelid <> confrelid
""")


@dataclass(frozen=True, slots=True)
class Holdings:
    """The tenanted tables of the schema as it is: `of_client` say whose client a row is; `parents` by child."""

    of_client: frozenset[str]
    of_agency: frozenset[str]
    parents: Mapping[str, frozenset[str]]

    def list_of_client(self) -> list[str]:
        """What goes with a client, children before parents; its own row stays, as the party to its invoices."""
        kept = self._close(MONEY | RECEIPTS | {"clients"})
        return self._order(self.of_client - kept)

    def list_of_agency(self, *, keep_money: bool) -> list[str]:
        """What goes with an agency: all there is, or all but its vouchers and the rows that those refer to."""
        return self._order(self.of_agency - (self._close(MONEY) if keep_money else frozenset()))

    def _close(self, kept: Iterable[str]) -> frozenset[str]:
        found: set[str] = set()
        waiting = [table for table in kept if table in self.of_agency]
        while waiting:
            table = waiting.pop()
            if table not in found:
                found.add(table)
                waiting += self.parents.get(table, ())
        return frozenset(found)

    def _order(self, tables: Collection[str]) -> list[str]:
        children: dict[str, set[str]] = {table: set() for table in tables}
        for child, parents in self.parents.items():
            for parent in parents & children.keys():
                if child in children:
                    children[parent].add(child)
        ordered: list[str] = []
        seen: set[str] = set()

        def visit(table: str) -> None:
            if table not in seen:
                seen.add(table)
                for child in sorted(children[table]):
                    visit(child)
                ordered.append(table)

        for table in sorted(tables, key=lambda name: (name != FIRST, name)):
            visit(table)
        return ordered


async def load_holdings(session: AsyncSession) -> Holdings:
    """Asked of the catalogue: a table that is new tomorrow is not forgotten."""
    rows = (await session.execute(_TABLES)).all()
    parents: dict[str, set[str]] = {}
    for row in await session.execute(_REFERENCES):
        parents.setdefault(row.child, set()).add(row.parent)
    return Holdings(
        frozenset(row.name for row in rows if row.of_client),
        frozenset(row.name for row in rows),
        {child: frozenset(of) for child, of in parents.items()},
    )
