"""Decisions can be taken back by others, one by one or many in a job; what rules may do can be restrained by client.

Kind: expand. New columns and a table.
"""

from alembic import op

from veilleur.infra.db.rls import tenant_statements

revision = "0003"
down_revision = "0002"

UP = """
ALTER TABLE decisions ADD COLUMN reverses UUID, ADD COLUMN cause TEXT, ADD COLUMN reversed_by UUID,
  ADD COLUMN decided_by TEXT,
  ADD CONSTRAINT fk_decisions_agency_id_reverses FOREIGN KEY (agency_id, reverses)
    REFERENCES decisions (agency_id, id),
  ADD CONSTRAINT fk_decisions_agency_id_reversed_by FOREIGN KEY (agency_id, reversed_by)
    REFERENCES decisions (agency_id, id),
  ADD CONSTRAINT uq_decisions_agency_id_reverses UNIQUE (agency_id, reverses),
  ADD CONSTRAINT ck_decisions_cause CHECK (cause IN ('correction', 'client', 'rule', 'appeal')),
  ADD CONSTRAINT ck_decisions_reversal CHECK ((reverses IS NULL) = (cause IS NULL));

CREATE TABLE reversal_jobs (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  version INTEGER,
  rules TEXT[],
  from_at TIMESTAMP WITH TIME ZONE,
  to_at TIMESTAMP WITH TIME ZONE NOT NULL,
  member_id UUID NOT NULL,
  state TEXT NOT NULL,
  total INTEGER NOT NULL,
  done INTEGER NOT NULL,
  skipped JSONB NOT NULL,
  cursor UUID,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_reversal_jobs PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_reversal_jobs_agency_id_client_id FOREIGN KEY (agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_reversal_jobs_agency_id_member_id FOREIGN KEY (agency_id, member_id) REFERENCES members (agency_id, id),
  CONSTRAINT ck_reversal_jobs_state CHECK (state IN ('running', 'finished', 'cancelled'))
);

CREATE INDEX ix_reversal_jobs_running ON reversal_jobs (agency_id, id) WHERE state = 'running';

GRANT SELECT, INSERT, UPDATE ON reversal_jobs TO veilleur_app;

GRANT SELECT, UPDATE ON reversal_jobs TO veilleur_worker;

ALTER TABLE clients ADD COLUMN automation TEXT DEFAULT 'act' NOT NULL, ADD COLUMN automation_note JSONB,
  ADD CONSTRAINT ck_clients_automation CHECK (automation IN ('act', 'advise', 'off'));

ALTER TABLE cases ADD COLUMN suggestion JSONB;

ALTER TABLE policies ADD COLUMN titles JSONB DEFAULT '{}' NOT NULL, ADD COLUMN clause TEXT;

GRANT DELETE ON policies, actions TO veilleur_app
"""

DOWN = """
REVOKE DELETE ON policies, actions FROM veilleur_app;

ALTER TABLE policies DROP COLUMN titles, DROP COLUMN clause;

ALTER TABLE cases DROP COLUMN suggestion;

ALTER TABLE clients DROP COLUMN automation, DROP COLUMN automation_note;

DROP TABLE reversal_jobs;

ALTER TABLE decisions DROP COLUMN decided_by, DROP COLUMN reverses, DROP COLUMN cause, DROP COLUMN reversed_by
"""


def upgrade() -> None:
    for statement in UP.strip().removesuffix(";").split(";\n"):
        op.execute(statement)
    for statement in tenant_statements("reversal_jobs", client_column=None):
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.strip().removesuffix(";").split(";\n"):
        op.execute(statement)
