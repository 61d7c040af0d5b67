"""Putting items off until a provider was asked about them, and doing without its answer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.providers.models import ProviderQuestion
from veilleur.infra.db.bulk import insert_rows
from veilleur.infra.worklist import hint_work

KEPT_S = 30 * 86_400
"""How long answers are remembered."""

_PUT_OFF = text("""
UPDATE items SET screen_after = t.until, attempts = attempts - 1
FROM unnest(CAST(:items AS uuid[]), CAST(:untils AS timestamptz[])) AS t(id, until)
WHERE items.agency_id = :agency_id AND items.id = t.id
""")
_DO_WITHOUT = text("""
UPDATE provider_questions SET state = 'given_up', due_at = NULL
WHERE agency_id = :agency_id AND item_id = ANY(CAST(:items AS uuid[])) AND state IN ('waiting', 'asking')
""")


@dataclass(frozen=True, slots=True)
class Open:
    """A revision that rules leave open, the facts they wait for, and for how long at most."""

    client_id: UUID
    item_id: UUID
    revision: int
    fields: frozenset[str]
    patience_s: float


async def ask_providers(session: AsyncSession, agency_id: UUID, opened: Sequence[Open], present: datetime) -> None:
    """Write down a question for each, and screen none of them before it is answered or its time is over.

    The caller holds the items; the attempt that was counted for them is taken back.
    """
    if not opened:
        return
    untils = [present + timedelta(seconds=one.patience_s) for one in opened]
    rows = [
        {
            "client_id": one.client_id,
            "item_id": one.item_id,
            "item_revision": one.revision,
            "fields": sorted(one.fields),
            "give_up_at": until,
        }
        for one, until in zip(opened, untils, strict=True)
    ]
    shared = {"agency_id": agency_id, "due_at": present}
    await insert_rows(session, ProviderQuestion, rows, shared=shared, skip_known=True)
    values = {"agency_id": agency_id, "items": [one.item_id for one in opened], "untils": untils}
    await session.execute(_PUT_OFF, values)
    await hint_work(session, agency_id, "providers")
    await hint_work(session, agency_id, "retention", in_s=KEPT_S, daily=True)
    for until in sorted(set(untils)):
        await hint_work(session, agency_id, "screening", due_at=until)


async def do_without(session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID]) -> None:
    """Wait for no answer about these items any more: they are screened with what is known."""
    if item_ids:
        await session.execute(_DO_WITHOUT, {"agency_id": agency_id, "items": sorted(item_ids)})
