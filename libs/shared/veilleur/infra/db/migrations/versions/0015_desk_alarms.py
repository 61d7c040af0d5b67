"""The desk's watch: what sources usually send, and a look at every agency every few minutes; how severe a client's
content is where no policy says so; the public holidays of calendars as rows of their own.

Kind: expand.
"""

from alembic import op

from veilleur.infra.db.rls import append_only_statements, tenant_statements

revision = "0015"
down_revision = "0014"

UP = """
CREATE TABLE watches (
  agency_id UUID NOT NULL,
  looked_at TIMESTAMP WITH TIME ZONE NOT NULL,
  counted_to TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_watches PRIMARY KEY (agency_id),
  CONSTRAINT fk_watches_agency_id FOREIGN KEY(agency_id) REFERENCES agencies (agency_id)
);

CREATE TABLE source_hours (
  agency_id UUID NOT NULL,
  source_id UUID NOT NULL,
  hour TIMESTAMP WITH TIME ZONE NOT NULL,
  items INTEGER NOT NULL,
  last_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_source_hours PRIMARY KEY (agency_id, source_id, hour),
  CONSTRAINT fk_source_hours_agency_id_source_id FOREIGN KEY(agency_id, source_id) REFERENCES sources (agency_id, id)
);

ALTER TABLE clients
  ADD COLUMN default_severity INTEGER DEFAULT 1 NOT NULL,
  ADD CONSTRAINT ck_clients_default_severity CHECK (default_severity BETWEEN 1 AND 5);

CREATE TABLE calendar_holidays (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  calendar_id UUID NOT NULL,
  day DATE NOT NULL,
  names JSONB NOT NULL,
  country TEXT NOT NULL,
  subdivision TEXT,
  source TEXT NOT NULL,
  closed BOOLEAN NOT NULL,
  CONSTRAINT pk_calendar_holidays PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_calendar_holidays_agency_id_calendar_id FOREIGN KEY(agency_id, calendar_id)
    REFERENCES calendars (agency_id, id),
  CONSTRAINT uq_calendar_holidays_agency_id_calendar_id_day UNIQUE (agency_id, calendar_id, day)
);

ALTER TABLE calendars DROP COLUMN provenance;

GRANT SELECT, INSERT ON calendar_holidays TO veilleur_app;

GRANT SELECT ON calendar_holidays TO veilleur_worker;

GRANT SELECT, INSERT, UPDATE ON watches TO veilleur_worker;

GRANT SELECT, INSERT, DELETE ON source_hours TO veilleur_worker
"""

DOWN = """
ALTER TABLE clients DROP COLUMN default_severity;

DROP TABLE calendar_holidays, source_hours, watches;

ALTER TABLE calendars ADD COLUMN provenance JSONB DEFAULT '{}' NOT NULL;

ALTER TABLE calendars ALTER COLUMN provenance DROP DEFAULT;

DELETE FROM work_hints WHERE kind = 'watch'
"""

# New agencies begin to be watched when they are founded; these stand already.
BEGIN = "INSERT INTO work_hints SELECT agency_id, 'watch', date_trunc('second', app_now()) FROM agencies"


def upgrade() -> None:
    for statement in UP.strip().split(";\n"):
        op.execute(statement)
    for table in ("watches", "source_hours", "calendar_holidays"):
        for statement in tenant_statements(table, client_column=None):
            op.execute(statement)
    for statement in append_only_statements("calendar_holidays"):
        op.execute(statement)
    op.execute(BEGIN)


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
