"""What a departure, a night's reckoning and an invoice by mail leave behind.

Kind: expand. New columns may be empty; a reconciliation of days without a contract has no period.
"""

from alembic import op

from veilleur.infra.db.rls import tenant_statements

revision = "0026"
down_revision = "0025"

UP = """
ALTER TABLE offboardings ADD COLUMN bill JSONB;

ALTER TABLE decisions ADD COLUMN explanation_erased_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE reconciliations ALTER COLUMN period_id DROP NOT NULL;

ALTER TABLE reconciliations ADD COLUMN starts_on DATE, ADD COLUMN ends_on DATE;

CREATE TABLE invoice_mails (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  invoice_id UUID NOT NULL,
  recipient TEXT NOT NULL,
  state TEXT DEFAULT 'waiting' NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE,
  attempts INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  first_attempt_at TIMESTAMP WITH TIME ZONE,
  last_status INTEGER,
  last_error TEXT,
  sent_at TIMESTAMP WITH TIME ZONE,
  created_by UUID NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_invoice_mails PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_invoice_mails_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_invoice_mails_agency_id_invoice_id FOREIGN KEY(agency_id, invoice_id) REFERENCES invoices (agency_id, id),
  CONSTRAINT fk_invoice_mails_agency_id_created_by FOREIGN KEY(agency_id, created_by) REFERENCES members (agency_id, id),
  CONSTRAINT ck_invoice_mails_state CHECK (state IN ('waiting', 'sending', 'sent', 'failed')),
  CONSTRAINT ck_invoice_mails_due CHECK ((due_at IS NULL) = (state IN ('sent', 'failed'))),
  CONSTRAINT ck_invoice_mails_sent CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);

CREATE UNIQUE INDEX uq_invoice_mails_once ON invoice_mails (agency_id, invoice_id, recipient) WHERE state <> 'failed';

CREATE INDEX ix_invoice_mails_due ON invoice_mails (agency_id, due_at) WHERE due_at IS NOT NULL;

GRANT SELECT, INSERT ON invoice_mails TO veilleur_app;

GRANT SELECT, UPDATE ON invoice_mails TO veilleur_worker;

GRANT SELECT ON billing_profiles, quotes, payments TO veilleur_worker;

GRANT SELECT, INSERT, UPDATE ON invoices, number_series TO veilleur_worker;

GRANT SELECT, INSERT ON invoice_files TO veilleur_worker
"""

DOWN = """
REVOKE SELECT, INSERT ON invoice_files FROM veilleur_worker;

REVOKE SELECT, INSERT, UPDATE ON invoices, number_series FROM veilleur_worker;

REVOKE SELECT ON billing_profiles, quotes, payments FROM veilleur_worker;

DROP TABLE invoice_mails;

ALTER TABLE reconciliations DROP COLUMN starts_on, DROP COLUMN ends_on;

ALTER TABLE reconciliations ALTER COLUMN period_id SET NOT NULL;

ALTER TABLE decisions DROP COLUMN explanation_erased_at;

ALTER TABLE offboardings DROP COLUMN bill
"""

# The schema before knows no reconciliation without a period. Agency by agency: forced row-level security hides rows
# from the owner as well.
FORGET_NIGHTS = """
DO $$
DECLARE agency uuid;
BEGIN
  FOR agency IN SELECT agency_id FROM agencies LOOP
    EXECUTE format('SET LOCAL app.agency_id = %L', agency);
    DELETE FROM reconciliations WHERE period_id IS NULL;
  END LOOP;
  SET LOCAL app.agency_id = '';
END $$
"""


def upgrade() -> None:
    for statement in UP.strip().split(";\n"):
        op.execute(statement)
    for statement in tenant_statements("invoice_mails", client_column=None):
        op.execute(statement)


def downgrade() -> None:
    op.execute(FORGET_NIGHTS)
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
