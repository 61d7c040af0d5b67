"""What a version in shadow would have done, beside what was done and what people said."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.trials.intervals import Confusion, Share
from veilleur.domain.trials.shadow import is_in_shadow
from veilleur.domain.trials.standpoint import ACTING, KINDS

MAX_EVALUATIONS = 100_000
"""The newest ones: a report is read while somebody waits."""

_SEEN = f"""
WITH seen AS (
  SELECT item_id, item_revision, shadow, trace, outcome FROM evaluations
  WHERE agency_id = :agency_id AND client_id = :client_id AND evaluated_at >= :since
    AND evaluated_at <= coalesce(CAST(:until AS timestamptz), 'infinity')
    AND (shadow->>'version')::integer = :version
  ORDER BY evaluated_at DESC, id DESC LIMIT {MAX_EVALUATIONS}
)
"""

_OUTCOMES = text(
    _SEEN
    + """
SELECT shadow->>'kind' AS shadow_kind,
       CASE WHEN outcome ? 'escalate' THEN 'escalate' ELSE outcome->>'verdict' END AS live_kind, count(*) AS times
FROM seen GROUP BY 1, 2
"""
)
_RULES = text(
    _SEEN
    + """
SELECT fired.rule, count(*) AS times,
       count(*) FILTER (WHERE shadow->>'rule' = fired.rule) AS decided,
       count(*) FILTER (WHERE person.verdict IN ('restrict', 'remove')) AS agreed,
       count(person.verdict) AS judged
FROM seen CROSS JOIN LATERAL jsonb_array_elements_text(shadow->'fired') AS fired(rule)
LEFT JOIN LATERAL (
  SELECT verdict FROM decisions d WHERE d.agency_id = :agency_id AND d.item_id = seen.item_id
    AND d.item_revision = seen.item_revision AND d.member_id IS NOT NULL ORDER BY d.sequence DESC LIMIT 1
) AS person ON true
GROUP BY 1 ORDER BY 2 DESC, 1
"""
)
_OVERLAP = text(
    _SEEN
    + """
SELECT fired.rule, live.rule AS live_rule, count(*) AS times
FROM seen CROSS JOIN LATERAL jsonb_array_elements_text(shadow->'fired') AS fired(rule)
CROSS JOIN LATERAL jsonb_object_keys(coalesce(trace->'spans', '{}')) AS live(rule)
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 200
"""
)
_ACTIONS = text(
    _SEEN
    + """
SELECT actions.code, count(*) AS times FROM seen
CROSS JOIN LATERAL jsonb_array_elements_text(shadow->'actions') AS actions(code) GROUP BY 1 ORDER BY 2 DESC, 1
"""
)
_PEOPLE = text(
    _SEEN
    + """
SELECT shadow->>'kind' AS kind, person.verdict, count(*) AS times FROM seen
JOIN LATERAL (
  SELECT verdict FROM decisions d WHERE d.agency_id = :agency_id AND d.item_id = seen.item_id
    AND d.item_revision = seen.item_revision AND d.member_id IS NOT NULL ORDER BY d.sequence DESC LIMIT 1
) AS person ON true
GROUP BY 1, 2
"""
)


async def report_shadow(session: AsyncSession, version: RuleSetVersion) -> dict[str, Any]:
    """Fire rate and precision by rule, overlap with the rules in force, would-be actions, agreement with people."""
    shown: dict[str, Any] = {
        "version": version.version,
        "running": is_in_shadow(version),
        "since": version.shadow_since,
        "until": version.shadow_until,
    }
    if version.shadow_since is None:
        return shown | {
            "evaluated": 0,
            "outcomes": [],
            "rules": [],
            "overlap": [],
            "actions": [],
            "against_people": None,
        }
    asked = {
        "agency_id": version.agency_id,
        "client_id": version.client_id,
        "version": version.version,
        "since": version.shadow_since,
        "until": version.shadow_until,
    }
    outcomes = (await session.execute(_OUTCOMES, asked)).all()
    evaluated = sum(row.times for row in outcomes)
    rules = await session.execute(_RULES, asked)
    overlap = await session.execute(_OVERLAP, asked)
    actions = await session.execute(_ACTIONS, asked)
    return shown | {
        "evaluated": evaluated,
        "outcomes": [
            {"shadow": kind, "live": live, "count": sum(_times(outcomes, kind, live))}
            for kind in KINDS
            for live in KINDS
            if _times(outcomes, kind, live)
        ],
        "rules": [
            {
                "rule": row.rule,
                "fire_rate": Share(row.times, evaluated).show(),
                "decided": row.decided,
                "precision": Share(row.agreed, row.judged).show(),
            }
            for row in rules
        ],
        "overlap": [{"rule": row.rule, "live_rule": row.live_rule, "count": row.times} for row in overlap],
        "actions": [{"code": row.code, "count": row.times} for row in actions],
        "against_people": (await _ask_people(session, asked)).show(),
    }


def _times(rows: Any, kind: str, live: str) -> list[int]:
    return [row.times for row in rows if (row.shadow_kind, row.live_kind) == (kind, live)]


async def _ask_people(session: AsyncSession, asked: dict[str, Any]) -> Confusion:
    confusion = Confusion()
    for row in await session.execute(_PEOPLE, asked):
        confusion = confusion.add(rules=row.kind in ACTING, people=row.verdict in ACTING, times=row.times)
    return confusion
