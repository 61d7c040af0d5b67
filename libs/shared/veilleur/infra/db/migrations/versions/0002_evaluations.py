"""What the rules saw and answered gets a table of its own; decisions and cases name it. Decisions name their author.

With it comes the state behind stateful signals: keys of near-duplicates, rules' daily acts.

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

ALTER TABLE clients ADD COLUMN strike_days INTEGER DEFAULT 90 NOT NULL,
  ADD COLUMN counter_epoch INTEGER DEFAULT 0 NOT NULL,
  ADD CONSTRAINT ck_clients_strike_days CHECK (strike_days BETWEEN 1 AND 3650);

CREATE TABLE near_dup_keys (
  agency_id UUID NOT NULL,
  client_id UUID NOT NULL,
  key BIGINT NOT NULL,
  item_id UUID NOT NULL,
  CONSTRAINT pk_near_dup_keys PRIMARY KEY (agency_id, client_id, key, item_id),
  CONSTRAINT fk_near_dup_keys_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_near_dup_keys_agency_id_item_id FOREIGN KEY(agency_id, item_id) REFERENCES items (agency_id, id)
);

GRANT SELECT, INSERT ON near_dup_keys TO veilleur_app, veilleur_worker;

CREATE TABLE rule_acts (
  agency_id UUID NOT NULL,
  client_id UUID NOT NULL,
  day DATE NOT NULL,
  rule TEXT NOT NULL,
  acts INTEGER NOT NULL,
  CONSTRAINT pk_rule_acts PRIMARY KEY (agency_id, client_id, day, rule),
  CONSTRAINT fk_rule_acts_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
);

GRANT SELECT, INSERT, UPDATE ON rule_acts TO veilleur_app, veilleur_worker;
"""

TENANTED = ("evaluations", "near_dup_keys", "rule_acts")

DOWN = """
DROP TABLE rule_acts, near_dup_keys;

ALTER TABLE clients DROP COLUMN strike_days, DROP COLUMN counter_epoch;

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
    for table in TENANTED:
        for statement in tenant_statements(table, client_column=None):
            op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
