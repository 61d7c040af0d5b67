"""Trials of rule sets: publishing with a second person, shadows, rollbacks, backtests; fire rates and alarms.

Kind: expand.
"""

from alembic import op

from veilleur.infra.db.rls import tenant_statements

revision = "0004"
down_revision = "0003"

UP = """
ALTER TABLE clients ADD COLUMN blast_limit_percent DOUBLE PRECISION NOT NULL DEFAULT 5,
  ADD CONSTRAINT ck_clients_blast_limit_percent CHECK (blast_limit_percent BETWEEN 0 AND 100);

ALTER TABLE rule_sets DROP CONSTRAINT ck_rule_sets_state,
  ADD CONSTRAINT ck_rule_sets_state CHECK (state IN ('draft', 'pending', 'published', 'retired')),
  ADD COLUMN restores INTEGER,
  ADD COLUMN requested_by TEXT,
  ADD COLUMN requested_at TIMESTAMP WITH TIME ZONE,
  ADD COLUMN blast JSONB,
  ADD COLUMN published_by TEXT,
  ADD COLUMN approved_by TEXT,
  ADD COLUMN retired_at TIMESTAMP WITH TIME ZONE,
  ADD COLUMN shadow_since TIMESTAMP WITH TIME ZONE,
  ADD COLUMN shadow_until TIMESTAMP WITH TIME ZONE;

CREATE UNIQUE INDEX uq_rule_sets_shadow ON rule_sets (agency_id, client_id)
  WHERE shadow_since IS NOT NULL AND shadow_until IS NULL;

ALTER TABLE evaluations ADD COLUMN shadow JSONB;

CREATE TABLE backtests (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  version INTEGER NOT NULL,
  against INTEGER,
  kind TEXT NOT NULL,
  since TIMESTAMP WITH TIME ZONE,
  until TIMESTAMP WITH TIME ZONE NOT NULL,
  wanted INTEGER NOT NULL,
  total INTEGER,
  done INTEGER NOT NULL,
  cursor_at TIMESTAMP WITH TIME ZONE,
  cursor_id UUID,
  tally JSONB NOT NULL,
  state TEXT NOT NULL,
  attempts SMALLINT NOT NULL,
  requested_by TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE,
  finished_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_backtests PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_backtests_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT ck_backtests_state CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
  CONSTRAINT ck_backtests_kind CHECK (kind IN ('stored', 'labelled'))
);

CREATE INDEX ix_backtests_agency_id_client_id_version ON backtests (agency_id, client_id, version);

CREATE INDEX ix_backtests_unfinished ON backtests (agency_id, id) WHERE state IN ('queued', 'running');

CREATE TABLE backtest_items (
  agency_id UUID NOT NULL,
  backtest_id UUID NOT NULL,
  position INTEGER NOT NULL,
  client_id UUID NOT NULL,
  item JSONB NOT NULL,
  label TEXT NOT NULL,
  CONSTRAINT pk_backtest_items PRIMARY KEY (agency_id, backtest_id, position),
  CONSTRAINT fk_backtest_items_agency_id_backtest_id FOREIGN KEY(agency_id, backtest_id)
    REFERENCES backtests (agency_id, id),
  CONSTRAINT fk_backtest_items_agency_id_client_id FOREIGN KEY(agency_id, client_id)
    REFERENCES clients (agency_id, id),
  CONSTRAINT ck_backtest_items_label CHECK (label IN ('allow', 'restrict', 'remove'))
);

CREATE TABLE rule_rates (
  agency_id UUID NOT NULL,
  client_id UUID NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE NOT NULL,
  evaluated INTEGER NOT NULL,
  fired JSONB NOT NULL,
  CONSTRAINT pk_rule_rates PRIMARY KEY (agency_id, client_id, started_at),
  CONSTRAINT fk_rule_rates_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
);

CREATE TABLE alarms (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  figures JSONB NOT NULL,
  times INTEGER NOT NULL,
  opened_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  noticed_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_alarms PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_alarms_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT ck_alarms_times CHECK (times >= 1)
);

CREATE UNIQUE INDEX uq_alarms_open ON alarms (agency_id, kind, client_id, subject) NULLS NOT DISTINCT
  WHERE closed_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON backtests, backtest_items, rule_rates, alarms TO veilleur_app, veilleur_worker;

GRANT DELETE ON backtest_items TO veilleur_app, veilleur_worker;

GRANT DELETE ON rule_rates TO veilleur_worker;
"""

DOWN = """
DROP TABLE alarms, rule_rates, backtest_items, backtests;

ALTER TABLE evaluations DROP COLUMN shadow;

DROP INDEX uq_rule_sets_shadow;

ALTER TABLE rule_sets DROP CONSTRAINT ck_rule_sets_state,
  ADD CONSTRAINT ck_rule_sets_state CHECK (state IN ('draft', 'published', 'retired')) NOT VALID,
  DROP COLUMN restores, DROP COLUMN requested_by, DROP COLUMN requested_at, DROP COLUMN blast,
  DROP COLUMN published_by, DROP COLUMN approved_by, DROP COLUMN retired_at,
  DROP COLUMN shadow_since, DROP COLUMN shadow_until;

ALTER TABLE clients DROP CONSTRAINT ck_clients_blast_limit_percent, DROP COLUMN blast_limit_percent
"""

TENANTED = ("backtests", "backtest_items", "rule_rates", "alarms")


def upgrade() -> None:
    for statement in UP.strip().removesuffix(";").split(";\n"):
        op.execute(statement)
    for table in TENANTED:
        for statement in tenant_statements(table, client_column=None):
            op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
