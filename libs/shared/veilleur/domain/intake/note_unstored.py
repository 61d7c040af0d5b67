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
from veilleur.kernel.errors import InputError
from veilleur.kernel.ids import new_id
from veilleur.kernel.messages import Language, Message

UNSTORED_KEPT_S = 7 * 86_400
MOST_HEADERS = 50
MOST_ERRORS = 5
MOST_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Unstored:
    outcome: Literal["refused", "ignored"]
    size: int
    headers: Sequence[str]
    """Names only."""
    slug: str | None = None
    detail: Message | None = None
    errors: Sequence[InputError] = ()
    webhook_id: str | None = None
    """As its sender named it: perhaps a forger."""


async def note_unstored(session: AsyncSession, source: FoundSource, unstored: Unstored) -> None:
    session.add(
        UnstoredDelivery(
            agency_id=source.agency_id,
            id=new_id(),
            source_id=source.source_id,
            client_id=source.client_id,
            outcome=unstored.outcome,
            slug=unstored.slug,
            detail=_tell(unstored),
            size=unstored.size,
            headers=sorted({name[:64] for name in unstored.headers})[:MOST_HEADERS],
        )
    )
    await hint_work(session, source.agency_id, "retention", in_s=UNSTORED_KEPT_S, daily=True)


def _tell(unstored: Unstored) -> dict[str, str] | None:
    told = {} if unstored.webhook_id is None else {"webhook_id": unstored.webhook_id[:128].replace("\0", "")}
    if unstored.detail is not None:
        told |= {"en": _write(unstored, "en"), "fr": _write(unstored, "fr")}
    return told or None


def _write(unstored: Unstored, language: Language) -> str:
    """Why, and the first of the values that were wrong."""
    said = [] if unstored.detail is None else [unstored.detail.render(language)]
    said += [f"{error.pointer}: {error.detail.render(language)}" for error in unstored.errors[:MOST_ERRORS]]
    return "; ".join(said)[:MOST_CHARACTERS].replace("\0", "")
