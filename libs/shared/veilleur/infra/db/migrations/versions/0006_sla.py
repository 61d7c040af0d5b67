"""Clocks that pause, warn and are retargeted; what happened to them, several times a cycle where it may.

Kind: expand.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

CLOCKS = """
ALTER TABLE sla_clocks
  ADD COLUMN facts JSONB NOT NULL DEFAULT '{}',
  ADD COLUMN pausable BOOLEAN NOT NULL DEFAULT true,
  ADD COLUMN warnings TEXT[] NOT NULL DEFAULT '{}',
  ADD COLUMN excluded TEXT,
  ADD COLUMN counted_from TIMESTAMP WITH TIME ZONE,
  ADD COLUMN remaining_s FLOAT,
  ADD COLUMN timers JSONB NOT NULL DEFAULT '[]',
  ADD COLUMN elapsed_s FLOAT,
  ADD COLUMN pause_reason TEXT,
  ADD COLUMN revision INTEGER NOT NULL DEFAULT 0,
  DROP CONSTRAINT ck_sla_clocks_state,
  ADD CONSTRAINT ck_sla_clocks_state CHECK (state IN ('running', 'paused', 'met', 'missed', 'cancelled')),
  ADD CONSTRAINT ck_sla_clocks_metric CHECK (metric IN ('decision', 'escalation')),
  ADD CONSTRAINT ck_sla_clocks_excluded CHECK (excluded IN ('over_volume', 'client_down', 'waived')),
  ADD CONSTRAINT ck_sla_clocks_pause_reason CHECK (pause_reason IN ('awaiting_client', 'client_callback_down', 'legal_hold')),
  ADD CONSTRAINT ck_sla_clocks_paused CHECK ((state = 'paused') = (pause_reason IS NOT NULL))
"""

# Forced row-level security hides all rows from the owner as well: the backfill goes agency by agency.
BACKFILL = """
DO $$
DECLARE agency uuid;
BEGIN
  FOR agency IN SELECT agency_id FROM agencies LOOP
    EXECUTE format('SET LOCAL app.agency_id = %L', agency);
    UPDATE sla_clocks SET counted_from = started_at, remaining_s = target_s;
  END LOOP;
  SET LOCAL app.agency_id = '';
END $$
"""

SETTLED = """
ALTER TABLE sla_clocks
  ALTER COLUMN counted_from SET NOT NULL,
  ALTER COLUMN remaining_s SET NOT NULL,
  ALTER COLUMN facts DROP DEFAULT,
  ALTER COLUMN pausable DROP DEFAULT,
  ALTER COLUMN warnings DROP DEFAULT,
  ALTER COLUMN timers DROP DEFAULT,
  ALTER COLUMN revision DROP DEFAULT
"""

OPEN_CLOCKS = """
CREATE INDEX ix_sla_clocks_open ON sla_clocks (agency_id, client_id, due_at) WHERE state IN ('running', 'paused')
"""

EVENTS = """
ALTER TABLE sla_events
  ADD COLUMN threshold TEXT NOT NULL DEFAULT '',
  ADD COLUMN revision INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN details JSONB NOT NULL DEFAULT '{}',
  DROP CONSTRAINT uq_sla_events_agency_id_clock_id_type,
  ADD CONSTRAINT uq_sla_events_agency_id_clock_id_type_threshold_revision
    UNIQUE (agency_id, clock_id, type, threshold, revision),
  DROP CONSTRAINT ck_sla_events_type,
  ADD CONSTRAINT ck_sla_events_type CHECK (type IN
    ('started', 'paused', 'resumed', 'warning', 'breached', 'met', 'missed', 'retargeted', 'cancelled'))
"""

EVENTS_SETTLED = """
ALTER TABLE sla_events
  ALTER COLUMN threshold DROP DEFAULT, ALTER COLUMN revision DROP DEFAULT, ALTER COLUMN details DROP DEFAULT
"""

NARROW_CLOCKS = """
ALTER TABLE sla_clocks
  DROP COLUMN facts, DROP COLUMN pausable, DROP COLUMN warnings, DROP COLUMN excluded, DROP COLUMN counted_from,
  DROP COLUMN remaining_s, DROP COLUMN timers, DROP COLUMN elapsed_s, DROP COLUMN pause_reason, DROP COLUMN revision,
  DROP CONSTRAINT ck_sla_clocks_metric,
  DROP CONSTRAINT ck_sla_clocks_state,
  ADD CONSTRAINT ck_sla_clocks_state CHECK (state IN ('running', 'met', 'missed', 'cancelled')) NOT VALID
"""

NARROW_EVENTS = """
ALTER TABLE sla_events
  DROP CONSTRAINT uq_sla_events_agency_id_clock_id_type_threshold_revision,
  DROP COLUMN threshold, DROP COLUMN revision, DROP COLUMN details,
  ADD CONSTRAINT uq_sla_events_agency_id_clock_id_type UNIQUE (agency_id, clock_id, type),
  DROP CONSTRAINT ck_sla_events_type,
  ADD CONSTRAINT ck_sla_events_type CHECK (type IN ('started', 'breached', 'met', 'missed', 'cancelled')) NOT VALID
"""


def upgrade() -> None:
    for statement in (CLOCKS, BACKFILL, SETTLED, OPEN_CLOCKS, EVENTS, EVENTS_SETTLED):
        op.execute(statement)


def downgrade() -> None:
    for statement in (NARROW_EVENTS, "DROP INDEX ix_sla_clocks_open", NARROW_CLOCKS):
        op.execute(statement)
