"""Taking questions in hand: leased, answered from memory where that can be, and paid from the budgets."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.providers.ask import KEPT_S
from veilleur.domain.providers.breaker import PAUSE_S, read_breaker
from veilleur.domain.providers.budget import claim_calls
from veilleur.domain.providers.models import CachedScores, Provider
from veilleur.domain.providers.offers import find_lease, make_offer
from veilleur.domain.providers.protocol import Question, Scores
from veilleur.domain.providers.queries import load_open_providers
from veilleur.domain.providers.registry import VENDORS
from veilleur.domain.providers.round import Asked, Key, Leased, PlannedCall, Round, cut_calls, gather_questions
from veilleur.domain.rules.sent import read_language
from veilleur.infra.worklist import hint_work

# Those whose item was edited, deleted or judged meanwhile come as well, without a text: they are closed.
_DUE = text("""
SELECT q.id, q.client_id, q.item_id, q.fields, q.fence, q.tries, i.body ->> 'text' AS text, i.language,
  (i.revision = q.item_revision AND i.state = 'received' AND i.deleted_at IS NULL AND i.screen_after IS NOT NULL
   AND q.give_up_at > app_now()) AS wanted
FROM provider_questions q JOIN items i ON i.agency_id = q.agency_id AND i.id = q.item_id
WHERE q.agency_id = :agency_id AND q.due_at <= app_now()
ORDER BY q.due_at LIMIT :wanted FOR UPDATE OF q SKIP LOCKED
""")
_CLOSE = text("""
UPDATE provider_questions SET state = 'given_up', due_at = NULL
WHERE agency_id = :agency_id AND id = ANY(CAST(:ids AS uuid[]))
""")
_LEASE = text("""
UPDATE provider_questions SET state = 'asking', tries = tries + 1, fence = fence + 1,
  due_at = app_now() + make_interval(secs => :seconds)
WHERE agency_id = :agency_id AND id = ANY(CAST(:ids AS uuid[]))
RETURNING due_at
""")
_PROBE = text(f"""
UPDATE providers SET open_until = app_now() + interval '{PAUSE_S} seconds'
WHERE agency_id = :agency_id AND id = :id AND (open_until IS NULL OR open_until <= app_now())
RETURNING id
""")


async def begin_questions(session: AsyncSession, agency_id: UUID, limit: int) -> Round | None:
    """Lease up to `limit` questions that are due, those of vanished askers included; None when there are none."""
    rows = (await session.execute(_DUE, {"agency_id": agency_id, "wanted": limit})).all()
    if not rows:
        return None
    stale = [row.id for row in rows if not row.wanted]
    if stale:
        await session.execute(_CLOSE, {"agency_id": agency_id, "ids": stale})
    wanted = [row for row in rows if row.wanted]
    providers = await load_open_providers(session, agency_id, {row.client_id for row in wanted})
    leased = [_lease(row, providers) for row in wanted]
    await _write_leases(session, agency_id, leased)
    known = await _remember(session, agency_id, leased)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    calls: list[PlannedCall] = []
    by_id = {provider.id: provider for provider in providers}
    for (provider_id, client_id), (asked, questions) in sorted(gather_questions(leased).items()):
        provider = by_id[provider_id]
        unknown = {key: question for key, question in questions.items() if key not in known}
        planned = cut_calls(asked, client_id, unknown, VENDORS[asked.kind].most)
        permitted = await _permit(session, provider, len(planned), present)
        cached = len(questions) - len(unknown)
        granted = await claim_calls(session, provider, client_id, (permitted, len(planned), cached))
        calls += planned[:granted]
    return Round(tuple(leased), tuple(calls), known)


def _lease(row: Row[Any], providers: Sequence[Provider]) -> Leased:
    language = None if row.language is None else read_language(row.language)
    question = Question(row.text or "", language)
    keys: dict[Key, Asked] = {}
    for provider in providers:
        offer = make_offer(provider.name, provider.kind, provider.settings, provider.timeout_s)
        if row.client_id in provider.clients and offer.find_told(row.fields):
            asked = Asked(
                provider.id, provider.name, provider.kind, provider.settings, provider.sealed, provider.timeout_s
            )
            keys[asked.key(question)] = asked
    return Leased(row.id, row.item_id, row.client_id, row.fence + 1, row.tries + 1, question, keys)


async def _write_leases(session: AsyncSession, agency_id: UUID, leased: Sequence[Leased]) -> None:
    if not leased:
        return
    seconds = find_lease(provider.timeout_s for one in leased for provider in one.keys.values())
    values = {"agency_id": agency_id, "ids": [one.id for one in leased], "seconds": seconds}
    due = list(await session.scalars(_LEASE, values))
    await hint_work(session, agency_id, "providers", due_at=max(due))


async def _remember(session: AsyncSession, agency_id: UUID, leased: Collection[Leased]) -> Mapping[Key, Scores]:
    keys = {key for one in leased for key in one.keys}
    kept = CachedScores
    query = select(kept.provider_id, kept.digest, kept.scores).where(
        kept.agency_id == agency_id,
        kept.provider_id.in_({provider for provider, _ in keys}),
        kept.digest.in_({digest for _, digest in keys}),
        kept.asked_at > func.app_now() - func.make_interval(0, 0, 0, 0, 0, 0, KEPT_S),
    )
    return {(row.provider_id, row.digest): row.scores for row in await session.execute(query)} if keys else {}


async def _permit(session: AsyncSession, provider: Provider, wanted: int, present: datetime) -> int:
    """How many calls the breaker lets through; when it is half open, one and only one asker's."""
    state = read_breaker(provider.failures, provider.open_until, present)
    if state == "closed" or wanted == 0:
        return wanted
    if state == "open":
        return 0
    probe = await session.execute(_PROBE, {"agency_id": provider.agency_id, "id": provider.id})
    return 0 if probe.one_or_none() is None else 1
