"""Lists of phrases, domains and hashes that rule sets share.

Kind: expand.
"""

from alembic import op

from veilleur.infra.db.rls import append_only_statements, tenant_statements

revision = "0012"
down_revision = "0011"

UP = """
ALTER TABLE rule_sets ADD COLUMN lists TEXT[] DEFAULT '{}' NOT NULL;

CREATE TABLE lists (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID,
  code TEXT NOT NULL,
  title TEXT NOT NULL,
  kind TEXT NOT NULL,
  entries INTEGER NOT NULL,
  version INTEGER NOT NULL,
  digest TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  changed_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_lists PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_lists_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT ck_lists_kind CHECK (kind IN ('phrases', 'domains', 'hashes'))
);

CREATE UNIQUE INDEX uq_lists_code ON lists (agency_id, client_id, code) NULLS NOT DISTINCT;

CREATE TABLE list_versions (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID,
  list_id UUID NOT NULL,
  code TEXT NOT NULL,
  version INTEGER NOT NULL,
  digest TEXT NOT NULL,
  document JSONB NOT NULL,
  note TEXT NOT NULL,
  author TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_list_versions PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_list_versions_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_list_versions_agency_id_list_id_version UNIQUE (agency_id, list_id, version)
);

CREATE INDEX ix_list_versions_agency_id_code_digest ON list_versions (agency_id, code, digest);

GRANT SELECT, INSERT, UPDATE, DELETE ON lists TO veilleur_app;

GRANT SELECT ON lists TO veilleur_worker;

GRANT SELECT, INSERT ON list_versions TO veilleur_app;

GRANT SELECT ON list_versions TO veilleur_worker
"""

DOWN = """
DROP TABLE list_versions, lists;

ALTER TABLE rule_sets DROP COLUMN lists
"""

TENANTED = ("lists", "list_versions")


def upgrade() -> None:
    for statement in UP.strip().split(";\n"):
        op.execute(statement)
    for table in TENANTED:
        for statement in tenant_statements(table, client_column=None):
            op.execute(statement)
    for statement in append_only_statements("list_versions"):
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
