"""The last deliveries of a source and what became of them, newest first, kept or not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.kernel.messages import Language
from veilleur.kernel.paging import PageRequest, cut_page

_SELECT = text("""
SELECT * FROM (
  (SELECT webhook_id AS key, 'accepted' AS outcome, received_at, NULL AS slug, CAST(NULL AS jsonb) AS detail,
          CAST(NULL AS integer) AS size, CAST(NULL AS text[]) AS headers
   FROM webhook_receipts
   WHERE agency_id = :agency_id AND source_id = :source_id AND (received_at, webhook_id) < (:before, :key)
   ORDER BY received_at DESC, webhook_id DESC LIMIT :wanted)
  UNION ALL
  (SELECT CAST(id AS text), outcome, received_at, slug, detail, size, headers
   FROM unstored_deliveries
   WHERE agency_id = :agency_id AND source_id = :source_id AND (received_at, CAST(id AS text)) < (:before, :key)
   ORDER BY received_at DESC, CAST(id AS text) DESC LIMIT :wanted)
) AS both_kinds ORDER BY received_at DESC, key DESC LIMIT :wanted
""")

_END_OF_TIME = datetime.fromisoformat("9999-01-01T00:00:00+00:00")
_START_OF_TIME = datetime.fromisoformat("0002-01-01T00:00:00+00:00")


async def page_source_deliveries(
    session: AsyncSession, agency_id: UUID, source_id: UUID, request: PageRequest, language: Language
) -> dict[str, Any]:
    """`{"data": [{"id", "webhook_id", "outcome", "received_at", "problem", "detail", "size", "headers"}], "next"}`"""
    before, key = _read_place(request.after)
    values = {"agency_id": agency_id, "source_id": source_id, "before": before, "key": key}
    rows = (await session.execute(_SELECT, values | {"wanted": request.limit + 1})).all()
    page = cut_page(rows, request, lambda row: [row.received_at.isoformat(), row.key])
    return {"data": [_describe(row, language) for row in page.data], "next": page.next}


def _read_place(after: Sequence[Any] | None) -> tuple[datetime, str]:
    """Where a page starts; a cursor that nobody was given leads to the end."""
    if after is None:
        return _END_OF_TIME, ""
    try:
        before = datetime.fromisoformat(str(after[0]))
    except ValueError:
        return _START_OF_TIME, ""
    if before.tzinfo is None:
        return _START_OF_TIME, ""
    return min(max(before, _START_OF_TIME), _END_OF_TIME), str(after[1])


def _describe(row: Any, language: Language) -> dict[str, Any]:
    told = row.detail or {}
    return {
        "id": row.key,
        "webhook_id": row.key if row.outcome == "accepted" else told.get("webhook_id"),
        "outcome": row.outcome,
        "received_at": row.received_at,
        "problem": row.slug,
        "detail": told.get(language),
        "size": row.size,
        "headers": row.headers,
    }
