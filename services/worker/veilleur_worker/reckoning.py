"""The nightly reckoning of an agency: client after client, slice after slice, no transaction longer than one slice."""

from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

import structlog
from sqlalchemy import func, select

from veilleur.domain.invoicing.agreement import Stretch
from veilleur.domain.invoicing.reckon import find_night, keep_night, list_stretches, name_subject
from veilleur.domain.invoicing.reconcile import compare_apart
from veilleur.infra.db.session import Scope
from veilleur.infra.worklist import hint_work
from veilleur_worker.parts import Parts

AGAIN_S = 3_600
"""When what could not be compared is tried again."""
AT_ONCE_S = 8.0
"""How long a night goes on before it rings for itself again: longer, and it would look like work that nobody does."""

_rests: dict[tuple[UUID, str], datetime] = {}
"""Until when what this process has looked at needs no other look."""

_log = structlog.get_logger(__name__)


async def drain_reckoning(parts: Parts, agency_id: UUID) -> None:
    """Compare what was not compared this night; one client's trouble keeps no other waiting."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        present = (await session.execute(select(func.app_now()))).scalar_one()
        stretches = await list_stretches(session, agency_id)
    tomorrow = find_night(agency_id, present) + timedelta(days=1)
    began = monotonic()
    for stretch in stretches:
        key = (agency_id, name_subject(stretch))
        if parts.stopping.is_set():
            return
        if _rests.get(key, present) > present:
            continue
        if monotonic() - began > AT_ONCE_S:
            await _come_again(parts, agency_id, present)
            return
        if await _reckon(parts, stretch):
            _rests[key] = tomorrow
        else:
            _rests[key] = present + timedelta(seconds=AGAIN_S)
            await _come_again(parts, agency_id, _rests[key])


async def _come_again(parts: Parts, agency_id: UUID, due_at: datetime) -> None:
    async with parts.database.transaction(Scope(agency_id)) as session:
        await hint_work(session, agency_id, "reckoning", due_at=due_at)


async def _reckon(parts: Parts, stretch: Stretch) -> bool:
    try:
        agreement = await compare_apart(parts.database, stretch)
        async with parts.database.transaction(Scope(stretch.agency_id)) as session:
            await keep_night(session, stretch, agreement)
    except Exception as error:  # noqa: BLE001 - said here, and tried again in an hour
        _log.error("reckoning_failed", subject=name_subject(stretch), error=type(error).__name__)
        return False
    return True
