"""`Prefer: wait` (RFC 7240): a client that would rather have the verdict than a receipt."""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select

from veilleur.domain.catalogue.queries import load_catalogues
from veilleur.domain.decisions.models import Decision
from veilleur.domain.decisions.shape import decision_payload
from veilleur.domain.intake.models import Item, ItemState
from veilleur.infra.db.session import Database, Scope

MAX_WAIT_S = 10
POLL_S = 0.05

_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*(\d{1,9})\s*(?:$|[,;])", re.IGNORECASE)


def read_wait(prefer: str | None) -> int:
    """The seconds of a `Prefer: wait=…`, at most ten; 0 without one."""
    found = _WAIT.search(prefer or "")
    return min(int(found.group(1)), MAX_WAIT_S) if found else 0


async def await_decisions(
    database: Database, scope: Scope, item_ids: Sequence[UUID], wait_s: float
) -> dict[UUID, dict[str, Any] | None] | None:
    """Each item's decision once all are settled, or None when they are not in time; no transaction is kept open."""
    until = time.monotonic() + wait_s
    while True:
        decisions = await _look(database, scope, item_ids)
        if decisions is not None or time.monotonic() >= until:
            return decisions
        await asyncio.sleep(POLL_S)


async def _look(database: Database, scope: Scope, item_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any] | None] | None:
    async with database.transaction(scope) as session:
        mine = (Item.agency_id == scope.agency_id, Item.id.in_(item_ids))
        waiting = select(Item.id).where(*mine, Item.state.in_([ItemState.RECEIVED, ItemState.IN_REVIEW])).limit(1)
        if (await session.execute(waiting)).first() is not None:
            return None
        told = or_(Decision.leaves_at.is_(None), Decision.leaves_at <= func.app_now())
        query = select(Decision).where(Decision.agency_id == scope.agency_id, Decision.item_id.in_(item_ids), told)
        decisions = list(await session.scalars(query.order_by(Decision.item_revision, Decision.sequence)))
        clients = {decision.client_id for decision in decisions}
        agency_id = scope.agency_id
        catalogues = await load_catalogues(session, agency_id, clients) if agency_id is not None else {}
    shown = {
        decision.item_id: decision_payload(decision, catalogues[decision.client_id].policies) for decision in decisions
    }
    return {item_id: shown.get(item_id) for item_id in item_ids}
