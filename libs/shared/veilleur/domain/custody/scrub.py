"""Making a tombstone of an item: everything that was said, or said about it, goes in one transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.custody.redact import redact_event
from veilleur.domain.intake.models import Item, ItemRevision, Report
from veilleur.domain.outbox.models import Event
from veilleur.domain.providers.models import CachedScores, Provider, ProviderQuestion
from veilleur.domain.providers.offers import hash_question
from veilleur.domain.providers.protocol import Question
from veilleur.domain.review.models import Assignment, Case, Note
from veilleur.domain.review.models import Question as ClientQuestion
from veilleur.domain.review.snapshot_models import MediaSnapshot
from veilleur.domain.rules.sent import read_language
from veilleur.domain.screening.models import NearDupKey, StoredEvaluation
from veilleur.infra.db.among import is_among

FORGET_EXPLANATION = """explanation = NULL,
  explanation_erased_at = CASE WHEN explanation IS NULL THEN explanation_erased_at ELSE app_now() END"""
"""It was counted when it was sent: that there was one stays known."""
BARE_ACTIONS = """coalesce((SELECT jsonb_agg(a - 'text' - 'params') FROM jsonb_array_elements(actions) a), '[]')"""

_TOMBSTONES = text("""
UPDATE items SET external_id = t.external_id, body = '{}', digest = '', author_external_id = NULL, thread_id = NULL,
  text_key = NULL, language = NULL, observed = NULL, traceparent = NULL, kind = 'other', erased_at = app_now()
FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[])) AS t(id, external_id)
WHERE items.agency_id = :agency_id AND items.id = t.id
""")
_DECISIONS = text(f"""
UPDATE decisions SET {FORGET_EXPLANATION}, note = NULL, author_external_id = NULL, actions = {BARE_ACTIONS}
WHERE agency_id = :agency_id AND item_id = ANY(CAST(:ids AS uuid[]))
""")
_EVENTS = text("""
UPDATE events SET body = t.body FROM unnest(CAST(:ids AS uuid[]), CAST(:bodies AS text[])) AS t(id, body)
WHERE events.agency_id = :agency_id AND events.id = t.id
""")


async def bury_items(
    session: AsyncSession, agency_id: UUID, items: Sequence[Item], names: Mapping[UUID, str]
) -> Counter[str]:
    """Erase these items, which are closed and under no hold; how many rows of each kind.

    `names` are their external ids from now on: by them a straggler still finds that it comes too late.
    """
    ids = [item.id for item in items]
    counts: Counter[str] = Counter()
    counts["provider_answers"] = await _forget_answers(session, agency_id, items)
    counts += await drop_traces(session, agency_id, ids)
    counts["reports"] += await _drop(session, Report, agency_id, ids)
    counts["decisions"] = await _count(session, _DECISIONS, {"agency_id": agency_id, "ids": ids})
    counts["events"] = await _redact_events(session, agency_id, ids)
    counts += await _clear_cases(session, agency_id, ids)
    values = {"agency_id": agency_id, "ids": ids, "names": [names[one] for one in ids]}
    counts["items"] = await _count(session, _TOMBSTONES, values)
    return counts


async def drop_traces(session: AsyncSession, agency_id: UUID, ids: Sequence[UUID]) -> Counter[str]:
    """Copies of what items said, and what was computed of it."""
    tables: dict[str, Any] = {
        "revisions": ItemRevision,
        "evaluations": StoredEvaluation,
        "near_duplicate_keys": NearDupKey,
        "provider_questions": ProviderQuestion,
        "media_snapshots": MediaSnapshot,
    }
    return Counter({kind: await _drop(session, table, agency_id, ids) for kind, table in tables.items()})


async def rewrite_events(session: AsyncSession, agency_id: UUID, bodies: Mapping[UUID, str]) -> int:
    """Put other bodies in the place of those that were announced."""
    if not bodies:
        return 0
    values = {"agency_id": agency_id, "ids": list(bodies), "bodies": list(bodies.values())}
    return await _count(session, _EVENTS, values)


async def _redact_events(session: AsyncSession, agency_id: UUID, ids: Sequence[UUID]) -> int:
    query = select(Event.id, Event.body).where(
        Event.agency_id == agency_id, Event.item_id.in_(ids), Event.body.is_not(None)
    )
    return await rewrite_events(
        session, agency_id, {row.id: redact_event(row.body) for row in await session.execute(query)}
    )


async def _clear_cases(session: AsyncSession, agency_id: UUID, ids: Sequence[UUID]) -> Counter[str]:
    """Notes, questions and reasons that people wrote while they dealt with the items."""
    cases = list(await session.scalars(select(Case.id).where(Case.agency_id == agency_id, is_among(Case.item_id, ids))))
    await session.execute(
        update(Case).where(Case.agency_id == agency_id, is_among(Case.id, cases)).values(suggestion=None)
    )
    spoken = (Assignment.agency_id == agency_id, is_among(Assignment.case_id, cases), Assignment.reason.is_not(None))
    await session.execute(update(Assignment).where(*spoken).values(reason=None))
    counts: Counter[str] = Counter()
    for kind, table in (("notes", Note), ("questions", ClientQuestion)):
        gone = delete(table).where(table.agency_id == agency_id, is_among(table.case_id, cases))
        counts[kind] = await _count(session, gone)
    return counts


async def _forget_answers(session: AsyncSession, agency_id: UUID, items: Sequence[Item]) -> int:
    """Scores are remembered by a digest of the text, and found by it again."""
    texts = [Question(item.body["text"], _language(item)) for item in items if item.body.get("text")]
    providers = (await session.scalars(select(Provider).where(Provider.agency_id == agency_id))).all() if texts else ()
    gone = 0
    for provider in providers:
        digests = [hash_question(provider.kind, provider.settings, asked) for asked in texts]
        mine = (CachedScores.agency_id == agency_id, CachedScores.provider_id == provider.id)
        gone += await _count(session, delete(CachedScores).where(*mine, CachedScores.digest.in_(digests)))
    return gone


def _language(item: Item) -> str | None:
    return None if item.language is None else read_language(item.language)


async def _drop(session: AsyncSession, table: Any, agency_id: UUID, ids: Sequence[UUID]) -> int:
    return await _count(session, delete(table).where(table.agency_id == agency_id, is_among(table.item_id, ids)))


async def _count(session: AsyncSession, statement: Any, values: Mapping[str, Any] | None = None) -> int:
    result = await session.execute(statement, values)
    count: int = result.rowcount  # type: ignore[attr-defined]  # a cursor result, as of every change
    return count
