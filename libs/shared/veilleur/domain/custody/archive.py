"""Everything of a client as a tar of NDJSON files, made while it is read: a page of rows is a file of its own, whose
size is known when it begins. Issued invoices are there as the documents they are. The last file, `manifest.json`, names
all others with their hashes.

`client/` is what the client may see and can be handed over; `agency/` is what the agency keeps of its own work. Secrets
are left out, and so is what a legal hold keeps: that is not handed around.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from veilleur.domain.invoicing.finalise import XML_FILE
from veilleur.infra.db.session import Database, Scope
from veilleur.kernel.ids import show_id

PAGE = 1_000
SECRETS: Final = frozenset({"source_secrets", "endpoint_secrets", "credentials", "data_keys"})
INTERNAL: Final = {
    "decisions": ("note", "member_id", "evaluation_id", "bulk_of"),
    "cases": ("queue_id", "needs", "holder_id", "assignment_id", "passed_by", "flag", "reserved_for", "reserved_until",
              "suggestion", "evaluation_id", "expiries", "fence", "lease_expires_at"),
}  # fmt: skip
"""Columns that never leave the agency, of tables that clients see otherwise; whole in `agency/`."""

_TABLES = text("""
SELECT c.relname AS name, has_table_privilege('veilleur_client', c.oid, 'SELECT') AS shown,
  EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'item_id'
          AND NOT a.attisdropped) AS of_item,
  ARRAY(SELECT a.attname::text FROM pg_index i
        CROSS JOIN unnest(i.indkey) WITH ORDINALITY k(number, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY k.place) AS keys,
  ARRAY(SELECT format_type(a.atttypid, a.atttypmod) FROM pg_index i
        CROSS JOIN unnest(i.indkey) WITH ORDINALITY k(number, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY k.place) AS types,
  ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.atttypid = 'bytea'::regtype) AS bytes
FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relrowsecurity
  AND has_table_privilege(c.oid, 'SELECT')
  AND (c.relname = 'clients' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'client_id'
                                        AND NOT a.attisdropped))
ORDER BY c.relname
""")


_DOCUMENT = text("""
SELECT f.id, f.name, f.content, i.number FROM invoice_files f
JOIN invoices i ON i.agency_id = f.agency_id AND i.id = f.invoice_id
WHERE f.agency_id = :agency_id AND f.client_id = :client_id AND f.id > :after ORDER BY f.id LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class ArchivedTable:
    """A table as it is read: in the order of its key, without `hidden`."""

    folder: str
    name: str
    keys: tuple[str, ...]
    types: tuple[str, ...]
    hidden: tuple[str, ...]
    item_column: str | None

    def write_query(self, *, further: bool) -> str:
        keys = ", ".join(f"t.{key}" for key in self.keys)
        owner = "id" if self.name == "clients" else "client_id"
        shown = ", ".join(f"t.{key}::text" for key in self.keys)
        query = f"SELECT to_jsonb(t) - CAST(:hidden AS text[]) AS row, ARRAY[{shown}] AS key FROM {self.name} t"
        query += f" WHERE t.agency_id = :agency_id AND t.{owner} = :client_id"
        if self.item_column is not None:
            query += (
                " AND NOT EXISTS (SELECT FROM legal_holds h WHERE h.agency_id = t.agency_id"
                f" AND h.item_id = t.{self.item_column} AND h.lifted_at IS NULL)"
            )
        if further:
            after = ", ".join(f"CAST(CAST(:key_{place} AS text) AS {kind})" for place, kind in enumerate(self.types))
            query += f" AND ({keys}) > ({after})"
        return f"{query} ORDER BY {keys} LIMIT :wanted"


async def list_tables(database: Database, scope: Scope) -> list[ArchivedTable]:
    async with database.transaction(scope) as session:
        rows = (await session.execute(_TABLES)).all()
    tables: list[ArchivedTable] = []
    for row in rows:
        if row.name in SECRETS:
            continue
        item = "id" if row.name == "items" else "item_id" if row.of_item and row.name != "legal_holds" else None
        common = (row.name, tuple(row.keys), tuple(row.types))
        internal = INTERNAL.get(row.name, ())
        if row.shown:
            tables.append(ArchivedTable("client", *common, (*row.bytes, *internal), item))
        if internal or not row.shown:
            tables.append(ArchivedTable("agency", *common, tuple(row.bytes), item))
    return tables


async def write_archive(database: Database, agency_id: UUID, client_id: UUID, made_at: int) -> AsyncIterator[bytes]:
    """The bytes of the archive; a page of one table is in memory at once, and no transaction lasts longer than it."""
    scope = Scope(agency_id)
    files: list[dict[str, Any]] = []
    for table in await list_tables(database, scope):
        key: list[str] | None = None
        number = 0
        while True:
            rows = await _read_page(database, scope, table, client_id, key)
            if rows:
                number, key = number + 1, rows[-1].key
                name = f"{table.folder}/{table.name}/{number:06}.ndjson"
                content = b"".join(json.dumps(row.row, ensure_ascii=False).encode() + b"\n" for row in rows)
                files.append({"name": name, "rows": len(rows), **_describe(content)})
                yield _pack(name, content, made_at)
            if len(rows) < PAGE:
                break
    async for name, content in _read_documents(database, scope, client_id):
        files.append({"name": name, **_describe(content)})
        yield _pack(name, content, made_at)
    manifest = {
        "format": "veilleur.archive/v1",
        "agency": show_id("agc", agency_id),
        "client": show_id("cli", client_id),
        "made_at": made_at,
        "left_out": sorted(SECRETS | {"media views", "what a legal hold keeps"}),
        "files": files,
    }
    yield _pack("manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False).encode(), made_at)
    yield b"\0" * 2 * tarfile.BLOCKSIZE


async def _read_documents(database: Database, scope: Scope, client_id: UUID) -> AsyncIterator[tuple[str, bytes]]:
    """The pages and e-invoices of what was issued, byte for byte, one at a time."""
    values: dict[str, Any] = {"agency_id": scope.agency_id, "client_id": client_id, "after": UUID(int=0)}
    while True:
        async with database.transaction(scope) as session:
            row = (await session.execute(_DOCUMENT, values)).one_or_none()
        if row is None:
            return
        number = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in row.number)
        values["after"] = row.id
        yield f"client/invoice_documents/{number}/{row.name}.{'xml' if row.name == XML_FILE else 'pdf'}", row.content


async def _read_page(
    database: Database, scope: Scope, table: ArchivedTable, client_id: UUID, key: list[str] | None
) -> list[Any]:
    values: dict[str, Any] = {"agency_id": scope.agency_id, "client_id": client_id, "wanted": PAGE}
    values |= {"hidden": list(table.hidden)}
    values |= {f"key_{place}": value for place, value in enumerate(key or ())}
    query = text(table.write_query(further=key is not None))
    async with database.transaction(scope) as session:
        return list((await session.execute(query, values)).all())


def _describe(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _pack(name: str, content: bytes, made_at: int) -> bytes:
    """One file of a tar: header, content, padding to whole blocks."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = len(content), made_at
    packed = io.BytesIO()
    packed.write(entry.tobuf(tarfile.PAX_FORMAT))
    packed.write(content)
    packed.write(b"\0" * (-len(content) % tarfile.BLOCKSIZE))
    return packed.getvalue()
