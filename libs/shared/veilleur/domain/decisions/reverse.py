"""The door for every changed mind: a decision is taken back by another one, never changed or removed.

The new decision, the mark on the old one, usage, audit entry, event and deliveries are written in the caller's one
transaction. What follows from standing decisions (an author's strikes) follows from the mark. Cases and clocks are not
touched: a question that is open about the item stays open.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.catalogue.queries import ClientCatalogue, load_catalogues
from veilleur.domain.decisions.billable import Counted, Recount, recount
from veilleur.domain.decisions.models import Cause, Decision
from veilleur.domain.decisions.policy import Ruling
from veilleur.domain.decisions.record import Home, load_homes, load_waits, tell_made, to_decided, to_row
from veilleur.domain.decisions.shape import decision_payload
from veilleur.domain.decisions.undo import undo_actions
from veilleur.domain.delivery.order_actions import order_actions
from veilleur.domain.intake.models import Item
from veilleur.domain.intake.shape import item_reference
from veilleur.domain.metering.models import UsageRecord
from veilleur.domain.metering.record import record_usage
from veilleur.domain.outbox.announce import Announcement, announce
from veilleur.domain.outbox.withhold import withhold_decisions
from veilleur.infra.db.bulk import insert_rows
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Reversal:
    """A decision about `item` that is to be replaced by `ruling`.

    `member_id` is the person who decides anew; none for a client's own word and for what a rule did. `billable` is
    about the new decision, see `billable.py` for what becomes of the old one.
    """

    item: Item
    decision: Decision
    ruling: Ruling
    cause: Cause
    member_id: UUID | None = None
    explanation: str | None = None
    note: str | None = None
    billable: bool = False


async def reverse_decisions(
    session: AsyncSession, agency_id: UUID, reversals: Sequence[Reversal], present: datetime
) -> list[Decision]:
    """Take decisions back at `present`, at most one an item; the new decisions.

    `Conflict` (`already-reversed`) when one of them no longer stands: it was reversed, or the same revision was decided
    again since. Rulings are checked by the caller.
    """
    if not reversals:
        return []
    client_ids = {reversal.decision.client_id for reversal in reversals}
    homes = await load_homes(session, agency_id, client_ids)
    catalogues = await load_catalogues(session, agency_id, client_ids)
    sequences = await _take_sequences(session, agency_id, [reversal.decision.item_id for reversal in reversals])
    await _require_standing(session, agency_id, [reversal.decision.id for reversal in reversals])
    decisions = [_to_decision(reversal, sequences[reversal.decision.item_id], present) for reversal in reversals]
    unsent = await _withhold(session, agency_id, reversals, decisions)
    await insert_rows(session, Decision, [to_row(decision) for decision in decisions])
    pairs = list(zip(reversals, decisions, strict=True))
    await _mark_reversed(session, agency_id, pairs)
    await _recount(session, agency_id, pairs, homes)
    await record_deeds(session, agency_id, [_to_deed(reversal, made) for reversal, made in pairs])
    told = [_tell(reversal, made, catalogues[made.client_id], unsent) for reversal, made in pairs]
    await announce(session, agency_id, told)
    decided = [to_decided(reversal.item, made, catalogues) for reversal, made in pairs]
    await order_actions(session, agency_id, decided, present)
    return decisions


# Whoever decides about an item holds its row: what stands is judged after all of them are locked, in one order.
_LOCK_ITEMS = text("""
SELECT id FROM items WHERE agency_id = :agency_id AND id = ANY(CAST(:ids AS uuid[])) ORDER BY id
FOR NO KEY UPDATE
""")
_TAKE_SEQUENCES = text("""
UPDATE items SET decisions = decisions + 1 WHERE agency_id = :agency_id AND id = ANY(CAST(:ids AS uuid[]))
RETURNING id, decisions
""")


async def _take_sequences(session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID]) -> dict[UUID, int]:
    values = {"agency_id": agency_id, "ids": item_ids}
    await session.execute(_LOCK_ITEMS, values)
    return dict((await session.execute(_TAKE_SEQUENCES, values)).all())


STANDS = """
old.reversed_by IS NULL AND NOT EXISTS (
  SELECT FROM decisions later WHERE later.agency_id = old.agency_id AND later.item_id = old.item_id
    AND later.item_revision = old.item_revision AND later.sequence > old.sequence
    AND later.reversed_by IS NULL AND later.cause IS DISTINCT FROM 'rule')
"""
_COUNT_STANDING = text(f"""
SELECT count(*) FROM decisions old
WHERE old.agency_id = :agency_id AND old.id = ANY(CAST(:ids AS uuid[])) AND {STANDS}
""")
"""A rule's reversal in between is no obstacle: all that the rule did about the item is taken back, one by one."""


async def _require_standing(session: AsyncSession, agency_id: UUID, decision_ids: Sequence[UUID]) -> None:
    standing = (await session.execute(_COUNT_STANDING, {"agency_id": agency_id, "ids": decision_ids})).scalar_one()
    if standing != len(decision_ids):
        raise Conflict(msg("This decision no longer stands; it was taken back or replaced"), slug="already-reversed")


async def _withhold(
    session: AsyncSession, agency_id: UUID, reversals: Sequence[Reversal], decisions: Sequence[Decision]
) -> set[UUID]:
    """Old decisions of which the client was told nothing yet never leave; a person's new ones wait in their place."""
    old = [reversal.decision.id for reversal in reversals if reversal.decision.leaves_at is not None]
    unsent = await withhold_decisions(session, agency_id, old) if old else set()
    if unsent:
        of_these = (Decision.agency_id == agency_id, Decision.id.in_(unsent))
        await session.execute(update(Decision).where(*of_these).values(leaves_at=text("'infinity'")))
        waits = await load_waits(session, agency_id, {made.client_id for made in decisions})
        for reversal, made in zip(reversals, decisions, strict=True):
            if reversal.decision.id in unsent and made.member_id is not None and made.client_id in waits:
                made.leaves_at = made.made_at + waits[made.client_id]
    return unsent


def _to_decision(reversal: Reversal, sequence: int, present: datetime) -> Decision:
    """About the same revision, and in everything that is not said anew like the old one."""
    made = to_row(reversal.decision) | {
        "id": new_id(),
        "sequence": sequence,
        "case_id": None,
        "member_id": reversal.member_id,
        "verdict": reversal.ruling.verdict,
        "actions": list(reversal.ruling.actions),
        "policies": list(reversal.ruling.policies),
        "automated": reversal.cause == "rule",
        "automated_detection": False,
        "rule_set_version": None,
        "matched_rules": [],
        "decided_by": None,
        "explanation": reversal.explanation,
        "note": reversal.note,
        "made_at": present,
        "reverses": reversal.decision.id,
        "cause": reversal.cause,
        "reversed_by": None,
        "leaves_at": None,
        "bulk_of": None,
    }
    return Decision(**made)


_MARK = text("""
UPDATE decisions SET reversed_by = t.by
FROM unnest(CAST(:ids AS uuid[]), CAST(:by AS uuid[])) AS t(id, by)
WHERE decisions.agency_id = :agency_id AND decisions.id = t.id
""")

Pair = tuple[Reversal, Decision]


async def _mark_reversed(session: AsyncSession, agency_id: UUID, pairs: Sequence[Pair]) -> None:
    values = {
        "agency_id": agency_id,
        "ids": [reversal.decision.id for reversal, _ in pairs],
        "by": [made.id for _, made in pairs],
    }
    await session.execute(_MARK, values)


async def _recount(session: AsyncSession, agency_id: UUID, pairs: Sequence[Pair], homes: dict[UUID, Home]) -> None:
    live = [(reversal, made) for reversal, made in pairs if reversal.item.mode == "live"]
    counted = await _load_counted(session, agency_id, [reversal.decision for reversal, _ in live])
    facts = [
        fact
        for reversal, made in live
        for fact in recount(
            Recount(made, reversal.decision, reversal.cause, reversal.billable, homes[made.client_id].time_zone),
            counted.get(reversal.decision.id, []),
        )
    ]
    await record_usage(session, agency_id, facts)


async def _load_counted(
    session: AsyncSession, agency_id: UUID, decisions: Sequence[Decision]
) -> dict[UUID, list[Counted]]:
    """By items too, whose index finds them."""
    query = select(UsageRecord).where(
        UsageRecord.agency_id == agency_id,
        UsageRecord.item_id.in_([decision.item_id for decision in decisions]),
        UsageRecord.decision_id.in_([decision.id for decision in decisions]),
        UsageRecord.item_id.is_not(None),
        UsageRecord.corrects_id.is_(None),
    )
    counted: dict[UUID, list[Counted]] = {}
    for record in await session.scalars(query):
        fact = Counted(record.id, record.meter, record.quantity, record.billable, record.dims)
        counted.setdefault(cast("UUID", record.decision_id), []).append(fact)
    return counted


def _to_deed(reversal: Reversal, made: Decision) -> Deed:
    return Deed(
        actor=_actor(reversal, made.client_id),
        action="decision.reversed",
        subject=show_id("itm", made.item_id),
        client_id=made.client_id,
        details={
            "decision": show_id("dec", made.id),
            "reverses": show_id("dec", reversal.decision.id),
            "cause": reversal.cause,
            "verdict": made.verdict,
        },
    )


def _actor(reversal: Reversal, client_id: UUID) -> str:
    if reversal.member_id is not None:
        return show_id("mem", reversal.member_id)
    return show_id("cli", client_id) if reversal.cause == "client" else "system"


def _tell(reversal: Reversal, made: Decision, catalogue: ClientCatalogue, unsent: Collection[UUID]) -> Announcement:
    """Who was never told of the old decision is told of the new one as of any other."""
    if reversal.decision.id in unsent:
        return tell_made(reversal.item, made, catalogue)
    data: dict[str, Any] = {
        "decision": decision_payload(made, catalogue.policies),
        "reverses": show_id("dec", reversal.decision.id),
        "undo": undo_actions(reversal.decision.actions, catalogue.actions),
        "cause": reversal.cause,
        "item": item_reference(reversal.item) | {"revision": made.item_revision},
        "interim": reversal.item.interim,
        "sequence": made.sequence,
    }
    return Announcement(
        client_id=made.client_id, type="decision.reversed", data=data, occurred_at=made.made_at, item_id=made.item_id
    )
