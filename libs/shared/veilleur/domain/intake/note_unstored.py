"""Deliveries that stored nothing, kept for a week, so that an engineer sees why: refused, or without a case in them.

Never their bodies: they may be forged, and hold what nobody agreed to keep.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import UnstoredDelivery
from veilleur.domain.tenancy.lookup import FoundSource
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import new_id
from veilleur.kernel.messages import Message

UNSTORED_KEPT_S = 7 * 86_400
MOST_HEADERS = 50


@dataclass(frozen=True, slots=True)
class Unstored:
    outcome: Literal["refused", "ignored"]
    size: int
    headers: Sequence[str]
    """Names only."""
    slug: str | None = None
    detail: Message | None = None


async def note_unstored(session: AsyncSession, source: FoundSource, unstored: Unstored) -> None:
    detail = unstored.detail
    session.add(
        UnstoredDelivery(
            agency_id=source.agency_id,
            id=new_id(),
            source_id=source.source_id,
            client_id=source.client_id,
            outcome=unstored.outcome,
            slug=unstored.slug,
            detail=None if detail is None else {"en": detail.render("en"), "fr": detail.render("fr")},
            size=unstored.size,
            headers=sorted({name[:64] for name in unstored.headers})[:MOST_HEADERS],
        )
    )
    await hint_work(session, source.agency_id, "retention", in_s=UNSTORED_KEPT_S, daily=True)
