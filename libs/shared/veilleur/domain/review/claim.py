"""Claiming: "I want this many in hand". The most urgent fair case first, each with one moderator at a time.

The moderator's row is locked first, so two tabs of one person can't exceed the capacity. Then the tops of all piles
this person may take from are looked at without locks and ranked by `fairness`, and the best that are still free are
locked and leased. Losing every race means looking deeper, not giving up.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.review.care import MOST_SEVERE, Bearable, Scale
from veilleur.domain.review.fairness import LATE_FIRST_SHARE, Candidate, rank_candidates
from veilleur.domain.review.flag import MAX_EXPIRIES, flag_expired
from veilleur.domain.review.lease import lock_member
from veilleur.domain.review.models import Assignment, Case, CaseState
from veilleur.domain.review.needs import Needs, QueueTerms, find_fit, runs_short
from veilleur.domain.review.piles import PEEK_DEPTHS, Floor, Pile, Seen, load_floor, peek
from veilleur.domain.review.presence import IdleReason, why_not
from veilleur.domain.review.staff import Person, load_person
from veilleur.domain.review.wellbeing import load_bearable, load_scales
from veilleur.domain.tenancy.models import Member

SPARE = 24
"""How many more than wanted are tried to be locked: others are racing for the same ones."""

NO_SCALE = Scale()


@dataclass(frozen=True, slots=True)
class InHand:
    """The cases a moderator holds, and why there are not as many as were wanted."""

    cases: list[Case]
    reason: IdleReason | None


async def claim_next(
    session: AsyncSession, agency_id: UUID, member_id: UUID, *, hold: int, queues: Collection[str] | None = None
) -> InHand:
    """Fill the moderator's hands up to `hold`; what is already held comes first and keeps its fence."""
    member = await lock_member(session, agency_id, member_id)
    held = await list_held(session, agency_id, member_id)
    if held:
        await _keep_expired(session, agency_id, member_id)
        held = await list_held(session, agency_id, member_id)
    wanted = min(hold, member.capacity) - len(held)
    if wanted <= 0:
        return InHand(held, "at_capacity" if len(held) < hold else None)
    person, present = await load_person(session, member)
    reason = why_not(person.presence, present)
    if reason is not None:
        return InHand(held, reason)
    bearable = await load_bearable(session, agency_id, member_id, present)
    if bearable.break_until is not None:
        return InHand(held, "break_due")
    hunt = _Hunt(person, present, queues, bearable)
    claimed = await _fill(session, member, hunt, wanted)
    if claimed:
        held = await list_held(session, agency_id, member_id)
    if claimed < wanted:
        return InHand(held, "exposure_cap" if hunt.spared else "empty")
    return InHand(held, "at_capacity" if len(held) < hold else None)


async def list_held(session: AsyncSession, agency_id: UUID, member_id: UUID) -> list[Case]:
    """What a moderator holds, most urgent first."""
    query = select(Case).where(Case.agency_id == agency_id, Case.holder_id == member_id, Case.state == CaseState.LEASED)
    return list(await session.scalars(query.order_by(Case.due_at, Case.id).execution_options(populate_existing=True)))


@dataclass(frozen=True, slots=True)
class _Hunt:
    """Who looks, when, and into which queues (None: all)."""

    person: Person
    present: datetime
    queues: Collection[str] | None
    bearable: Bearable = field(default_factory=Bearable)
    scales: dict[UUID, Scale] = field(default_factory=dict)
    """How hard each client's content may be to look at, where that matters."""
    spared: set[UUID] = field(default_factory=set)
    """What would be there, but is too much for this person now."""

    def is_bearable(self, seen: Seen, queue: QueueTerms) -> bool:
        scale = MOST_SEVERE if queue.restricted else self.scales.get(seen.client_id, NO_SCALE)
        if self.bearable.allows(seen.suspected, scale):
            return True
        if not self.bearable.opt_outs & set(seen.suspected):
            self.spared.add(seen.id)
        return False

    def may_look_at(self, pile: Pile) -> bool:
        return self._looks_into(pile.queue) and self._find_fit(pile.client_id, pile.queue, pile.needs) is not None

    def may_take(self, seen: Seen, queue: QueueTerms) -> bool:
        if not self._looks_into(queue):
            return False
        if seen.kind == "kept":
            cleared = not queue.restricted or self.person.able.may_enter(queue)
            return cleared and self.person.able.serves(seen.client_id)
        if seen.kind == "flagged" and not self.person.able.supervises:
            return False
        fit = self._find_fit(seen.client_id, queue, seen.needs)
        return fit == "primary" or (fit == "secondary" and runs_short(queue, seen.opened_at, seen.due_at, self.present))

    def gives_up_on(self, seen: Seen) -> bool:
        """The lease that ran out was one too many: a lead has to look."""
        return seen.kind == "expired" and seen.expiries + 1 >= MAX_EXPIRIES and not self.person.able.supervises

    def _looks_into(self, queue: QueueTerms) -> bool:
        return self.queues is None or queue.code in self.queues

    def _find_fit(self, client_id: UUID, queue: QueueTerms, needs: Needs) -> str | None:
        return find_fit(self.person.able, client_id, queue, needs)


async def _fill(session: AsyncSession, member: Member, hunt: _Hunt, wanted: int) -> int:
    floor = await load_floor(session, member.agency_id)
    piles = [pile for pile in floor.piles if hunt.may_look_at(pile)]
    if hunt.bearable.below_severity is not None:
        hunt.scales.update(await load_scales(session, member.agency_id))
    late_first = random.random() < LATE_FIRST_SHARE  # noqa: S311 - a lot, not a secret
    claimed = 0
    for depth in PEEK_DEPTHS:
        seen = await peek(session, member.agency_id, hunt.person.id, piles, depth)
        hopeless = [one.id for one in seen if hunt.gives_up_on(one)]
        if hopeless:
            await flag_expired(session, member.agency_id, hopeless)
        ranked = _rank(seen, floor, hunt, wanted - claimed, late_first=late_first)
        claimed += await _take(session, member, [one.id for one in ranked], wanted - claimed)
        # What this person is spared must not hide what lies below it.
        spared = any(not hunt.is_bearable(one, floor.queues[one.queue_id]) for one in seen)
        if claimed == wanted or not (ranked or spared):
            break
    return claimed


def _rank(seen: Sequence[Seen], floor: Floor, hunt: _Hunt, wanted: int, *, late_first: bool) -> list[Candidate]:
    candidates = [
        Candidate(one.id, one.client_id, one.opened_at, one.due_at, kept=one.kind == "kept")
        for one in seen
        if hunt.may_take(one, floor.queues[one.queue_id])
        and not hunt.gives_up_on(one)
        and hunt.is_bearable(one, floor.queues[one.queue_id])
    ]
    return rank_candidates(candidates, floor.load, hunt.present, wanted=wanted + SPARE, late_first=late_first)


# A lease is kept alive no longer than the queue's cap counted from the claim.
_KEEP_EXPIRED = text("""
UPDATE cases SET lease_expires_at = greatest(lease_expires_at, least(
  app_now() + make_interval(secs => q.lease_s), a.claimed_at + make_interval(secs => q.hold_cap_s)))
FROM queues q, assignments a
WHERE q.agency_id = cases.agency_id AND q.id = cases.queue_id AND cases.agency_id = :agency_id
  AND a.agency_id = cases.agency_id AND a.id = cases.assignment_id
  AND cases.id IN (
    SELECT id FROM cases
    WHERE agency_id = :agency_id AND holder_id = :member_id AND state = 'leased' AND lease_expires_at <= app_now()
    ORDER BY id FOR NO KEY UPDATE)
""")


async def _keep_expired(session: AsyncSession, agency_id: UUID, member_id: UUID) -> None:
    """A moderator who comes back before anyone else asked keeps the case, with the same fence."""
    await session.execute(_KEEP_EXPIRED, {"agency_id": agency_id, "member_id": member_id})


_TAKE = """
WITH ranked AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS t(id, place)),
free AS MATERIALIZED (
  SELECT cases.id, cases.assignment_id, cases.state FROM cases JOIN ranked ON ranked.id = cases.id
  WHERE cases.agency_id = :agency_id
    AND (cases.state = 'ready' OR (cases.state = 'leased' AND cases.lease_expires_at <= app_now()))
    AND (reserved_for IS NULL OR reserved_for = :member_id OR reserved_until <= app_now())
  ORDER BY ranked.place LIMIT {wanted} FOR NO KEY UPDATE OF cases SKIP LOCKED)
UPDATE cases SET state = 'leased', holder_id = :member_id, fence = cases.fence + 1,
  assignment_id = gen_random_uuid(), lease_expires_at = app_now() + make_interval(secs => queues.lease_s),
  expiries = cases.expiries + CASE WHEN free.state = 'leased' THEN 1 ELSE 0 END,
  reserved_for = NULL, reserved_until = NULL
FROM free, queues
WHERE cases.agency_id = :agency_id AND cases.id = free.id
  AND queues.agency_id = cases.agency_id AND queues.id = cases.queue_id
RETURNING cases.id, cases.client_id, cases.assignment_id, cases.fence, free.assignment_id AS previous
"""

_END_EXPIRED = text("""
UPDATE assignments SET outcome = 'expired', ended_at = app_now()
WHERE agency_id = :agency_id AND id = ANY(CAST(:ids AS uuid[])) AND ended_at IS NULL
""")


async def _take(session: AsyncSession, member: Member, ids: Sequence[UUID], wanted: int) -> int:
    """Lease the first `wanted` of these that are still free; how many those were."""
    if not ids:
        return 0
    # The LIMIT is literal, as in `piles`.
    values = {"agency_id": member.agency_id, "member_id": member.id, "ids": list(ids)}
    leased = (await session.execute(text(_TAKE.format(wanted=int(wanted))), values)).all()
    if not leased:
        return 0
    previous = [row.previous for row in leased if row.previous is not None]
    if previous:
        await session.execute(_END_EXPIRED, {"agency_id": member.agency_id, "ids": previous})
    await session.execute(
        insert(Assignment),
        [
            {
                "agency_id": member.agency_id,
                "id": row.assignment_id,
                "case_id": row.id,
                "client_id": row.client_id,
                "member_id": member.id,
                "fence": row.fence,
            }
            for row in leased
        ],
    )
    return len(leased)
