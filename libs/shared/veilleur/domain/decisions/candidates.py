"""Which decisions of a client's rules a mass reversal would take back, and which it leaves alone, and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.kernel.ids import show_id

Skip = Literal["overruled_by_person", "already_reversed", "item_changed", "erased"]
SKIPS: tuple[Skip, ...] = get_args(Skip)
SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is to be taken back: restrictions and removals that rules decided, `from_at` inclusive, `to_at` exclusive.

    `rules` are those the verdicts are of: a rule that merely matched beside them did nothing.
    """

    client_id: UUID
    to_at: datetime
    version: int | None = None
    rules: tuple[str, ...] | None = None
    from_at: datetime | None = None


MATCHES = """
d.agency_id = :agency_id AND d.client_id = :client_id AND d.automated AND d.verdict <> 'allow' AND d.cause IS NULL
AND d.made_at < :to_at
AND (CAST(:from_at AS timestamptz) IS NULL OR d.made_at >= :from_at)
AND (CAST(:version AS integer) IS NULL OR d.rule_set_version = :version)
AND (CAST(:rules AS text[]) IS NULL OR d.decided_by = ANY(CAST(:rules AS text[])))
"""

# A later word about the same revision: a person's stays, another automatic one makes it another matter.
_LATER = """
EXISTS (SELECT FROM decisions l WHERE l.agency_id = d.agency_id AND l.item_id = d.item_id
        AND l.item_revision = d.item_revision AND l.sequence > d.sequence AND {condition})
"""
FATE = f"""
CASE WHEN i.id IS NULL THEN 'erased'
     WHEN {_LATER.format(condition="(l.member_id IS NOT NULL OR l.cause = 'client')")} THEN 'overruled_by_person'
     WHEN d.reversed_by IS NOT NULL THEN 'already_reversed'
     WHEN i.revision <> d.item_revision THEN 'item_changed'
     WHEN {_LATER.format(condition="l.reversed_by IS NULL AND l.cause IS DISTINCT FROM 'rule'")} THEN 'item_changed'
     ELSE 'reverse' END
"""
JUDGED = f"""
SELECT d.id, d.decided_by, d.actions, d.verdict, d.made_at, d.item_id, i.external_id, {FATE} AS fate
FROM decisions d LEFT JOIN items i ON i.agency_id = d.agency_id AND i.id = d.item_id
WHERE {MATCHES}
"""

_SUM = text(f"""
WITH judged AS MATERIALIZED ({JUDGED}), ours AS (SELECT * FROM judged WHERE fate = 'reverse')
SELECT 'fate' AS key, fate AS name, count(*) AS number FROM judged GROUP BY fate
UNION ALL SELECT 'rule', coalesce(decided_by, ''), count(*) FROM ours GROUP BY 2
UNION ALL SELECT 'action', taken ->> 'code', count(*) FROM ours, jsonb_array_elements(actions) AS taken GROUP BY 2
ORDER BY 1, 3 DESC, 2
""")
_SAMPLE = text(f"SELECT * FROM ({JUDGED}) AS judged WHERE fate = 'reverse' ORDER BY id DESC LIMIT {SAMPLES}")


async def rehearse_reversal(session: AsyncSession, agency_id: UUID, wrong: Wrong) -> dict[str, Any]:
    """`count`, `skipped` by reason, `by_rule`, `by_action` and the newest samples; nothing is changed."""
    values = to_values(agency_id, wrong)
    sums: dict[str, dict[str, int]] = {"fate": {}, "rule": {}, "action": {}}
    for row in await session.execute(_SUM, values):
        sums[row.key][row.name] = row.number
    samples = (await session.execute(_SAMPLE, values)).mappings()
    return {
        "count": sums["fate"].get("reverse", 0),
        "skipped": {reason: sums["fate"].get(reason, 0) for reason in SKIPS},
        "by_rule": sums["rule"],
        "by_action": sums["action"],
        "samples": [_describe_sample(sample) for sample in samples],
    }


def to_values(agency_id: UUID, wrong: Wrong) -> dict[str, Any]:
    return {
        "agency_id": agency_id,
        "client_id": wrong.client_id,
        "version": wrong.version,
        "rules": None if wrong.rules is None else list(wrong.rules),
        "from_at": wrong.from_at,
        "to_at": wrong.to_at,
    }


def _describe_sample(sample: RowMapping) -> dict[str, Any]:
    return {
        "decision": show_id("dec", sample["id"]),
        "item": show_id("itm", sample["item_id"]),
        "external_id": sample["external_id"],
        "verdict": sample["verdict"],
        "actions": sample["actions"],
        "rule": sample["decided_by"],
        "made_at": sample["made_at"],
    }
