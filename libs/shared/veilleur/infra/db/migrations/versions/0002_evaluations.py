"""What the rules saw and answered gets a table of its own; decisions and cases name it. Decisions name their author.

Kind: expand. Nothing was released with the columns it drops.
"""

from alembic import op

from veilleur.infra.db.rls import tenant_statements

revision = "0002"
down_revision = "0001"

UP = """
CREATE TABLE evaluations (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  item_id UUID NOT NULL,
  item_revision INTEGER NOT NULL,
  rule_set_version INTEGER,
  facts JSONB NOT NULL,
  trace JSONB NOT NULL,
  outcome JSONB NOT NULL,
  evaluated_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_evaluations PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_evaluations_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_evaluations_agency_id_item_id FOREIGN KEY(agency_id, item_id) REFERENCES items (agency_id, id)
);

CREATE INDEX ix_evaluations_newest ON evaluations (agency_id, client_id, evaluated_at, id);

CREATE INDEX ix_evaluations_agency_id_item_id ON evaluations (agency_id, item_id);

GRANT SELECT, INSERT ON evaluations TO veilleur_app, veilleur_worker;

ALTER TABLE cases DROP COLUMN trace, ADD COLUMN evaluation_id UUID;

ALTER TABLE decisions DROP COLUMN trace, ADD COLUMN author_external_id TEXT, ADD COLUMN evaluation_id UUID;

CREATE INDEX ix_decisions_author ON decisions (agency_id, client_id, author_external_id, made_at)
  WHERE author_external_id IS NOT NULL;
"""

DOWN = """
DROP INDEX ix_decisions_author;

ALTER TABLE decisions DROP COLUMN evaluation_id, DROP COLUMN author_external_id,
  ADD COLUMN trace JSONB NOT NULL DEFAULT '{}';

ALTER TABLE decisions ALTER COLUMN trace DROP DEFAULT;

ALTER TABLE cases DROP COLUMN evaluation_id, ADD COLUMN trace JSONB NOT NULL DEFAULT '{}';

ALTER TABLE cases ALTER COLUMN trace DROP DEFAULT;

DROP TABLE evaluations
"""


def upgrade() -> None:
    for statement in UP.strip().removesuffix(";").split(";\n"):
        op.execute(statement)
    for statement in tenant_statements("evaluations", client_column=None):
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
