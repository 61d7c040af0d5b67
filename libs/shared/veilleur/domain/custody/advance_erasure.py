"""Carrying out the erasure of an author, a batch a transaction: killed anywhere it goes on where it was.

First everything of theirs is closed as if the client had deleted it, so that cases, clocks and usage end in order. Then
the answers of others to it lose what they quote, while it can still be told whose it is; then the items themselves
become tombstones; then what names the author elsewhere goes. What a legal hold keeps stays whole, and the erasure open.
"""

from collections import Counter
from datetime import timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import exists, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.custody.models import Erasure
from veilleur.domain.custody.redact import redact_parent
from veilleur.domain.custody.request_erasure import count_held_items, seal_place
from veilleur.domain.custody.scrub import BARE_ACTIONS, FORGET_EXPLANATION, bury_items, rewrite_events
from veilleur.domain.custody.subject import Subject, pseudonym
from veilleur.domain.intake.changes import AGAIN
from veilleur.domain.intake.models import Item, ItemState, LegalHold
from veilleur.domain.outbox.models import Event
from veilleur.domain.tenancy.keyring import find_sealer
from veilleur.infra.db.among import is_among
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import show_id

Progress = Literal["more", "later", "done"]
"""There is more to do now; others have to act first; this erasure is over or held."""

BATCH = 200
MAYBE_MEANWHILE = timedelta(seconds=60)
"""Longer than any transaction lives."""
PAGE = 2_000
_END = UUID(int=(1 << 128) - 1)

_LAST = text("""
SELECT id FROM items WHERE agency_id = :agency_id AND id > :after ORDER BY id OFFSET :page LIMIT 1
""")
_PARENT = """
  (body #>> '{context,parent,author,external_id}' = :author OR body #>> '{context,parent,external_id}' IN (
    SELECT external_id FROM items mine WHERE mine.agency_id = :agency_id AND mine.client_id = :client_id
      AND mine.author_external_id = :author AND mine.source_id = items.source_id))
"""
_THEIRS = "(CAST(:source_id AS uuid) IS NULL OR {items}.source_id = :source_id) AND {items}.hold_class IS NULL"
_ANSWERS = text(f"""
UPDATE items SET body = body #- '{{context,parent}}'
WHERE agency_id = :agency_id AND client_id = :client_id AND id > :after AND id <= :until AND {_PARENT}
  AND {_THEIRS.format(items="items")} AND author_external_id IS DISTINCT FROM :author
RETURNING id
""")
_QUOTING_REVISIONS = text(f"""
UPDATE item_revisions r SET body = r.body #- '{{context,parent}}' FROM items i
WHERE r.agency_id = :agency_id AND i.agency_id = r.agency_id AND i.id = r.item_id AND i.client_id = :client_id
  AND r.item_id > :after AND r.item_id <= :until AND r.body #>> '{{context,parent,author,external_id}}' = :author
  AND {_THEIRS.format(items="i")}
""")
_OWN_REVISIONS = text(f"""
DELETE FROM item_revisions r USING items i
WHERE r.agency_id = :agency_id AND i.agency_id = r.agency_id AND i.id = r.item_id AND i.client_id = :client_id
  AND r.item_id > :after AND r.item_id <= :until AND r.body #>> '{{author,external_id}}' = :author
  AND {_THEIRS.format(items="i")}
""")

# Under no hold: an item's reports, notes and decisions are kept with it.
_OF_ITEM = _THEIRS.format(items="i") + " AND i.agency_id = x.agency_id AND i.client_id = :client_id"
_TRACES = {
    "reports_made": f"""
      UPDATE reports x SET reporter_external_id = :pseudonym, detail = NULL FROM items i
      WHERE x.agency_id = :agency_id AND x.client_id = :client_id AND x.reporter_external_id = :author
        AND i.id = x.item_id AND {_OF_ITEM}""",
    "notes": f"""
      DELETE FROM notes x USING cases c, items i
      WHERE x.agency_id = :agency_id AND x.client_id = :client_id AND x.author_external_id = :author
        AND c.agency_id = x.agency_id AND c.id = x.case_id AND i.id = c.item_id AND {_OF_ITEM}""",
    "decisions": f"""
      UPDATE decisions x SET author_external_id = NULL, {FORGET_EXPLANATION}, note = NULL, actions = {BARE_ACTIONS}
      FROM items i
      WHERE x.agency_id = :agency_id AND x.client_id = :client_id AND x.author_external_id = :author
        AND i.id = x.item_id AND {_OF_ITEM}""",
    "labelled_items": """
      DELETE FROM backtest_items WHERE agency_id = :agency_id AND client_id = :client_id
        AND item #>> '{author,external_id}' = :author AND CAST(:source_id AS uuid) IS NULL""",
    "samples": """
      UPDATE backtests SET tally = jsonb_set(tally, '{samples}', '{}') WHERE agency_id = :agency_id
        AND client_id = :client_id AND tally ? 'samples'
        AND position(to_jsonb(CAST(:author AS text))::text IN tally::text) > 0""",
}


async def advance_author(session: AsyncSession, masters: Sealer, agency_id: UUID, erasure_id: UUID) -> Progress:
    """The next step of one erasure, which nobody else is at."""
    query = select(Erasure).where(Erasure.agency_id == agency_id, Erasure.id == erasure_id, Erasure.state == "running")
    erasure = (await session.scalars(query.with_for_update(skip_locked=True))).one_or_none()
    if erasure is None or erasure.subject is None:
        return "done"
    subject = await _open(session, masters, erasure)
    if await _close(session, agency_id, subject, erasure):
        return "more"
    if erasure.cursor != _END:
        _add(erasure, await _walk(session, agency_id, subject, erasure))
        return "more"
    buried = await _bury(session, masters, agency_id, subject, erasure)
    if buried is not None:
        _add(erasure, buried)
        return "more"
    if await _waits(session, agency_id, subject, erasure):
        await hint_work(session, agency_id, "erasure", in_s=1)
        return "later"
    _add(erasure, await _drop_names(session, masters, agency_id, subject))
    await _finish(session, agency_id, subject, erasure)
    return "done"


async def list_counted_items(
    session: AsyncSession, masters: Sealer, agency_id: UUID, erasure_id: UUID, after: UUID | None
) -> list[UUID]:
    """A page of the items that counters may still know, before they are closed."""
    erasure = await session.get(Erasure, (agency_id, erasure_id))
    if erasure is None or erasure.subject is None:
        return []
    subject = await _open(session, masters, erasure)
    query = select(Item.id).where(*subject.owns(agency_id), Item.deleted_at.is_(None), Item.hold_class.is_(None))
    return list(await session.scalars(query.where(Item.id > (after or UUID(int=0))).order_by(Item.id).limit(BATCH)))


async def resume_held(session: AsyncSession, agency_id: UUID) -> None:
    """Take up what a hold kept, when one of the client's was lifted since; one may have been about to be."""
    lifted = exists().where(
        LegalHold.agency_id == Erasure.agency_id,
        LegalHold.client_id == Erasure.client_id,
        LegalHold.lifted_at > Erasure.held_at - MAYBE_MEANWHILE,
    )
    held = (Erasure.agency_id == agency_id, Erasure.state == "held", lifted)
    await session.execute(
        update(Erasure).where(*held).values(state="running").execution_options(synchronize_session=False)
    )


async def _open(session: AsyncSession, masters: Sealer, erasure: Erasure) -> Subject:
    sealer = await find_sealer(session, masters, erasure.agency_id, None)
    return Subject.read(sealer.open(erasure.subject or b"", seal_place(erasure.agency_id, erasure.id)).decode())


def _add(erasure: Erasure, counts: Counter[str]) -> None:
    erasure.counts = dict(Counter(erasure.counts) + counts)


async def _close(session: AsyncSession, agency_id: UUID, subject: Subject, erasure: Erasure) -> bool:
    """Say of a batch of items that they are gone; whether there were any. The worker then closes what is open."""
    query = select(Item.id).where(
        *subject.owns(agency_id),
        Item.deleted_at.is_(None),
        Item.hold_class.is_(None),
        Item.received_at <= erasure.requested_at,
    )
    ids = list(await session.scalars(query.order_by(Item.id).limit(BATCH).with_for_update(key_share=True)))
    if ids:
        gone = update(Item).where(Item.agency_id == agency_id, is_among(Item.id, ids))
        await session.execute(gone.values(**AGAIN, deleted_at=func.app_now()))
        await hint_work(session, agency_id, "screening")
    return bool(ids)


async def _walk(session: AsyncSession, agency_id: UUID, subject: Subject, erasure: Erasure) -> Counter[str]:
    """Look through the next page of the agency's items for answers to this author."""
    values = subject.values(agency_id) | {"after": erasure.cursor or UUID(int=0)}
    until = (await session.execute(_LAST, values | {"page": PAGE})).scalar_one_or_none() or _END
    place = values | {"until": until}
    answered = list(await session.scalars(_ANSWERS, place))
    own = await session.execute(_OWN_REVISIONS, place)
    quoting = await session.execute(_QUOTING_REVISIONS, place)
    counts = Counter({"contexts": len(answered), "revisions": own.rowcount + quoting.rowcount})  # type: ignore[attr-defined]  # cursor results
    counts["events"] = await _rewrite_answers(session, agency_id, subject, answered)
    erasure.cursor = until
    return counts


async def _rewrite_answers(session: AsyncSession, agency_id: UUID, subject: Subject, answers: list[UUID]) -> int:
    if not answers:
        return 0
    names = set(await session.scalars(select(Item.external_id).where(*subject.owns(agency_id))))
    query = select(Event.id, Event.body).where(
        Event.agency_id == agency_id, Event.item_id.in_(answers), Event.body.is_not(None)
    )
    rows = (await session.execute(query)).all()
    bodies = {row.id: redact_parent(row.body, subject.author, names) for row in rows}
    changed = {row.id: bodies[row.id] for row in rows if bodies[row.id] != row.body}
    return await rewrite_events(session, agency_id, changed)


async def _bury(
    session: AsyncSession, masters: Sealer, agency_id: UUID, subject: Subject, erasure: Erasure
) -> Counter[str] | None:
    """Make tombstones of a batch that is closed; None when there is none. An id that names the author goes as well."""
    query = select(Item).where(
        *subject.owns(agency_id),
        Item.state == ItemState.DELETED,
        Item.hold_class.is_(None),
        Item.erased_at.is_(None),
        Item.received_at <= erasure.requested_at,
    )
    items = (await session.scalars(query.order_by(Item.id).limit(BATCH).with_for_update(key_share=True))).all()
    if not items:
        return None
    names = {
        item.id: await pseudonym(session, masters, agency_id, item.external_id)
        if subject.author in item.external_id
        else item.external_id
        for item in items
    }
    return await bury_items(session, agency_id, items, names)


async def _waits(session: AsyncSession, agency_id: UUID, subject: Subject, erasure: Erasure) -> bool:
    open_ones = select(Item.id).where(
        *subject.owns(agency_id), Item.hold_class.is_(None), Item.received_at <= erasure.requested_at
    )
    return (await session.scalars(open_ones.limit(1))).one_or_none() is not None


async def _drop_names(session: AsyncSession, masters: Sealer, agency_id: UUID, subject: Subject) -> Counter[str]:
    name = await pseudonym(session, masters, agency_id, subject.author)
    values = subject.values(agency_id) | {"pseudonym": name}
    counts: Counter[str] = Counter()
    for kind, statement in _TRACES.items():
        result = await session.execute(text(statement), values)
        counts[kind] += result.rowcount  # type: ignore[attr-defined]  # a cursor result, as of every change
    return counts


async def _finish(session: AsyncSession, agency_id: UUID, subject: Subject, erasure: Erasure) -> None:
    held = await count_held_items(session, agency_id, subject)
    erasure.kept = {"items": held} if held else {}
    present = (await session.execute(select(func.app_now()))).scalar_one()
    if held:
        erasure.state, erasure.held_at = "held", present
    else:
        erasure.state, erasure.subject, erasure.finished_at = "finished", None, present
    details = {"erased": erasure.counts, "kept": erasure.kept, "state": erasure.state}
    shown = show_id("ers", erasure.id)
    await record_deeds(session, agency_id, [Deed("system", "erasure.advanced", shown, subject.client_id, details)])
