"""Acting on platforms: how each source is acted on, what was done, and the deadlines that platforms set.

Kind: expand. New tables, and columns that may be empty.
"""

from alembic import op

from veilleur.infra.db.rls import tenant_statements

revision = "0017"
down_revision = "0016"

UP = """
CREATE TABLE source_actors (
  agency_id UUID NOT NULL,
  source_id UUID NOT NULL,
  client_id UUID NOT NULL,
  mode TEXT NOT NULL,
  hold_s INTEGER NOT NULL,
  platform TEXT,
  operations JSONB NOT NULL,
  settings JSONB NOT NULL,
  sealed BYTEA,
  busy_until TIMESTAMP WITH TIME ZONE,
  quiet_until TIMESTAMP WITH TIME ZONE,
  last_error TEXT,
  last_failed_at TIMESTAMP WITH TIME ZONE,
  last_done_at TIMESTAMP WITH TIME ZONE,
  configured_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_source_actors PRIMARY KEY (agency_id, source_id),
  CONSTRAINT fk_source_actors_agency_id_source_id FOREIGN KEY(agency_id, source_id) REFERENCES sources (agency_id, id),
  CONSTRAINT fk_source_actors_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT ck_source_actors_mode CHECK (mode IN ('callback', 'act', 'act_after_hold')),
  CONSTRAINT ck_source_actors_hold_s CHECK (hold_s BETWEEN 0 AND 86400),
  CONSTRAINT ck_source_actors_able CHECK (mode = 'callback' OR (platform IS NOT NULL AND sealed IS NOT NULL))
);

CREATE TABLE platform_actions (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  source_id UUID NOT NULL,
  item_id UUID NOT NULL,
  decision_id UUID NOT NULL,
  platform TEXT NOT NULL,
  target TEXT NOT NULL,
  code TEXT,
  operation TEXT,
  until TIMESTAMP WITH TIME ZONE,
  undoes UUID,
  carried_by UUID,
  position SMALLINT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE,
  begun_at TIMESTAMP WITH TIME ZONE,
  withdrawn BOOLEAN NOT NULL,
  reason TEXT,
  last_status INTEGER,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  finished_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_platform_actions PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_platform_actions_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_platform_actions_agency_id_source_id FOREIGN KEY(agency_id, source_id) REFERENCES sources (agency_id, id),
  CONSTRAINT fk_platform_actions_agency_id_item_id FOREIGN KEY(agency_id, item_id) REFERENCES items (agency_id, id),
  CONSTRAINT fk_platform_actions_agency_id_decision_id
    FOREIGN KEY(agency_id, decision_id) REFERENCES decisions (agency_id, id),
  CONSTRAINT fk_platform_actions_agency_id_undoes
    FOREIGN KEY(agency_id, undoes) REFERENCES platform_actions (agency_id, id),
  CONSTRAINT fk_platform_actions_agency_id_carried_by
    FOREIGN KEY(agency_id, carried_by) REFERENCES decisions (agency_id, id),
  CONSTRAINT ck_platform_actions_target CHECK (target IN ('item', 'author')),
  CONSTRAINT ck_platform_actions_state
    CHECK (state IN ('pending', 'sending', 'done', 'refused', 'dead', 'cancelled')),
  CONSTRAINT ck_platform_actions_due CHECK ((due_at IS NOT NULL) = (state IN ('pending', 'sending'))),
  CONSTRAINT ck_platform_actions_operation CHECK (operation IS NOT NULL OR state = 'refused')
);

CREATE INDEX ix_platform_actions_due ON platform_actions (agency_id, source_id, due_at) WHERE due_at IS NOT NULL;

CREATE INDEX ix_platform_actions_agency_id_item_id ON platform_actions (agency_id, item_id);

CREATE INDEX ix_platform_actions_agency_id_decision_id ON platform_actions (agency_id, decision_id);

GRANT SELECT, INSERT, UPDATE ON source_actors, platform_actions TO veilleur_app;

GRANT SELECT, UPDATE ON source_actors TO veilleur_worker;

GRANT SELECT, INSERT, UPDATE ON platform_actions TO veilleur_worker;

GRANT SELECT ON platform_actions TO veilleur_client;

ALTER TABLE items ADD COLUMN acted_at TIMESTAMP WITH TIME ZONE, ADD COLUMN removed_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE source_polls ADD COLUMN settings JSONB DEFAULT '{}' NOT NULL, ADD COLUMN marks JSONB DEFAULT '{}' NOT NULL;

ALTER TABLE sla_clocks ADD COLUMN deadline_at TIMESTAMP WITH TIME ZONE, ADD COLUMN deadline_cause TEXT
"""

DOWN = """
ALTER TABLE source_polls DROP COLUMN settings, DROP COLUMN marks;

ALTER TABLE sla_clocks DROP COLUMN deadline_at, DROP COLUMN deadline_cause;

ALTER TABLE items DROP COLUMN acted_at, DROP COLUMN removed_at;

DROP TABLE platform_actions, source_actors
"""


def upgrade() -> None:
    for statement in UP.strip().split(";\n"):
        op.execute(statement)
    for statement in tenant_statements("source_actors", client_column=None):
        op.execute(statement)
    for statement in tenant_statements("platform_actions", client_column="client_id"):
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
