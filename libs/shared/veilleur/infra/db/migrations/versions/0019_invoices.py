"""The seller's profile, quotes, invoices with their numbers and files, payments, month ends, cost rates.

Kind: expand.
"""

from alembic import op

from veilleur.infra.db.rls import append_only_statements, tenant_statements

revision = "0019"
down_revision = "0018"

TABLES = """
CREATE TABLE billing_profiles (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  document JSONB NOT NULL,
  logo BYTEA,
  version INTEGER NOT NULL,
  changed_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_billing_profiles PRIMARY KEY (agency_id, id),
  CONSTRAINT uq_billing_profiles_agency_id UNIQUE (agency_id)
);

CREATE TABLE number_series (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  name TEXT NOT NULL,
  next INTEGER NOT NULL,
  last_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_number_series PRIMARY KEY (agency_id, id),
  CONSTRAINT uq_number_series_agency_id_name UNIQUE (agency_id, name),
  CONSTRAINT ck_number_series_next CHECK (next > 0)
);

CREATE TABLE quotes (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  state TEXT DEFAULT 'draft' NOT NULL,
  number TEXT,
  offer JSONB NOT NULL,
  valid_until DATE NOT NULL,
  digest TEXT,
  page BYTEA,
  sent_at TIMESTAMP WITH TIME ZONE,
  answered_at TIMESTAMP WITH TIME ZONE,
  answer JSONB,
  contract_id UUID,
  created_by UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_quotes PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_quotes_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_quotes_agency_id_contract_id FOREIGN KEY(agency_id, contract_id) REFERENCES contracts (agency_id, id),
  CONSTRAINT fk_quotes_agency_id_created_by FOREIGN KEY(agency_id, created_by) REFERENCES members (agency_id, id),
  CONSTRAINT uq_quotes_agency_id_number UNIQUE (agency_id, number),
  CONSTRAINT ck_quotes_state CHECK (state IN ('draft', 'sent', 'accepted', 'refused')),
  CONSTRAINT ck_quotes_number CHECK ((state = 'draft') = (number IS NULL)),
  CONSTRAINT ck_quotes_sent CHECK ((number IS NULL) = (page IS NULL OR digest IS NULL OR sent_at IS NULL)),
  CONSTRAINT ck_quotes_contract CHECK ((state = 'accepted') = (contract_id IS NOT NULL))
);

CREATE INDEX ix_quotes_agency_id_client_id ON quotes (agency_id, client_id);

CREATE TABLE billing_runs (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  period TEXT NOT NULL,
  results JSONB NOT NULL,
  created_by UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  finalised_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_billing_runs PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_billing_runs_agency_id_created_by FOREIGN KEY(agency_id, created_by) REFERENCES members (agency_id, id)
);

CREATE INDEX ix_billing_runs_agency_id_period ON billing_runs (agency_id, period);

CREATE TABLE invoices (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  kind TEXT NOT NULL,
  state TEXT DEFAULT 'draft' NOT NULL,
  number TEXT,
  contract_id UUID,
  period_id UUID,
  run_id UUID,
  credits_id UUID,
  records UUID[] DEFAULT '{}' NOT NULL,
  document JSONB NOT NULL,
  manual JSONB DEFAULT '[]' NOT NULL,
  issued_on DATE,
  due_on DATE,
  currency TEXT NOT NULL,
  total NUMERIC(16, 2) NOT NULL,
  digest TEXT,
  created_by UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  finalised_by UUID,
  finalised_at TIMESTAMP WITH TIME ZONE,
  sent_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_invoices PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_invoices_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_invoices_agency_id_contract_id FOREIGN KEY(agency_id, contract_id) REFERENCES contracts (agency_id, id),
  CONSTRAINT fk_invoices_agency_id_period_id FOREIGN KEY(agency_id, period_id) REFERENCES billing_periods (agency_id, id),
  CONSTRAINT fk_invoices_agency_id_run_id FOREIGN KEY(agency_id, run_id) REFERENCES billing_runs (agency_id, id),
  CONSTRAINT fk_invoices_agency_id_credits_id FOREIGN KEY(agency_id, credits_id) REFERENCES invoices (agency_id, id),
  CONSTRAINT fk_invoices_agency_id_created_by FOREIGN KEY(agency_id, created_by) REFERENCES members (agency_id, id),
  CONSTRAINT fk_invoices_agency_id_finalised_by FOREIGN KEY(agency_id, finalised_by) REFERENCES members (agency_id, id),
  CONSTRAINT uq_invoices_agency_id_number UNIQUE (agency_id, number),
  CONSTRAINT ck_invoices_kind CHECK (kind IN ('380', '381')),
  CONSTRAINT ck_invoices_state CHECK (state IN ('draft', 'finalised', 'sent', 'paid')),
  CONSTRAINT ck_invoices_credits CHECK ((kind = '381') = (credits_id IS NOT NULL)),
  CONSTRAINT ck_invoices_number CHECK ((state = 'draft') = (number IS NULL)),
  CONSTRAINT ck_invoices_finalised CHECK ((number IS NULL) = (issued_on IS NULL OR due_on IS NULL OR digest IS NULL OR finalised_at IS NULL))
);

CREATE INDEX ix_invoices_agency_id_client_id_issued_on ON invoices (agency_id, client_id, issued_on);

CREATE INDEX ix_invoices_agency_id_credits_id ON invoices (agency_id, credits_id);

CREATE INDEX ix_invoices_agency_id_issued_on ON invoices (agency_id, issued_on);

CREATE UNIQUE INDEX uq_invoices_period ON invoices (agency_id, period_id) WHERE kind = '380';

CREATE TABLE invoice_files (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  invoice_id UUID NOT NULL,
  name TEXT NOT NULL,
  content BYTEA NOT NULL,
  digest TEXT NOT NULL,
  CONSTRAINT pk_invoice_files PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_invoice_files_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_invoice_files_agency_id_invoice_id FOREIGN KEY(agency_id, invoice_id) REFERENCES invoices (agency_id, id),
  CONSTRAINT uq_invoice_files_agency_id_invoice_id_name UNIQUE (agency_id, invoice_id, name)
);

CREATE TABLE payments (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  invoice_id UUID NOT NULL,
  amount NUMERIC(16, 2) NOT NULL,
  paid_on DATE NOT NULL,
  method TEXT NOT NULL,
  remittance TEXT,
  created_by UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_payments PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_payments_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_payments_agency_id_invoice_id FOREIGN KEY(agency_id, invoice_id) REFERENCES invoices (agency_id, id),
  CONSTRAINT fk_payments_agency_id_created_by FOREIGN KEY(agency_id, created_by) REFERENCES members (agency_id, id),
  CONSTRAINT ck_payments_amount CHECK (amount <> 0)
);

CREATE INDEX ix_payments_agency_id_invoice_id ON payments (agency_id, invoice_id);

CREATE INDEX ix_payments_agency_id_paid_on ON payments (agency_id, paid_on);

CREATE TABLE cost_rates (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  member_id UUID NOT NULL,
  from_on DATE NOT NULL,
  per_hour NUMERIC(12, 4) NOT NULL,
  currency TEXT NOT NULL,
  created_by UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_cost_rates PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_cost_rates_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id),
  CONSTRAINT fk_cost_rates_agency_id_created_by FOREIGN KEY(agency_id, created_by) REFERENCES members (agency_id, id),
  CONSTRAINT uq_cost_rates_agency_id_member_id_from_on UNIQUE (agency_id, member_id, from_on),
  CONSTRAINT ck_cost_rates_per_hour CHECK (per_hour >= 0)
);

GRANT SELECT, INSERT, UPDATE ON billing_profiles, number_series, quotes, billing_runs TO veilleur_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON invoices TO veilleur_app;

GRANT SELECT, INSERT ON invoice_files, payments, cost_rates TO veilleur_app;

GRANT SELECT ON invoices, invoice_files TO veilleur_client
"""

# Of an issued invoice only its way to the client and the client's money is still written down.
KEEP_ISSUED = """
CREATE FUNCTION keep_issued() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state = 'draft' THEN
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  ELSIF TG_OP = 'UPDATE' AND NEW.state <> 'draft'
    AND to_jsonb(NEW) - 'state' - 'sent_at' = to_jsonb(OLD) - 'state' - 'sent_at' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'an issued invoice is never changed' USING ERRCODE = 'restrict_violation';
END $$
"""

KEEPING = """
CREATE TRIGGER keep_issued BEFORE UPDATE OR DELETE ON invoices FOR EACH ROW EXECUTE FUNCTION keep_issued();

CREATE TRIGGER keep_issued_truncate BEFORE TRUNCATE ON invoices EXECUTE FUNCTION refuse_change()
"""

TENANTED = {
    "billing_profiles": None,
    "number_series": None,
    "quotes": None,
    "billing_runs": None,
    "invoices": "client_id",
    "invoice_files": "client_id",
    "payments": None,
    "cost_rates": None,
}

DOWN = """
DROP TABLE cost_rates, payments, invoice_files, invoices, billing_runs, quotes, number_series, billing_profiles;

DROP FUNCTION keep_issued
"""


def upgrade() -> None:
    for statement in (*TABLES.strip().split(";\n"), KEEP_ISSUED, *KEEPING.strip().split(";\n")):
        op.execute(statement)
    for table, client_column in TENANTED.items():
        for statement in tenant_statements(table, client_column=client_column):
            op.execute(statement)
    for table in ("invoice_files", "payments"):
        for statement in append_only_statements(table):
            op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
