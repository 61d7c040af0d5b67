"""Providers: machines that score texts, what they are asked, what they answered, how often.

Kind: expand.
"""

from alembic import op

from veilleur.infra.db.rls import tenant_statements

revision = "0005"
down_revision = "0004"

UP = """
ALTER TABLE items ADD COLUMN screen_after TIMESTAMP WITH TIME ZONE;

CREATE TABLE providers (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  settings JSONB NOT NULL,
  sealed BYTEA,
  timeout_s DOUBLE PRECISION NOT NULL,
  daily_budget INTEGER,
  clients UUID[] NOT NULL,
  failures INTEGER NOT NULL,
  open_until TIMESTAMP WITH TIME ZONE,
  last_error TEXT,
  last_failed_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  disabled_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_providers PRIMARY KEY (agency_id, id),
  CONSTRAINT ck_providers_timeout_s CHECK (timeout_s BETWEEN 0.1 AND 10),
  CONSTRAINT ck_providers_daily_budget CHECK (daily_budget >= 0)
);

CREATE UNIQUE INDEX uq_providers_name ON providers (agency_id, name) WHERE disabled_at IS NULL;

CREATE TABLE provider_questions (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  item_id UUID NOT NULL,
  item_revision INTEGER NOT NULL,
  fields TEXT[] NOT NULL,
  state TEXT NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE,
  tries SMALLINT NOT NULL,
  fence INTEGER NOT NULL,
  give_up_at TIMESTAMP WITH TIME ZONE NOT NULL,
  scores JSONB,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_provider_questions PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_provider_questions_agency_id_client_id FOREIGN KEY(agency_id, client_id)
    REFERENCES clients (agency_id, id),
  CONSTRAINT fk_provider_questions_agency_id_item_id FOREIGN KEY(agency_id, item_id) REFERENCES items (agency_id, id),
  CONSTRAINT uq_provider_questions_agency_id_item_id_item_revision UNIQUE (agency_id, item_id, item_revision),
  CONSTRAINT ck_provider_questions_state CHECK (state IN ('waiting', 'asking', 'answered', 'given_up'))
);

CREATE INDEX ix_provider_questions_due ON provider_questions (agency_id, due_at) WHERE due_at IS NOT NULL;

CREATE INDEX ix_provider_questions_agency_id_asked_at ON provider_questions (agency_id, asked_at);

CREATE TABLE provider_cache (
  agency_id UUID NOT NULL,
  provider_id UUID NOT NULL,
  digest BYTEA NOT NULL,
  scores JSONB NOT NULL,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_provider_cache PRIMARY KEY (agency_id, provider_id, digest),
  CONSTRAINT fk_provider_cache_agency_id_provider_id FOREIGN KEY(agency_id, provider_id)
    REFERENCES providers (agency_id, id)
);

CREATE INDEX ix_provider_cache_agency_id_asked_at ON provider_cache (agency_id, asked_at);

CREATE TABLE provider_calls (
  agency_id UUID NOT NULL,
  provider_id UUID NOT NULL,
  client_id UUID NOT NULL,
  day DATE NOT NULL,
  calls INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  cached INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  CONSTRAINT pk_provider_calls PRIMARY KEY (agency_id, provider_id, client_id, day),
  CONSTRAINT fk_provider_calls_agency_id_provider_id FOREIGN KEY(agency_id, provider_id)
    REFERENCES providers (agency_id, id),
  CONSTRAINT fk_provider_calls_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
);

GRANT SELECT, INSERT, UPDATE ON providers TO veilleur_app;

GRANT SELECT, UPDATE ON providers TO veilleur_worker;

GRANT SELECT ON provider_questions, provider_cache, provider_calls TO veilleur_app;

GRANT SELECT, INSERT, UPDATE ON provider_questions, provider_cache, provider_calls TO veilleur_worker;

GRANT DELETE ON provider_questions, provider_cache TO veilleur_worker
"""

DOWN = """
DROP TABLE provider_calls, provider_cache, provider_questions, providers;

ALTER TABLE items DROP COLUMN screen_after
"""

TENANTED = ("providers", "provider_questions", "provider_cache", "provider_calls")


def upgrade() -> None:
    for statement in UP.strip().split(";\n"):
        op.execute(statement)
    for table in TENANTED:
        for statement in tenant_statements(table, client_column=None):
            op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
