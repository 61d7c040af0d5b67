"""Queues named in a question: one that does not exist is a mistake, not an empty answer."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.review.models import Queue
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg


async def require_queues(session: AsyncSession, agency_id: UUID, codes: Sequence[str], pointer: str) -> None:
    """`Invalid`, with the codes there are, when one of these is none; in a list `pointer` ends with `/{place}`."""
    known = set(await session.scalars(select(Queue.code).where(Queue.agency_id == agency_id)))
    hint = msg("one of {allowed}", allowed=sorted(known))
    errors = [
        InputError(pointer.format(place=place), msg("there is no such queue"), hint)
        for place, code in enumerate(codes)
        if code not in known
    ]
    if errors:
        raise Invalid(msg("Some values can't be accepted"), errors=errors)
