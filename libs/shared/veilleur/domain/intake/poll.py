"""Asking a platform for what its webhooks missed: `begin_polls` leases, the worker reads pages, `finish_poll` stores.

Off until configured. What comes in both ways is one item: the same post has the same id and version.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.intake.arrival import Arrival
from veilleur.domain.intake.envelope import InboundEvent, InboundReport
from veilleur.domain.intake.models import Item, Report, SourcePoll
from veilleur.domain.intake.receive import receive_group
from veilleur.domain.intake.sources.polling import Polled
from veilleur.domain.tenancy.lookup import FoundSource
from veilleur.domain.tenancy.models import Source
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import show_id

LEASE_S = 300
LONGEST_PAUSE_S = 86_400

_BEGIN = text(f"""
WITH chosen AS MATERIALIZED (
  SELECT source_id FROM source_polls WHERE agency_id = :agency_id AND due_at <= app_now()
  ORDER BY due_at LIMIT :wanted FOR UPDATE SKIP LOCKED)
UPDATE source_polls p SET fence = p.fence + 1, due_at = app_now() + interval '{LEASE_S} seconds'
FROM chosen, sources s, clients c
WHERE p.agency_id = :agency_id AND p.source_id = chosen.source_id
  AND s.agency_id = p.agency_id AND s.id = p.source_id AND c.agency_id = s.agency_id AND c.id = s.client_id
RETURNING p.source_id, p.client_id, p.fence, p.url, p.username, p.sealed, p.cursor, p.due_at, p.marks,
  p.settings AS poll_settings,
  s.kind, s.mode, s.settings, c.time_zone, c.interim
""")


@dataclass(frozen=True, slots=True)
class PollSettings:
    """`secrets` in the clear; `settings` are what else the platform's reader needs."""

    url: str
    username: str
    secrets: Mapping[str, Any]
    every_s: int
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Poll:
    """A leased poll with all that asking needs; the key still sealed, `cursor` None at the very first."""

    source: FoundSource
    fence: int
    url: str
    username: str
    sealed: bytes
    cursor: int | None
    marks: Mapping[str, Any]
    settings: Mapping[str, Any]


def poll_aad(agency_id: UUID, source_id: UUID) -> str:
    """What a poll's sealed key is bound to: it opens nowhere else."""
    return f"{agency_id}|source_polls|{source_id}"


async def configure_poll(
    session: AsyncSession, sealer: Sealer, source: Source, wanted: PollSettings, actor: str
) -> SourcePoll:
    """Ask from now on; another address starts over, the same goes on where it was."""
    key = (source.agency_id, source.id)
    await session.refresh(source, with_for_update=True)
    poll = await session.get(SourcePoll, key)
    if poll is None:
        poll = SourcePoll(agency_id=source.agency_id, source_id=source.id, client_id=source.client_id, fence=0)
        session.add(poll)
    settings = dict(wanted.settings)
    if (poll.url, poll.settings) != (wanted.url, settings):
        poll.cursor, poll.marks = None, {}
    poll.settings = settings
    poll.url, poll.username, poll.every_s = wanted.url, wanted.username, wanted.every_s
    poll.sealed = sealer.seal(json.dumps(dict(wanted.secrets)).encode(), poll_aad(*key))
    poll.fence += 1
    poll.last_error = None
    poll.due_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.flush()
    await hint_work(session, source.agency_id, "poll")
    deed = Deed(actor, "source.poll_configured", show_id("src", source.id), source.client_id, {"url": wanted.url})
    await record_deeds(session, source.agency_id, [deed])
    return poll


async def stop_poll(session: AsyncSession, source: Source, actor: str) -> None:
    """Ask no more, and forget the key; stopping again changes nothing."""
    mine = (SourcePoll.agency_id == source.agency_id, SourcePoll.source_id == source.id)
    stopped = await session.execute(delete(SourcePoll).where(*mine).returning(SourcePoll.source_id))
    if stopped.one_or_none() is not None:
        deed = Deed(actor, "source.poll_stopped", show_id("src", source.id), source.client_id)
        await record_deeds(session, source.agency_id, [deed])


async def begin_polls(session: AsyncSession, agency_id: UUID, limit: int) -> list[Poll]:
    """Lease up to `limit` polls that are due, those of vanished workers included."""
    rows = (await session.execute(_BEGIN, {"agency_id": agency_id, "wanted": limit})).all()
    for row in rows:
        await hint_work(session, agency_id, "poll", due_at=row.due_at)
    return [
        Poll(
            _find(agency_id, row),
            row.fence,
            row.url,
            row.username,
            row.sealed,
            row.cursor,
            row.marks,
            row.poll_settings,
        )
        for row in rows
    ]


async def finish_poll(session: AsyncSession, agency_id: UUID, poll: Poll, polled: Polled) -> bool:
    """Store what was read with how far it went, in one commit; False when the lease was lost, and nothing is stored."""
    pause_s = min(polled.after_s, LONGEST_PAUSE_S)
    written = await session.execute(
        update(SourcePoll)
        .where(
            SourcePoll.agency_id == agency_id,
            SourcePoll.source_id == poll.source.source_id,
            SourcePoll.fence == poll.fence,
        )
        .values(
            cursor=func.coalesce(polled.cursor, SourcePoll.cursor),
            last_error=polled.error,
            polled_at=func.app_now(),
            due_at=func.app_now() + func.make_interval(0, 0, 0, 0, 0, 0, func.greatest(SourcePoll.every_s, pause_s)),
            marks=dict(polled.marks),
        )
        .returning(SourcePoll.due_at)
    )
    row = written.one_or_none()
    if row is None:
        return False
    await hint_work(session, agency_id, "poll", due_at=row.due_at)
    events = await _leave_out_known(session, agency_id, poll.source.source_id, polled.events)
    if events:
        await receive_group(session, agency_id, [Arrival(poll.source, tuple(events), lenient=True)])
    return True


async def save_poll_secrets(session: AsyncSession, agency_id: UUID, poll: Poll, sealed: bytes) -> None:
    """Keep renewed tokens, unless others were given meanwhile."""
    mine = (SourcePoll.agency_id == agency_id, SourcePoll.source_id == poll.source.source_id)
    await session.execute(update(SourcePoll).where(*mine, SourcePoll.sealed == poll.sealed).values(sealed=sealed))


async def _leave_out_known(
    session: AsyncSession, agency_id: UUID, source_id: UUID, events: Sequence[InboundEvent]
) -> list[InboundEvent]:
    """Without reports by members who have reported the same item: a webhook may have worded their reason otherwise."""
    named = {
        (event.external_id, event.reporter) for event in events if isinstance(event, InboundReport) and event.reporter
    }
    if not named:
        return list(events)
    query = (
        select(Item.external_id, Report.reporter_external_id)
        .join(Report, (Report.agency_id == Item.agency_id) & (Report.item_id == Item.id))
        .where(Item.agency_id == agency_id, Item.source_id == source_id)
        .where(tuple_(Item.external_id, Report.reporter_external_id).in_(sorted(named)))
    )
    known = {tuple(row) for row in await session.execute(query)}
    return [
        event
        for event in events
        if not (isinstance(event, InboundReport) and (event.external_id, event.reporter) in known)
    ]


def _find(agency_id: UUID, row: Row[Any]) -> FoundSource:
    """The source as intake knows it; its secrets prove deliveries, and here nothing is delivered."""
    return FoundSource(
        source_id=row.source_id,
        agency_id=agency_id,
        client_id=row.client_id,
        kind=row.kind,
        mode=row.mode,
        time_zone=row.time_zone,
        interim=row.interim,
        secrets=(),
        settings=row.settings,
    )
