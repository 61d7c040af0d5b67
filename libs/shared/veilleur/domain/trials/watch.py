"""How often each rule fires, window by window, and an alarm when that is not as usual."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.record import Trouble, close_alarms, raise_alarm
from veilleur.domain.screening.windows import LATE, WINDOW, floor_window
from veilleur.domain.trials.anomaly import Window, find_anomaly
from veilleur.domain.trials.models import RateWindow

HISTORY = timedelta(days=2)
"""What "usual" is taken from; older windows are dropped."""

_COUNT = text("""
WITH seen AS (
  SELECT client_id, trace FROM evaluations
  WHERE agency_id = :agency_id AND client_id = ANY(CAST(:clients AS uuid[]))
    AND evaluated_at >= :start AND evaluated_at < :past AND rule_set_version IS NOT NULL
), totals AS (SELECT client_id, count(*) AS evaluated FROM seen GROUP BY 1),
fired AS (
  SELECT client_id, rule, count(*) AS times FROM seen
  CROSS JOIN LATERAL jsonb_object_keys(coalesce(trace->'spans', '{}')) AS rule GROUP BY 1, 2
)
SELECT totals.client_id, evaluated,
       (SELECT coalesce(jsonb_object_agg(rule, times), '{}') FROM fired WHERE fired.client_id = totals.client_id)
         AS fired,
       (SELECT array_agg(rule->>'id') FROM rule_sets r, jsonb_array_elements(r.document->'rules') AS rule
        WHERE r.agency_id = :agency_id AND r.client_id = totals.client_id AND r.state = 'published') AS known
FROM totals
""")
_CLIENTS = text("SELECT id FROM clients WHERE agency_id = :agency_id")


async def watch_rates(session: AsyncSession, agency_id: UUID) -> int:
    """Count the last whole window, once, and look at every rule in it; how many alarms are new."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    past = floor_window(present - LATE)
    if await _is_counted(session, agency_id, past - WINDOW):
        return 0
    clients = list(await session.scalars(_CLIENTS, {"agency_id": agency_id}))
    asked = {"agency_id": agency_id, "clients": clients, "start": past - WINDOW, "past": past}
    new = 0
    for row in (await session.execute(_COUNT, asked)).all():
        window = RateWindow(
            agency_id=agency_id,
            client_id=row.client_id,
            started_at=past - WINDOW,
            evaluated=row.evaluated,
            fired=dict.fromkeys(row.known or (), 0) | row.fired,
        )
        if await _keep_window(session, window):
            new += await _judge_window(session, window)
    await session.execute(
        delete(RateWindow).where(RateWindow.agency_id == agency_id, RateWindow.started_at < past - HISTORY)
    )
    return new


async def _is_counted(session: AsyncSession, agency_id: UUID, start: datetime) -> bool:
    query = select(RateWindow.client_id).where(RateWindow.agency_id == agency_id, RateWindow.started_at == start)
    return (await session.execute(query.limit(1))).first() is not None


async def _keep_window(session: AsyncSession, window: RateWindow) -> bool:
    """Whether it was not there before: another worker may have been first."""
    values = {column.key: getattr(window, column.key) for column in RateWindow.__table__.columns}
    kept = await session.execute(
        insert(RateWindow).values(values).on_conflict_do_nothing().returning(RateWindow.started_at)
    )
    return kept.first() is not None


async def _judge_window(session: AsyncSession, last: RateWindow) -> int:
    table = RateWindow
    rows = await session.execute(
        select(table.evaluated, table.fired)
        .where(table.agency_id == last.agency_id, table.client_id == last.client_id)
        .where(table.started_at < last.started_at, table.started_at >= last.started_at - HISTORY)
        .order_by(table.started_at)
    )
    history = rows.all()
    usual: list[str] = []
    new = 0
    for rule, fired in last.fired.items():
        past = [Window(row.evaluated, row.fired[rule]) for row in history if rule in row.fired]
        odd = find_anomaly(past, Window(last.evaluated, fired))
        if odd is None:
            usual.append(rule)
        else:
            figures = odd.show() | {"window_start": last.started_at.isoformat(), "window_s": WINDOW.seconds}
            trouble = Trouble("rule.anomaly", rule, last.client_id, figures)
            new += await raise_alarm(session, last.agency_id, trouble)
    await close_alarms(session, last.agency_id, "rule.anomaly", usual, last.client_id)
    return new
