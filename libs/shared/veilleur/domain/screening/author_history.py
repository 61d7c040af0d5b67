"""What an author did in this client before: decisions that stand, by their verdict. One query for a whole batch."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.screening.client_settings import ClientSettings

Author = tuple[UUID, str]
"""Client and external id."""

MAX_COUNTED = 1_000
"""An author's latest decisions that are looked at: a robot's hundred thousand must not hold up a batch."""

_COUNT = text(f"""
SELECT t.client_id, t.author,
       count(*) FILTER (WHERE d.verdict = 'allow') AS approved,
       count(*) FILTER (WHERE d.verdict = 'remove') AS removed,
       count(*) FILTER (WHERE d.verdict <> 'allow' AND d.made_at > t.since) AS strikes
FROM unnest(CAST(:clients AS uuid[]), CAST(:authors AS text[]), CAST(:since AS timestamptz[]))
  AS t(client_id, author, since)
LEFT JOIN LATERAL (
  SELECT verdict, made_at FROM decisions
  WHERE agency_id = :agency_id AND client_id = t.client_id AND author_external_id = t.author
    AND reversed_by IS NULL AND made_at <= :present
  ORDER BY made_at DESC LIMIT {MAX_COUNTED}) d ON true
GROUP BY t.client_id, t.author
""")


async def load_author_histories(
    session: AsyncSession,
    agency_id: UUID,
    authors: Collection[Author],
    settings: Mapping[UUID, ClientSettings],
    present: datetime,
) -> dict[Author, dict[str, int]]:
    """The rules' `author.prior_approved`, `author.prior_removed` and `author.strikes` of each; 0 where nothing is.

    A strike is a restriction or removal that was not taken back and is younger than the client's `strike_days`.
    """
    wanted = sorted(set(authors))
    if not wanted:
        return {}
    values = {
        "agency_id": agency_id,
        "present": present,
        "clients": [client_id for client_id, _ in wanted],
        "authors": [author for _, author in wanted],
        "since": [present - timedelta(days=settings[client_id].strike_days) for client_id, _ in wanted],
    }
    return {
        (row.client_id, row.author): {
            "author.prior_approved": row.approved,
            "author.prior_removed": row.removed,
            "author.strikes": row.strikes,
        }
        for row in await session.execute(_COUNT, values)
    }
