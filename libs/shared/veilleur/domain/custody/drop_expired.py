"""Retention by what clients' data policies say: batches of what is past keeping, and never what a legal hold keeps."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.custody.scrub import BARE_ACTIONS, FORGET_EXPLANATION, drop_traces
from veilleur.domain.custody.set_data_policy import load_terms
from veilleur.domain.tenancy.models import Client
from veilleur.infra.worklist import hint_work

# An item's id says when it came: those that may be past keeping stand first in the key's order. One under a hold or
# with an open case keeps all that it says.
_OLD_ITEM = """
  i.agency_id = :agency_id AND i.client_id = :client_id AND i.received_at < app_now() - make_interval(days => :days)
  AND i.hold_class IS NULL AND i.erased_at IS NULL
  AND NOT EXISTS (SELECT FROM cases c WHERE c.agency_id = i.agency_id AND c.item_id = i.id AND c.closed_at IS NULL)
"""
_EXPIRE = text(f"""
WITH old AS MATERIALIZED (
  SELECT i.id FROM items i WHERE {_OLD_ITEM} AND i.expired_at IS NULL AND i.state IN ('decided', 'deleted')
    AND coalesce(i.closed_at, i.asked_at) < app_now() - make_interval(days => :days)
  ORDER BY i.id LIMIT :wanted FOR NO KEY UPDATE SKIP LOCKED)
UPDATE items SET expired_at = app_now(), text_key = NULL, observed = NULL, traceparent = NULL,
  body = jsonb_strip_nulls(jsonb_build_object('kind', kind, 'author', CASE WHEN author_external_id IS NOT NULL
    THEN jsonb_build_object('external_id', author_external_id) END))
FROM old WHERE items.agency_id = :agency_id AND items.id = old.id RETURNING items.id
""")
_FORGET = {
    "media_snapshots": f"""
      DELETE FROM media_snapshots WHERE agency_id = :agency_id AND id IN (
        SELECT s.id FROM media_snapshots s JOIN items i ON i.agency_id = s.agency_id AND i.id = s.item_id
        WHERE {_OLD_ITEM} AND coalesce(i.closed_at, i.received_at) < app_now() - make_interval(days => :days)
        LIMIT :wanted)""",
    "receipts": """
      DELETE FROM webhook_receipts WHERE agency_id = :agency_id AND (source_id, webhook_id) IN (
        SELECT source_id, webhook_id FROM webhook_receipts WHERE agency_id = :agency_id AND client_id = :client_id
          AND received_at < app_now() - make_interval(days => :days) LIMIT :wanted)""",
    "events": """
      UPDATE events SET body = NULL WHERE agency_id = :agency_id AND id IN (
        SELECT e.id FROM events e WHERE e.agency_id = :agency_id AND e.client_id = :client_id AND e.body IS NOT NULL
          AND e.occurred_at < app_now() - make_interval(days => :days) AND NOT EXISTS (
            SELECT FROM deliveries d WHERE d.agency_id = e.agency_id AND d.event_id = e.id
              AND d.state IN ('pending', 'sending')) LIMIT :wanted)""",
    "evaluations": """
      DELETE FROM evaluations WHERE agency_id = :agency_id AND id IN (
        SELECT v.id FROM evaluations v JOIN items i ON i.agency_id = v.agency_id AND i.id = v.item_id
        WHERE v.agency_id = :agency_id AND v.client_id = :client_id AND i.hold_class IS NULL
          AND v.evaluated_at < app_now() - make_interval(days => :days) ORDER BY v.evaluated_at LIMIT :wanted)""",
    "decision_texts": f"""
      UPDATE decisions SET {FORGET_EXPLANATION}, note = NULL, actions = {BARE_ACTIONS}
      WHERE agency_id = :agency_id AND id IN (
        SELECT d.id FROM decisions d JOIN items i ON i.agency_id = d.agency_id AND i.id = d.item_id
        WHERE d.agency_id = :agency_id AND d.client_id = :client_id AND i.hold_class IS NULL
          AND d.made_at < app_now() - make_interval(days => :days)
          AND (d.explanation IS NOT NULL OR d.note IS NOT NULL OR d.actions <> {BARE_ACTIONS}) LIMIT :wanted)""",
}


async def list_clients(session: AsyncSession, agency_id: UUID) -> list[UUID]:
    """Whose terms are to be looked at; and once more tomorrow."""
    clients = list(await session.scalars(select(Client.id).where(Client.agency_id == agency_id).order_by(Client.id)))
    if clients:
        await hint_work(session, agency_id, "retention", in_s=86_400, daily=True)
    return clients


async def drop_expired(session: AsyncSession, agency_id: UUID, client_id: UUID, limit: int) -> bool:
    """Drop up to `limit` rows of each kind of a client that are past keeping; whether there may be more."""
    terms = await load_terms(session, agency_id, client_id)
    more = False
    for kind, days in terms.items():
        values = {"agency_id": agency_id, "client_id": client_id, "days": days, "wanted": limit}
        more = await _drop(session, kind, values) == limit or more
    return more


async def _drop(session: AsyncSession, kind: str, values: dict[str, Any]) -> int:
    if kind == "item_text":
        return await _expire(session, values)
    result = await session.execute(text(_FORGET[kind]), values)
    count: int = result.rowcount  # type: ignore[attr-defined]  # a cursor result, as of every change
    return count


async def _expire(session: AsyncSession, values: dict[str, Any]) -> int:
    ids = list(await session.scalars(_EXPIRE, values))
    if ids:
        await drop_traces(session, values["agency_id"], ids)
    return len(ids)
