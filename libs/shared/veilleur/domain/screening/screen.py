"""Screening: what was received becomes a decision at once, or a case.

Two steps, two commits. `mark_attempts` counts that screening of these items was begun; `screen_marked` locks them
again and writes all that follows. A process that dies between leaves the count: fresh items are taken in batches,
items that were begun before one at a time, and after `MAX_ATTEMPTS` an item opens a case that says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.decisions.policy import Ruling
from veilleur.domain.decisions.record import Detection, Verdict, record_decisions
from veilleur.domain.intake.models import Item, ItemState
from veilleur.domain.review.open import Opening, lock_open_cases, open_cases, withdraw_cases
from veilleur.domain.review.routing import UNSCREENED
from veilleur.domain.rules.evaluate import Evaluation, Match, evaluate
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.outcome import Decide, show_action
from veilleur.domain.screening.rule_sets import Published, RuleSetCache

MAX_ATTEMPTS = 5
RETRY_AFTER_MS = 500
"""An attempt younger than this may still be under way in another process."""

_MARK = """
UPDATE items SET attempts = attempts + 1, attempted_at = app_now()
WHERE agency_id = :agency_id AND id IN (
  SELECT id FROM items WHERE agency_id = :agency_id AND state = 'received' AND {condition}
  ORDER BY received_at LIMIT :wanted FOR UPDATE SKIP LOCKED)
RETURNING id
"""
_MARK_FRESH = text(_MARK.format(condition="attempts = 0"))
_MARK_AGAIN = text(
    _MARK.format(condition=f"attempts > 0 AND attempted_at < app_now() - interval '{RETRY_AFTER_MS} milliseconds'")
)


async def mark_attempts(session: AsyncSession, agency_id: UUID, *, fresh: bool, limit: int) -> list[UUID]:
    """Count an attempt for up to `limit` items: fresh ones, or such as were begun and not finished."""
    statement = _MARK_FRESH if fresh else _MARK_AGAIN
    return list(await session.scalars(statement, {"agency_id": agency_id, "wanted": limit}))


async def screen_marked(
    session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID], rule_sets: RuleSetCache
) -> None:
    """Decide or open a case for each of these items that is still `received`, all in this transaction."""
    query = (
        select(Item)
        .where(Item.agency_id == agency_id, Item.id.in_(item_ids), Item.state == ItemState.RECEIVED)
        .order_by(Item.id)
        .with_for_update(skip_locked=True)
    )
    items = list(await session.scalars(query))
    if not items:
        return
    edited = [item.id for item in items if item.revision > 1]
    if edited:
        await lock_open_cases(session, agency_id, edited)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    exhausted = [item for item in items if item.attempts > MAX_ATTEMPTS]
    sound = [item for item in items if item.attempts <= MAX_ATTEMPTS]
    published = await rule_sets.load(session, agency_id, {item.client_id for item in sound})
    batch = _Batch([Opening(item, "screening_failed", queue=UNSCREENED) for item in exhausted])
    for item in sound:
        batch.add(item, published.get(item.client_id), present)
    answered = [verdict.item.id for verdict in batch.verdicts if verdict.item.revision > 1]
    if answered:
        await withdraw_cases(session, agency_id, answered)
    await record_decisions(session, agency_id, batch.verdicts, present)
    await open_cases(session, agency_id, batch.openings, present)


@dataclass(slots=True)
class _Batch:
    """What a batch of items turns into."""

    openings: list[Opening]
    verdicts: list[Verdict] = field(default_factory=list)

    def add(self, item: Item, published: Published | None, present: datetime) -> None:
        if published is None:
            self.openings.append(Opening(item, "no_rule_set"))
            return
        evaluation = evaluate(published.compiled, item_facts(_as_sent(item), present))
        if isinstance(evaluation.outcome, Decide):
            self.verdicts.append(_to_verdict(item, evaluation.outcome, evaluation, published.version))
        else:
            self.openings.append(_to_opening(item, evaluation, published.version))


def _as_sent(item: Item) -> dict[str, Any]:
    return item.body | {"external_id": item.external_id, "revision": item.revision}


def _to_verdict(item: Item, outcome: Decide, evaluation: Evaluation, version: int) -> Verdict:
    actions = tuple(show_action(action) for action in outcome.actions)
    return Verdict(
        item=item,
        ruling=Ruling(outcome.verdict, actions, outcome.policies),
        detection=Detection(version, tuple(match.rule for match in _live(evaluation)), dict(evaluation.trace)),
    )


def _to_opening(item: Item, evaluation: Evaluation, version: int) -> Opening:
    escalate = evaluation.outcome
    assert not isinstance(escalate, Decide)  # noqa: S101 - the two kinds there are
    return Opening(
        item,
        "rule",
        queue=escalate.queue,
        priority=escalate.priority,
        interim=escalate.interim,
        why=[
            {"rule": match.rule, "spans": [list(span) for span in match.spans], "policies": list(escalate.policies)}
            for match in _live(evaluation)
        ],
        trace=dict(evaluation.trace),
        rule_set_version=version,
    )


def _live(evaluation: Evaluation) -> list[Match]:
    """Shadow rules are in the trace; they neither act nor explain."""
    return [match for match in evaluation.matched if match.mode == "live"]
