"""Screening: what was received becomes a decision at once, or a case.

Two steps, two commits. `mark_attempts` counts that screening of these items was begun; `screen_marked` locks them
again and writes all that follows. A process that dies between leaves the count: fresh items are taken in batches,
items that were begun before one at a time, and after `MAX_ATTEMPTS` an item opens a case that says so.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.decisions.record import Verdict, record_decisions
from veilleur.domain.intake.models import Item, ItemState
from veilleur.domain.intake.shape import item_reference
from veilleur.domain.outbox.announce import Announcement, announce
from veilleur.domain.review.open import Opening, lock_open_cases, open_cases, withdraw_cases
from veilleur.domain.review.routing import UNSCREENED
from veilleur.domain.screening.automation import Automation, choose_rules, load_automation
from veilleur.domain.screening.caps import keep_acts
from veilleur.domain.screening.count import note_counts
from veilleur.domain.screening.gather import Gathered, gather_facts
from veilleur.domain.screening.inquire import inquire
from veilleur.domain.screening.judge import (
    MAX_ATTEMPTS,
    Closed,
    Held,
    Judged,
    Judgement,
    Kept,
    Observed,
    Question,
    Settled,
    judge,
    needs_rules,
)
from veilleur.domain.screening.keep import keep_evaluations
from veilleur.domain.screening.rule_sets import RuleSetCache, RuleSets
from veilleur.domain.screening.standing import Standing, load_standings
from veilleur.domain.screening.tally import NO_COUNTS, Counts
from veilleur.domain.screening.windows import find_count_time
from veilleur.domain.sla.clocks import cancel_clocks
from veilleur.infra.db.among import is_among
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import new_id

FORGIVEN_TOGETHER = 2
"""So often an item whose attempt the database failed goes back among the fresh ones; then it is tried alone: it may
be what fails the others."""
MAX_FORGIVEN = 10
"""So often it is nobody's fault. An item whose own statement ends the connection is then counted like any other."""
RETRY_AFTER_MS = 500
"""An attempt younger than this may still be under way in another process."""

# A materialized list: as a plain subquery a nested loop runs it again for every row, each time past the locked ones.
_MARK = """
WITH chosen AS MATERIALIZED (
  SELECT id FROM items WHERE agency_id = :agency_id AND state = 'received' AND {condition}
    AND (screen_after IS NULL OR screen_after <= app_now())
  ORDER BY {order} LIMIT :wanted FOR UPDATE SKIP LOCKED)
UPDATE items SET attempts = attempts + 1, attempted_at = app_now()
WHERE agency_id = :agency_id AND id = ANY (ARRAY(SELECT id FROM chosen))
RETURNING id
"""
# Clients take turns, each with its oldest first. Who is in line is looked up at both ends of it: a client that sends
# little stands near the end of a line that another one has filled, and waits for one round instead of for all of it.
# The chosen are looked up by their ids alone, as an array, and their state when they are locked: with a join, or asked
# for what is `received`, a planner with old statistics walks along the whole line once for each of them.
_IN_LINE = """
SELECT id, client_id, asked_at FROM items WHERE agency_id = :agency_id AND state = 'received' AND attempts = 0
  AND (screen_after IS NULL OR screen_after <= app_now())
"""
_MARK_FRESH = text(f"""
WITH line AS MATERIALIZED (
  ({_IN_LINE} ORDER BY asked_at LIMIT 2 * :wanted) UNION ({_IN_LINE} ORDER BY asked_at DESC LIMIT 4 * :wanted)
), turns AS (
  SELECT id, asked_at, row_number() OVER (PARTITION BY client_id ORDER BY asked_at) AS turn FROM line
), next AS MATERIALIZED (
  SELECT id FROM turns ORDER BY turn, asked_at LIMIT :wanted
), chosen AS MATERIALIZED (
  SELECT id, state, attempts FROM items
  WHERE agency_id = :agency_id AND id = ANY (ARRAY(SELECT id FROM next)) FOR UPDATE SKIP LOCKED)
UPDATE items SET attempts = attempts + 1, attempted_at = app_now()
WHERE agency_id = :agency_id AND id = ANY (ARRAY(SELECT id FROM chosen WHERE state = 'received' AND attempts = 0))
RETURNING id
""")
# Who failed least comes first: the neighbours of a poison item are done before its next try.
_MARK_AGAIN = text(
    _MARK.format(
        condition=f"attempts > 0 AND attempted_at < app_now() - interval '{RETRY_AFTER_MS} milliseconds'",
        order="attempts, asked_at",
    )
)

# Markers take turns: one that looked before another's commit would hold that one's items just when it screens them.
_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended('screening:' || CAST(:agency_id AS text), 0))")


async def mark_attempts(session: AsyncSession, agency_id: UUID, *, fresh: bool, limit: int) -> list[UUID]:
    """Count an attempt for up to `limit` items: fresh ones, or such as were begun and not finished.

    A hint goes with it: whoever fails or dies now has a sweep look again, however old the hint that led here.
    """
    await session.execute(_TAKE_TURNS, {"agency_id": str(agency_id)})
    statement = _MARK_FRESH if fresh else _MARK_AGAIN
    marked = list(await session.scalars(statement, {"agency_id": agency_id, "wanted": limit}))
    if marked:
        await hint_work(session, agency_id, "screening", in_s=1)
    return marked


async def forgive_attempts(session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID]) -> None:
    """Take back one attempt of items whose screening failed by no fault of theirs, `MAX_FORGIVEN` times at most."""
    alone = case((Item.forgiven >= FORGIVEN_TOGETHER, 1), else_=0)
    await session.execute(
        update(Item)
        .where(
            Item.agency_id == agency_id,
            is_among(Item.id, item_ids),
            Item.state == ItemState.RECEIVED,
            Item.attempts > 0,
            Item.forgiven < MAX_FORGIVEN,
        )
        .values(attempts=func.greatest(Item.attempts - 1, alone), forgiven=Item.forgiven + 1)
    )
    await hint_work(session, agency_id, "screening")


async def list_traceparents(session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID]) -> list[str]:
    """The places in their senders' traces that these items come from, each once."""
    query = select(Item.traceparent).distinct().where(Item.agency_id == agency_id, is_among(Item.id, item_ids))
    return [one for one in await session.scalars(query.where(Item.traceparent.is_not(None))) if one is not None]


async def screen_marked(
    session: AsyncSession,
    agency_id: UUID,
    item_ids: Sequence[UUID],
    rule_sets: RuleSetCache,
    counts: Counts = NO_COUNTS,
) -> list[float]:
    """Let what came take effect for each of these items that is still `received`, all in this transaction; how many
    seconds each of them had waited.

    Items whose client's rule set can't be compiled are left as they are: tried again, and after `MAX_ATTEMPTS` a
    person's. `counts` is what the counters said about the batch before; what they did not say is unknown.
    """
    items = await _lock_items(session, agency_id, item_ids)
    if not items:
        return []
    present = (await session.execute(select(func.app_now()))).scalar_one()
    standings = await load_standings(session, agency_id, items)
    open_before = await lock_open_cases(session, agency_id, [item.id for item in items if item.id in standings])
    # Not for those that ended here: it may be the rule set itself that fails them.
    sound = [item for item in items if item.attempts <= MAX_ATTEMPTS]
    in_force = await rule_sets.load(session, agency_id, {item.client_id for item in sound})
    stuck = {item.id for item in sound if _is_stuck(item, in_force, standings)}
    items, sound = _leave_out(items, stuck), _leave_out(sound, stuck)
    modes = await load_automation(session, agency_id, {item.client_id for item in sound})
    gathered = await gather_facts(session, agency_id, sound, in_force.published, counts, present)
    answers = _judge_all(sound, in_force, modes, standings, gathered)
    judged = [one for one in answers if not gathered.inquiry.is_open(one)]
    await inquire(session, agency_id, gathered.inquiry, answers, present)
    await keep_evaluations(session, agency_id, judged)
    await keep_acts(session, agency_id, gathered.caps)
    await note_counts(session, agency_id, counts)
    await hint_work(session, agency_id, "rates", due_at=find_count_time(present))
    judgements = [one.judgement for one in judged]
    judgements += [
        Opening(item, "screening_failed", queue=UNSCREENED) for item in items if item.attempts > MAX_ATTEMPTS
    ]
    # An edit or deletion answers the question that was open; what opens a case again renews it instead.
    answered = [one.item.id for one in judgements if one.item.id in open_before and not isinstance(one, Opening | Kept)]
    if answered:
        await withdraw_cases(session, agency_id, answered)
    await _settle(session, agency_id, judgements, present)
    await _keep(session, agency_id, [one.item.id for one in judgements if isinstance(one, Kept)], open_before)
    await record_decisions(session, agency_id, [one for one in judgements if isinstance(one, Verdict)], present)
    openings = [_name_reporters(one, standings) for one in judgements if isinstance(one, Opening)]
    await open_cases(session, agency_id, openings, present)
    return [(present - item.asked_at).total_seconds() for item in items]


def _name_reporters(opening: Opening, standings: Mapping[UUID, Standing]) -> Opening:
    """A promise may depend on who reported the item."""
    standing = standings.get(opening.item.id)
    return replace(opening, reporters=tuple(sorted(standing.reports))) if standing else opening


def _is_stuck(item: Item, in_force: RuleSets, standings: Mapping[UUID, Standing]) -> bool:
    return item.client_id in in_force.broken and needs_rules(item, standings.get(item.id))


def _leave_out(items: Sequence[Item], stuck: Collection[UUID]) -> list[Item]:
    return [item for item in items if item.id not in stuck]


def _judge_all(
    items: Sequence[Item],
    in_force: RuleSets,
    modes: Mapping[UUID, Automation],
    standings: Mapping[UUID, Standing],
    gathered: Gathered,
) -> list[Judged]:
    """One after the other: what a capped rule did to one item counts for the next."""
    judged: list[Judged] = []
    for item in items:
        question = Question(
            item=item,
            evaluation_id=new_id(),
            facts=gathered.facts_of(item),
            published=choose_rules(in_force.published.get(item.client_id), item, modes[item.client_id]),
            automation=modes[item.client_id],
            standing=standings.get(item.id),
            shadow=in_force.shadows.get(item.client_id),
            exhausted=gathered.caps.find_exhausted(item.client_id),
        )
        judged.append(judge(question))
        if not gathered.inquiry.is_open(judged[-1]):
            gathered.caps.note(judged[-1])
    return judged


async def _lock_items(session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID]) -> list[Item]:
    """By their ids alone, as they are marked; the state is looked at when they are locked."""
    mine = select(Item).where(Item.agency_id == agency_id, is_among(Item.id, item_ids))
    locked = await session.scalars(mine.order_by(Item.id).with_for_update(skip_locked=True))
    return [item for item in locked if item.state == ItemState.RECEIVED]


async def _settle(session: AsyncSession, agency_id: UUID, judgements: Sequence[Judgement], present: datetime) -> None:
    """What neither decides nor opens a case: deletions, tests that ask for a review, observation, nothing new."""
    closed = [one.item.id for one in judgements if isinstance(one, Closed)]
    if closed:
        await cancel_clocks(session, agency_id, closed)
        await _set_state(session, agency_id, closed, ItemState.DELETED)
    settled = [one.item.id for one in judgements if isinstance(one, Settled)]
    if settled:
        await _set_state(session, agency_id, settled, ItemState.DECIDED)
    held = [one.item for one in judgements if isinstance(one, Held)]
    if held:
        await _set_state(session, agency_id, [item.id for item in held], ItemState.IN_REVIEW)
        await announce(session, agency_id, [_tell_held(item, present) for item in held])
    for one in judgements:
        if isinstance(one, Observed):
            mine = (Item.agency_id == agency_id, Item.id == one.item.id)
            values = {"state": ItemState.DECIDED, "observed": one.outcome, "closed_at": func.app_now()}
            await session.execute(update(Item).where(*mine).values(values))


async def _keep(
    session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID], open_before: Collection[UUID]
) -> None:
    """Under a hold a deletion ends nothing that is open."""
    for state, is_open in ((ItemState.IN_REVIEW, True), (ItemState.DELETED, False)):
        chosen = [item_id for item_id in item_ids if (item_id in open_before) is is_open]
        if chosen:
            await _set_state(session, agency_id, chosen, state)


async def _set_state(session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID], state: ItemState) -> None:
    await session.execute(
        update(Item)
        .where(Item.agency_id == agency_id, is_among(Item.id, item_ids))
        .values(state=state, closed_at=None if state == ItemState.IN_REVIEW else func.app_now())
    )


def _tell_held(item: Item, present: datetime) -> Announcement:
    return Announcement(
        client_id=item.client_id,
        type="item.held",
        data={"item": item_reference(item), "interim": item.interim},
        occurred_at=present,
        item_id=item.id,
    )
