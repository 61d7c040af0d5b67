"""Keeping what the rules saw and answered, and the keys of copies, beside what became of it, in the same commit."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.screening.judge import Judged, needs_rules, show_answer, show_shadow
from veilleur.domain.screening.models import NearDupKey, StoredEvaluation
from veilleur.domain.screening.near_dups import list_keys
from veilleur.infra.db.bulk import insert_rows


async def keep_evaluations(session: AsyncSession, agency_id: UUID, judged: Sequence[Judged]) -> None:
    """Write one row for every item that rules had a say about, those of a client without rules included."""
    kept = [one for one in judged if needs_rules(one.question.item, one.question.standing)]
    shared = {"agency_id": agency_id}
    await insert_rows(session, StoredEvaluation, [_to_row(one) for one in kept], shared=shared)
    keys = sorted({key for one in kept for key in _list_keys(one)})
    rows = [{"client_id": client_id, "key": key, "item_id": item_id} for client_id, key, item_id in keys]
    await insert_rows(session, NearDupKey, rows, shared=shared, skip_known=True)


def _to_row(judged: Judged) -> dict[str, Any]:
    question = judged.question
    return {
        "id": question.evaluation_id,
        "client_id": question.item.client_id,
        "item_id": question.item.id,
        "item_revision": question.item.revision,
        "rule_set_version": None if question.published is None else question.published.version,
        "facts": _show_facts(judged),
        "trace": {} if judged.evaluation is None else dict(judged.evaluation.trace),
        "outcome": show_answer(judged.evaluation),
        "evaluated_at": question.facts.now,
        "shadow": show_shadow(judged),
    }


def _show_facts(judged: Judged) -> dict[str, Any]:
    facts, exhausted = judged.question.facts, judged.question.exhausted
    published = judged.question.published
    lists = {} if published is None else dict(published.compiled.lists)
    told = {"gathered": dict(facts.given), "exhausted": sorted(exhausted), "lists": lists}
    return {name: value for name, value in told.items() if value}


def _list_keys(judged: Judged) -> list[tuple[UUID, int, UUID]]:
    """Fuzzy keys are many: they are kept only where rules look at them."""
    question = judged.question
    fuzzy = question.published is not None and "item.near_dup_fuzzy" in question.published.compiled.needs.fields
    keys = list_keys(question.facts, fuzzy=fuzzy)
    return [(question.item.client_id, key, question.item.id) for key in keys]
