"""Keeping what the rules saw and answered, beside what became of it, in the same commit."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.screening.judge import Judged, needs_rules, show_answer, show_shadow
from veilleur.domain.screening.models import StoredEvaluation
from veilleur.infra.db.bulk import insert_rows


async def keep_evaluations(session: AsyncSession, agency_id: UUID, judged: Sequence[Judged]) -> None:
    """Write one row for every item that rules had a say about, those of a client without rules included."""
    rows = [_to_row(one) for one in judged if needs_rules(one.question.item, one.question.standing)]
    await insert_rows(session, StoredEvaluation, rows, shared={"agency_id": agency_id})


def _to_row(judged: Judged) -> dict[str, Any]:
    question = judged.question
    return {
        "id": question.evaluation_id,
        "client_id": question.item.client_id,
        "item_id": question.item.id,
        "item_revision": question.item.revision,
        "rule_set_version": None if question.published is None else question.published.version,
        "facts": {"gathered": dict(question.gathered)} if question.gathered else {},
        "trace": {} if judged.evaluation is None else dict(judged.evaluation.trace),
        "outcome": show_answer(judged.evaluation),
        "evaluated_at": question.present,
        "shadow": show_shadow(judged),
    }
