"""Deliveries that stored nothing are noted for a week, clients read their own receipts, and sources are polled.

Kind: expand.
"""

from alembic import op

from veilleur.infra.db.rls import tenant_statements

revision = "0009"
down_revision = "0008"

TABLE = """
CREATE TABLE unstored_deliveries (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  source_id UUID NOT NULL,
  client_id UUID NOT NULL,
  outcome TEXT NOT NULL,
  slug TEXT,
  detail JSONB,
  size INTEGER NOT NULL,
  headers TEXT[] NOT NULL,
  received_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_unstored_deliveries PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_unstored_deliveries_agency_id_source_id
    FOREIGN KEY(agency_id, source_id) REFERENCES sources (agency_id, id),
  CONSTRAINT fk_unstored_deliveries_agency_id_client_id
    FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT ck_unstored_deliveries_outcome CHECK (outcome IN ('refused', 'ignored'))
)
"""

POLLS = """
CREATE TABLE source_polls (
  agency_id UUID NOT NULL,
  source_id UUID NOT NULL,
  client_id UUID NOT NULL,
  url TEXT NOT NULL,
  username TEXT NOT NULL,
  sealed BYTEA NOT NULL,
  every_s INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  cursor BIGINT,
  due_at TIMESTAMP WITH TIME ZONE NOT NULL,
  polled_at TIMESTAMP WITH TIME ZONE,
  last_error TEXT,
  CONSTRAINT pk_source_polls PRIMARY KEY (agency_id, source_id),
  CONSTRAINT fk_source_polls_agency_id_source_id FOREIGN KEY(agency_id, source_id) REFERENCES sources (agency_id, id),
  CONSTRAINT fk_source_polls_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
)
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(POLLS)
    for statement in tenant_statements("source_polls", client_column=None):
        op.execute(statement)
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON source_polls TO veilleur_app")
    op.execute("GRANT SELECT, UPDATE ON source_polls TO veilleur_worker")
    op.execute(
        "CREATE INDEX ix_unstored_deliveries_agency_id_source_id_received_at"
        " ON unstored_deliveries (agency_id, source_id, received_at)"
    )
    op.execute(
        "CREATE INDEX ix_webhook_receipts_agency_id_source_id_received_at"
        " ON webhook_receipts (agency_id, source_id, received_at)"
    )
    for statement in tenant_statements("unstored_deliveries", client_column="client_id"):
        op.execute(statement)
    op.execute("GRANT SELECT, INSERT ON unstored_deliveries TO veilleur_app")
    op.execute("GRANT SELECT, DELETE ON unstored_deliveries TO veilleur_worker")
    op.execute("GRANT SELECT ON unstored_deliveries, webhook_receipts TO veilleur_client")


def downgrade() -> None:
    op.execute("REVOKE SELECT ON webhook_receipts FROM veilleur_client")
    op.execute("DROP INDEX ix_webhook_receipts_agency_id_source_id_received_at")
    op.execute("DROP TABLE source_polls, unstored_deliveries")
