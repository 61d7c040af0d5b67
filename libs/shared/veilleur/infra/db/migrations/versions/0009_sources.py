"""Deliveries that stored nothing are noted for a week; clients may read the receipts of their own sources.

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


def upgrade() -> None:
    op.execute(TABLE)
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
    op.execute("DROP TABLE unstored_deliveries")
