"""Rate plans, contracts, periods; sums of usage kept by a trigger that closing a period waits for.

Kind: expand.
"""

from alembic import op

from veilleur.infra.db.rls import append_only_statements, tenant_statements

revision = "0018"
down_revision = "0017"

TABLES = """
CREATE TYPE uuid_range AS RANGE (subtype = uuid);

CREATE TABLE rate_plan_versions (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  code TEXT NOT NULL,
  version INTEGER NOT NULL,
  document JSONB NOT NULL,
  created_by UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_rate_plan_versions PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_rate_plan_versions_agency_id_created_by FOREIGN KEY(agency_id, created_by) REFERENCES members (agency_id, id),
  CONSTRAINT uq_rate_plan_versions_agency_id_code_version UNIQUE (agency_id, code, version),
  CONSTRAINT ck_rate_plan_versions_version CHECK (version > 0)
);

CREATE TABLE contracts (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  rate_plan_id UUID NOT NULL,
  plan JSONB NOT NULL,
  starts_on DATE NOT NULL,
  ends_on DATE,
  anchor_day SMALLINT,
  time_zone TEXT NOT NULL,
  buyer JSONB NOT NULL,
  tax JSONB NOT NULL,
  payment_days INTEGER NOT NULL,
  purchase_order TEXT,
  report_day SMALLINT,
  created_by UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  ended_by UUID,
  end_reason TEXT,
  CONSTRAINT pk_contracts PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_contracts_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_contracts_agency_id_rate_plan_id FOREIGN KEY(agency_id, rate_plan_id) REFERENCES rate_plan_versions (agency_id, id),
  CONSTRAINT fk_contracts_agency_id_created_by FOREIGN KEY(agency_id, created_by) REFERENCES members (agency_id, id),
  CONSTRAINT fk_contracts_agency_id_ended_by FOREIGN KEY(agency_id, ended_by) REFERENCES members (agency_id, id),
  CONSTRAINT ck_contracts_days CHECK (ends_on > starts_on),
  CONSTRAINT ck_contracts_anchor_day CHECK (anchor_day BETWEEN 1 AND 31),
  CONSTRAINT ck_contracts_report_day CHECK (report_day BETWEEN 1 AND 31),
  CONSTRAINT ck_contracts_payment_days CHECK (payment_days BETWEEN 0 AND 365),
  CONSTRAINT ex_contracts_no_overlap EXCLUDE USING gist (
    (uuid_range(agency_id, agency_id, '[]')) WITH =, (uuid_range(client_id, client_id, '[]')) WITH =,
    (daterange(starts_on, ends_on)) WITH &&)
);

CREATE TABLE billing_periods (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  contract_id UUID NOT NULL,
  starts_on DATE NOT NULL,
  ends_on DATE NOT NULL,
  state TEXT DEFAULT 'open' NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  closed_by UUID,
  digest TEXT,
  records INTEGER,
  close_number INTEGER,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_billing_periods PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_billing_periods_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_billing_periods_agency_id_contract_id FOREIGN KEY(agency_id, contract_id) REFERENCES contracts (agency_id, id),
  CONSTRAINT fk_billing_periods_agency_id_closed_by FOREIGN KEY(agency_id, closed_by) REFERENCES members (agency_id, id),
  CONSTRAINT ck_billing_periods_days CHECK (ends_on > starts_on),
  CONSTRAINT ck_billing_periods_state CHECK (state IN ('open', 'closed', 'void')),
  CONSTRAINT ck_billing_periods_closed CHECK ((state = 'closed') = (closed_at IS NOT NULL AND digest IS NOT NULL AND records IS NOT NULL AND close_number IS NOT NULL)),
  CONSTRAINT ex_billing_periods_no_overlap EXCLUDE USING gist (
    (uuid_range(agency_id, agency_id, '[]')) WITH =, (uuid_range(contract_id, contract_id, '[]')) WITH =,
    (daterange(starts_on, ends_on)) WITH &&)
);

CREATE INDEX ix_billing_periods_closed ON billing_periods (agency_id, client_id, starts_on) WHERE state = 'closed';

CREATE TABLE usage_sums (
  agency_id UUID NOT NULL,
  client_id UUID NOT NULL,
  local_date DATE NOT NULL,
  id UUID DEFAULT gen_random_uuid() NOT NULL,
  meter TEXT NOT NULL,
  source_id UUID,
  billable BOOLEAN NOT NULL,
  late BOOLEAN NOT NULL,
  dims JSONB NOT NULL,
  quantity NUMERIC(24, 4) NOT NULL,
  records INTEGER NOT NULL,
  packed BOOLEAN NOT NULL,
  CONSTRAINT pk_usage_sums PRIMARY KEY (agency_id, client_id, local_date, id),
  CONSTRAINT fk_usage_sums_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
);

CREATE INDEX ix_usage_sums_unpacked ON usage_sums (agency_id) WHERE NOT packed;

CREATE TABLE late_usage (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  period_id UUID NOT NULL,
  billed_in_id UUID,
  CONSTRAINT pk_late_usage PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_late_usage_agency_id_id FOREIGN KEY(agency_id, id) REFERENCES usage_records (agency_id, id),
  CONSTRAINT fk_late_usage_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_late_usage_agency_id_period_id FOREIGN KEY(agency_id, period_id) REFERENCES billing_periods (agency_id, id),
  CONSTRAINT fk_late_usage_agency_id_billed_in_id FOREIGN KEY(agency_id, billed_in_id) REFERENCES billing_periods (agency_id, id)
);

CREATE TABLE usage_entries (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  meter TEXT NOT NULL,
  quantity NUMERIC(20, 4) NOT NULL,
  occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
  dims JSONB NOT NULL,
  note TEXT NOT NULL,
  state TEXT DEFAULT 'pending' NOT NULL,
  created_by UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  decided_by UUID,
  decided_at TIMESTAMP WITH TIME ZONE,
  reason TEXT,
  reversed_by UUID,
  CONSTRAINT pk_usage_entries PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_usage_entries_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_usage_entries_agency_id_created_by FOREIGN KEY(agency_id, created_by) REFERENCES members (agency_id, id),
  CONSTRAINT fk_usage_entries_agency_id_decided_by FOREIGN KEY(agency_id, decided_by) REFERENCES members (agency_id, id),
  CONSTRAINT fk_usage_entries_agency_id_reversed_by FOREIGN KEY(agency_id, reversed_by) REFERENCES members (agency_id, id),
  CONSTRAINT ck_usage_entries_quantity CHECK (quantity > 0),
  CONSTRAINT ck_usage_entries_state CHECK (state IN ('pending', 'approved', 'refused', 'reversed')),
  CONSTRAINT ck_usage_entries_decided CHECK ((state = 'pending') = (decided_by IS NULL)),
  CONSTRAINT ck_usage_entries_second_person CHECK (decided_by <> created_by),
  CONSTRAINT ck_usage_entries_reversed CHECK ((state = 'reversed') = (reversed_by IS NOT NULL))
);

CREATE TABLE reconciliations (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  period_id UUID NOT NULL,
  made_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  made_by UUID,
  meters JSONB NOT NULL,
  findings JSONB NOT NULL,
  differences INTEGER NOT NULL,
  digest TEXT NOT NULL,
  CONSTRAINT pk_reconciliations PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_reconciliations_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_reconciliations_agency_id_period_id FOREIGN KEY(agency_id, period_id) REFERENCES billing_periods (agency_id, id),
  CONSTRAINT fk_reconciliations_agency_id_made_by FOREIGN KEY(agency_id, made_by) REFERENCES members (agency_id, id)
);

CREATE INDEX ix_reconciliations_agency_id_period_id ON reconciliations (agency_id, period_id, id);

CREATE TABLE usage_thresholds (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  kind TEXT NOT NULL,
  meter TEXT,
  value NUMERIC(20, 4) NOT NULL,
  created_by UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  removed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_usage_thresholds PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_usage_thresholds_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_usage_thresholds_agency_id_created_by FOREIGN KEY(agency_id, created_by) REFERENCES members (agency_id, id),
  CONSTRAINT ck_usage_thresholds_kind CHECK (kind IN ('quantity', 'amount', 'included', 'budget')),
  CONSTRAINT ck_usage_thresholds_meter CHECK ((kind IN ('quantity', 'included')) = (meter IS NOT NULL)),
  CONSTRAINT ck_usage_thresholds_value CHECK (value > 0)
);

CREATE INDEX ix_usage_thresholds_watched ON usage_thresholds (agency_id, client_id, id) WHERE removed_at IS NULL;

CREATE TABLE usage_alerts (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  threshold_id UUID NOT NULL,
  period_id UUID NOT NULL,
  reached NUMERIC(20, 4) NOT NULL,
  made_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_usage_alerts PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_usage_alerts_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_usage_alerts_agency_id_threshold_id FOREIGN KEY(agency_id, threshold_id) REFERENCES usage_thresholds (agency_id, id),
  CONSTRAINT fk_usage_alerts_agency_id_period_id FOREIGN KEY(agency_id, period_id) REFERENCES billing_periods (agency_id, id),
  CONSTRAINT uq_usage_alerts_agency_id_threshold_id_period_id UNIQUE (agency_id, threshold_id, period_id)
);

ALTER TABLE usage_records ADD COLUMN fact_id UUID;

DROP INDEX uq_usage_records_once;

CREATE UNIQUE INDEX uq_usage_records_once ON usage_records (agency_id, item_id, meter, decision_id) NULLS NOT DISTINCT WHERE item_id IS NOT NULL AND corrects_id IS NULL AND fact_id IS NULL;

CREATE UNIQUE INDEX uq_usage_records_fact ON usage_records (agency_id, fact_id, meter) WHERE fact_id IS NOT NULL AND corrects_id IS NULL;

CREATE UNIQUE INDEX uq_usage_records_taken_back ON usage_records (agency_id, corrects_id) WHERE corrects_id IS NOT NULL AND quantity <> 0;

ALTER TABLE members ADD COLUMN grade TEXT;

CREATE INDEX ix_late_usage_client_id ON late_usage (agency_id, client_id, billed_in_id, period_id);

GRANT SELECT, INSERT ON rate_plan_versions TO veilleur_app;

GRANT SELECT ON rate_plan_versions TO veilleur_worker;

GRANT SELECT, INSERT, UPDATE ON contracts TO veilleur_app;

GRANT SELECT ON contracts TO veilleur_worker, veilleur_client;

GRANT SELECT, INSERT, UPDATE ON billing_periods TO veilleur_app;

GRANT SELECT, INSERT, UPDATE ON billing_periods TO veilleur_worker;

GRANT SELECT ON billing_periods, late_usage TO veilleur_client;

GRANT SELECT, INSERT ON usage_sums TO veilleur_app;

GRANT SELECT, INSERT, DELETE ON usage_sums TO veilleur_worker;

GRANT SELECT, INSERT, UPDATE ON late_usage TO veilleur_app, veilleur_worker;

GRANT SELECT, INSERT, UPDATE ON usage_entries, usage_thresholds TO veilleur_app;

GRANT SELECT, INSERT ON reconciliations, usage_alerts TO veilleur_app, veilleur_worker;

GRANT SELECT ON usage_entries, usage_thresholds TO veilleur_worker
"""

# Every statement of the function sees what was committed before it began. The lock comes first: who waits for a close
# to commit then sees the closed period; who was faster was waited for, and counted. Without it closes are wrong.
COUNT_USAGE = """
CREATE FUNCTION count_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(key)
  FROM (SELECT DISTINCT hashtextextended('usage' || agency_id || client_id, 0) AS key FROM fresh ORDER BY 1) locks;
  INSERT INTO late_usage (agency_id, id, client_id, period_id)
  SELECT f.agency_id, f.id, f.client_id, p.id FROM fresh f JOIN billing_periods p
    ON p.agency_id = f.agency_id AND p.client_id = f.client_id AND p.state = 'closed'
    AND f.local_date >= p.starts_on AND f.local_date < p.ends_on;
  INSERT INTO usage_sums (agency_id, client_id, local_date, meter, source_id, billable, late, dims, quantity, records, packed)
  SELECT f.agency_id, f.client_id, f.local_date, f.meter, f.source_id, f.billable, l.id IS NOT NULL, f.dims,
         sum(f.quantity), count(*), false
  FROM fresh f LEFT JOIN late_usage l ON l.agency_id = f.agency_id AND l.id = f.id
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;
  RETURN NULL;
END $$
"""

COUNTING = """
CREATE TRIGGER count_usage AFTER INSERT ON usage_records REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION count_usage()
"""

# Agency by agency: forced row-level security hides rows from the owner as well.
SUM_UP = """
DO $$
DECLARE agency uuid;
BEGIN
  FOR agency IN SELECT agency_id FROM agencies LOOP
    EXECUTE format('SET LOCAL app.agency_id = %L', agency);
    INSERT INTO usage_sums (agency_id, client_id, local_date, meter, source_id, billable, late, dims, quantity, records, packed)
    SELECT agency_id, client_id, local_date, meter, source_id, billable, false, dims, sum(quantity), count(*), true
    FROM usage_records GROUP BY 1, 2, 3, 4, 5, 6, 8;
  END LOOP;
  SET LOCAL app.agency_id = '';
END $$
"""

TENANTED = {
    "rate_plan_versions": None,
    "contracts": "client_id",
    "billing_periods": "client_id",
    "usage_sums": "client_id",
    "late_usage": "client_id",
    "usage_entries": "client_id",
    "reconciliations": "client_id",
    "usage_thresholds": "client_id",
    "usage_alerts": "client_id",
}

DOWN = """
DROP TRIGGER count_usage ON usage_records;

DROP FUNCTION count_usage;

ALTER TABLE members DROP COLUMN grade;

DROP INDEX uq_usage_records_taken_back, uq_usage_records_fact, uq_usage_records_once;

ALTER TABLE usage_records DROP COLUMN fact_id;

CREATE UNIQUE INDEX uq_usage_records_once ON usage_records (agency_id, item_id, meter, decision_id) NULLS NOT DISTINCT WHERE item_id IS NOT NULL AND corrects_id IS NULL;

DROP TABLE usage_alerts, usage_thresholds, reconciliations, usage_entries;

DROP TABLE late_usage, usage_sums, billing_periods, contracts, rate_plan_versions;

DROP TYPE uuid_range
"""


def upgrade() -> None:
    for statement in (*TABLES.strip().split(";\n"), COUNT_USAGE, COUNTING):
        op.execute(statement)
    for table, client_column in TENANTED.items():
        for statement in tenant_statements(table, client_column=client_column):
            op.execute(statement)
    for statement in append_only_statements("rate_plan_versions"):
        op.execute(statement)
    op.execute(SUM_UP)


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
