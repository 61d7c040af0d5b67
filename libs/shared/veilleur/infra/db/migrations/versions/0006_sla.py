"""Clocks that pause, warn and are retargeted; what happened to them, several times a cycle where it may.

Kind: expand.
"""

from alembic import op

from veilleur.infra.db.rls import tenant_statements

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
CREATE INDEX ix_sla_clocks_open ON sla_clocks (agency_id, client_id, id) WHERE state IN ('running', 'paused')
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

POLICIES = """
ALTER TABLE sla_policies
  ADD COLUMN note TEXT NOT NULL DEFAULT '', ADD COLUMN author TEXT NOT NULL DEFAULT 'system'
"""

VOLUMES = """
CREATE TABLE sla_volumes (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  target_class TEXT NOT NULL,
  period_start TIMESTAMP WITH TIME ZONE NOT NULL,
  promised INTEGER NOT NULL,
  CONSTRAINT pk_sla_volumes PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_sla_volumes_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_sla_volumes_agency_id_client_id_target_class_period_start
    UNIQUE (agency_id, client_id, target_class, period_start)
)
"""

RETARGETS = """
CREATE TABLE sla_retargets (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  policy_id UUID NOT NULL,
  calendar_id UUID NOT NULL,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  since TIMESTAMP WITH TIME ZONE,
  reached UUID,
  clocks INTEGER NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  finished_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_sla_retargets PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_sla_retargets_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_sla_retargets_agency_id_policy_id
    FOREIGN KEY(agency_id, policy_id) REFERENCES sla_policies (agency_id, id),
  CONSTRAINT fk_sla_retargets_agency_id_calendar_id
    FOREIGN KEY(agency_id, calendar_id) REFERENCES calendars (agency_id, id),
  CONSTRAINT ck_sla_retargets_reason CHECK (reason IN ('policy', 'calendar'))
)
"""

RETARGETS_OPEN = "CREATE INDEX ix_sla_retargets_open ON sla_retargets (agency_id, id) WHERE finished_at IS NULL"

CALENDARS = """
ALTER TABLE calendars
  ADD COLUMN version INTEGER NOT NULL DEFAULT 1,
  ADD COLUMN replaces_id UUID,
  ADD COLUMN provenance JSONB NOT NULL DEFAULT '{}',
  ADD CONSTRAINT uq_calendars_agency_id_replaces_id UNIQUE (agency_id, replaces_id)
"""

CLIENTS = "ALTER TABLE clients ADD COLUMN share_sla BOOLEAN NOT NULL DEFAULT false"

TERMS_SETTLED = (
    "ALTER TABLE sla_policies ALTER COLUMN note DROP DEFAULT, ALTER COLUMN author DROP DEFAULT",
    "ALTER TABLE calendars ALTER COLUMN version DROP DEFAULT, ALTER COLUMN provenance DROP DEFAULT",
    "ALTER TABLE clients ALTER COLUMN share_sla DROP DEFAULT",
)

TENANTED = ("sla_volumes", "sla_retargets")

NARROW_TERMS = (
    "ALTER TABLE sla_policies DROP COLUMN note, DROP COLUMN author",
    "ALTER TABLE calendars DROP COLUMN version, DROP COLUMN replaces_id, DROP COLUMN provenance",
    "ALTER TABLE clients DROP COLUMN share_sla",
    "DROP TABLE sla_retargets, sla_volumes",
)

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
    for statement in (POLICIES, VOLUMES, RETARGETS, RETARGETS_OPEN, CALENDARS, CLIENTS, *TERMS_SETTLED):
        op.execute(statement)
    for table in TENANTED:
        for statement in tenant_statements(table, client_column=None):
            op.execute(statement)
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO veilleur_app, veilleur_worker")


def downgrade() -> None:
    for statement in (*NARROW_TERMS, NARROW_EVENTS, "DROP INDEX ix_sla_clocks_open", NARROW_CLOCKS):
        op.execute(statement)
