"""Taking back all that a version or a rule did: a job that can be killed anywhere and goes on where it was.

The job remembers the last decision it looked at. A batch locks the job and the items, takes back what may be taken
back, moves the cursor and counts, in one transaction: a killed one leaves no trace and is done again.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.decisions.candidates import FATE, MATCHES, SKIPS, Wrong, to_values
from veilleur.domain.decisions.models import Decision, ReversalJob
from veilleur.domain.decisions.policy import Ruling
from veilleur.domain.decisions.reverse import Reversal, reverse_decisions
from veilleur.domain.intake.models import Item
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg

REVERSED = Ruling("allow", (), ())

_COUNT = text(f"SELECT count(*) FROM decisions d WHERE {MATCHES}")


async def start_reversal(session: AsyncSession, agency_id: UUID, wrong: Wrong, member_id: UUID) -> ReversalJob:
    """A job over what has been decided until `wrong.to_at`; the worker begins at once."""
    job = ReversalJob(
        agency_id=agency_id,
        id=new_id(),
        client_id=wrong.client_id,
        version=wrong.version,
        rules=None if wrong.rules is None else list(wrong.rules),
        from_at=wrong.from_at,
        to_at=wrong.to_at,
        member_id=member_id,
        total=(await session.execute(_COUNT, to_values(agency_id, wrong))).scalar_one(),
    )
    session.add(job)
    await session.flush()
    await session.refresh(job)
    await hint_work(session, agency_id, "reversal")
    await record_deeds(session, agency_id, [_to_deed(job, "reversal.started", member_id)])
    return job


async def find_reversal(session: AsyncSession, agency_id: UUID, job_id: UUID) -> ReversalJob:
    job = await session.get(ReversalJob, (agency_id, job_id))
    if job is None:
        raise NotFound(msg("There is no such reversal"))
    return job


async def cancel_reversal(session: AsyncSession, agency_id: UUID, job_id: UUID, member_id: UUID) -> ReversalJob:
    """Stop a job after the batch under way; what it has done stays done, and one that has ended stays as it is."""
    job = await find_reversal(session, agency_id, job_id)
    await session.refresh(job, with_for_update=True)
    if job.state == "running":
        await _end(session, job, "cancelled")
        await record_deeds(session, agency_id, [_to_deed(job, "reversal.cancelled", member_id)])
    return job


async def advance_reversal(session: AsyncSession, agency_id: UUID, limit: int) -> bool:
    """One batch of the agency's oldest job that nobody else works on; whether there was one.

    A hint goes with it: whoever dies in the next batch has a sweep look again.
    """
    query = select(ReversalJob).where(ReversalJob.agency_id == agency_id, ReversalJob.state == "running")
    query = query.order_by(ReversalJob.id).limit(1).with_for_update(skip_locked=True)
    job = (await session.scalars(query)).one_or_none()
    if job is None:
        return False
    await hint_work(session, agency_id, "reversal", in_s=1)
    batch = await _next_batch(session, job, limit)
    if not batch:
        await _end(session, job, "finished")
        return True
    await _take_back(session, job, batch)
    job.cursor = batch[-1].id
    await session.flush()
    return True


async def _end(session: AsyncSession, job: ReversalJob, state: str) -> None:
    job.state = state
    job.ended_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.flush()


_NEXT = text(f"""
SELECT d.id, d.item_id FROM decisions d
WHERE {MATCHES} AND (CAST(:cursor AS uuid) IS NULL OR d.id < :cursor) ORDER BY d.id DESC LIMIT :wanted
""")


async def _next_batch(session: AsyncSession, job: ReversalJob, limit: int) -> list[Any]:
    """The newest decisions not looked at yet; it ends before an item comes a second time."""
    wrong = Wrong(job.client_id, job.to_at, job.version, None if job.rules is None else tuple(job.rules), job.from_at)
    values = to_values(job.agency_id, wrong) | {"cursor": job.cursor, "wanted": limit}
    batch: list[Any] = []
    seen: set[UUID] = set()
    for row in await session.execute(_NEXT, values):
        if row.item_id in seen:
            break
        seen.add(row.item_id)
        batch.append(row)
    return batch


# Items first and in one order, as everybody who decides does; what became of each is judged after that.
_LOCK_ITEMS = text(
    "SELECT id FROM items WHERE agency_id = :agency_id AND id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE"
)
_JUDGE = text(f"""
SELECT d.id, {FATE} AS fate FROM decisions d LEFT JOIN items i ON i.agency_id = d.agency_id AND i.id = d.item_id
WHERE d.agency_id = :agency_id AND d.id = ANY(CAST(:ids AS uuid[]))
""")


async def _take_back(session: AsyncSession, job: ReversalJob, batch: Sequence[Any]) -> None:
    await session.execute(_LOCK_ITEMS, {"agency_id": job.agency_id, "ids": [row.item_id for row in batch]})
    ids = [row.id for row in batch]
    judged = await session.execute(_JUDGE, {"agency_id": job.agency_id, "ids": ids})
    fates: dict[UUID, str] = {row.id: row.fate for row in judged}
    wrong = [decision_id for decision_id, fate in fates.items() if fate == "reverse"]
    present = (await session.execute(select(func.app_now()))).scalar_one()
    await reverse_decisions(session, job.agency_id, await _load(session, job.agency_id, wrong), present)
    job.done += len(wrong)
    counted = Counter(job.skipped) + Counter(fate for fate in fates.values() if fate in SKIPS)
    job.skipped = dict(counted)


async def _load(session: AsyncSession, agency_id: UUID, decision_ids: Sequence[UUID]) -> list[Reversal]:
    query = select(Decision, Item).join(Item, (Item.agency_id == Decision.agency_id) & (Item.id == Decision.item_id))
    rows = await session.execute(query.where(Decision.agency_id == agency_id, Decision.id.in_(decision_ids)))
    return [Reversal(item, decision, REVERSED, "rule") for decision, item in rows]


def describe_reversal(job: ReversalJob) -> dict[str, Any]:
    """Where a job stands; `total` is what matched when it began."""
    return {
        "id": show_id("rev", job.id),
        "state": job.state,
        "filter": {
            "client": show_id("cli", job.client_id),
            "version": job.version,
            "rules": job.rules,
            "from": job.from_at,
            "to": job.to_at,
        },
        "total": job.total,
        "done": job.done,
        "skipped": {reason: job.skipped.get(reason, 0) for reason in SKIPS},
        "member": show_id("mem", job.member_id),
        "created_at": job.created_at,
        "ended_at": job.ended_at,
    }


def _to_deed(job: ReversalJob, action: str, member_id: UUID) -> Deed:
    details = {"version": job.version, "rules": job.rules, "total": job.total, "done": job.done}
    return Deed(show_id("mem", member_id), action, show_id("rev", job.id), job.client_id, details)
