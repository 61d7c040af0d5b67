"""Media looked at: sealed snapshots; who lifted a legal hold, and why.

Kind: expand. A new table and two columns that may be empty.
"""

from alembic import op

from veilleur.infra.db.rls import tenant_statements

revision = "0014"
down_revision = "0013"

UP = """
CREATE TABLE media_snapshots (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  item_id UUID NOT NULL,
  url TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  attempts SMALLINT NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE,
  full_view BYTEA,
  blurred_view BYTEA,
  fetched_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_media_snapshots PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_media_snapshots_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_media_snapshots_agency_id_item_id FOREIGN KEY(agency_id, item_id) REFERENCES items (agency_id, id),
  CONSTRAINT ck_media_snapshots_state CHECK (state IN ('pending', 'ready', 'failed')),
  CONSTRAINT ck_media_snapshots_views CHECK ((state = 'ready') = (full_view IS NOT NULL AND blurred_view IS NOT NULL)),
  CONSTRAINT ck_media_snapshots_due CHECK ((state = 'pending') = (due_at IS NOT NULL))
);

CREATE INDEX ix_media_snapshots_due ON media_snapshots (agency_id, due_at) WHERE due_at IS NOT NULL;

CREATE INDEX ix_media_snapshots_agency_id_item_id ON media_snapshots (agency_id, item_id);

GRANT SELECT ON media_snapshots TO veilleur_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON media_snapshots TO veilleur_worker;

ALTER TABLE legal_holds ADD COLUMN lifted_by UUID, ADD COLUMN lift_reason TEXT,
  ADD CONSTRAINT fk_legal_holds_agency_id_lifted_by FOREIGN KEY(agency_id, lifted_by) REFERENCES members (agency_id, id),
  ADD CONSTRAINT ck_legal_holds_lifted CHECK ((lifted_at IS NULL) = (lifted_by IS NULL AND lift_reason IS NULL))
"""

DOWN = """
ALTER TABLE legal_holds DROP COLUMN lifted_by, DROP COLUMN lift_reason;

DROP TABLE media_snapshots
"""


def upgrade() -> None:
    for statement in UP.strip().split(";\n"):
        op.execute(statement)
    for statement in tenant_statements("media_snapshots", client_column=None):
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
