"""Who members are elsewhere, how long they stay logged in, who may look in for a while; how much clients
may send; when a signing key begins.

Kind: expand.
"""

from alembic import op

from veilleur.infra.db.rls import lookup_statement, tenant_statements

revision = "0020"
down_revision = "0019"

UP = """
ALTER TABLE issuer_keys ADD COLUMN signs_from TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL;

CREATE TABLE identity_providers (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  name TEXT NOT NULL,
  issuer TEXT NOT NULL,
  audience TEXT,
  algorithms TEXT[] NOT NULL,
  jwks_uri TEXT,
  role_claim TEXT,
  role_map JSONB NOT NULL,
  login_client_id TEXT,
  login_secret BYTEA,
  version INTEGER NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  disabled_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_identity_providers PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_identity_providers_agency_id FOREIGN KEY(agency_id) REFERENCES agencies (agency_id),
  CONSTRAINT uq_identity_providers_agency_id_issuer UNIQUE (agency_id, issuer),
  CONSTRAINT ck_identity_providers_algorithms CHECK (cardinality(algorithms) > 0),
  CONSTRAINT ck_identity_providers_use CHECK (audience IS NOT NULL OR login_client_id IS NOT NULL)
);

CREATE INDEX ix_identity_providers_lookup ON identity_providers (issuer);

CREATE TABLE member_identities (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  provider_id UUID NOT NULL,
  member_id UUID NOT NULL,
  subject TEXT NOT NULL,
  linked_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_member_identities PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_member_identities_agency_id_provider_id FOREIGN KEY(agency_id, provider_id)
    REFERENCES identity_providers (agency_id, id),
  CONSTRAINT fk_member_identities_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id),
  CONSTRAINT uq_member_identities_agency_id_provider_id_subject UNIQUE (agency_id, provider_id, subject),
  CONSTRAINT uq_member_identities_agency_id_member_id_provider_id UNIQUE (agency_id, member_id, provider_id)
);

CREATE TABLE member_sessions (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  member_id UUID NOT NULL,
  provider_id UUID,
  roles TEXT[],
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE,
  ended_because TEXT,
  CONSTRAINT pk_member_sessions PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_member_sessions_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id),
  CONSTRAINT fk_member_sessions_agency_id_provider_id FOREIGN KEY(agency_id, provider_id)
    REFERENCES identity_providers (agency_id, id),
  CONSTRAINT ck_member_sessions_ended_because CHECK (ended_because IN ('logout', 'reuse', 'provider'))
);

CREATE INDEX ix_member_sessions_agency_id_expires_at ON member_sessions (agency_id, expires_at);

CREATE INDEX ix_member_sessions_agency_id_member_id ON member_sessions (agency_id, member_id);

CREATE TABLE refresh_tokens (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  session_id UUID NOT NULL,
  token_hash BYTEA NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  used_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_refresh_tokens PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_refresh_tokens_agency_id_session_id FOREIGN KEY(agency_id, session_id)
    REFERENCES member_sessions (agency_id, id),
  CONSTRAINT uq_refresh_tokens_agency_id_token_hash UNIQUE (agency_id, token_hash)
);

CREATE INDEX ix_refresh_tokens_agency_id_session_id ON refresh_tokens (agency_id, session_id);

CREATE INDEX ix_refresh_tokens_lookup ON refresh_tokens (token_hash);

CREATE TABLE break_glass_grants (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  reason TEXT NOT NULL,
  granted_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE,
  ended_by TEXT,
  CONSTRAINT pk_break_glass_grants PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_break_glass_grants_agency_id FOREIGN KEY(agency_id) REFERENCES agencies (agency_id),
  CONSTRAINT ck_break_glass_grants_at_most_an_hour CHECK (expires_at <= granted_at + interval '1 hour')
);

CREATE TABLE quotas (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID,
  items_per_s INTEGER,
  burst INTEGER,
  items_per_day BIGINT,
  items_per_month BIGINT,
  set_by TEXT NOT NULL,
  set_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_quotas PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_quotas_agency_id FOREIGN KEY(agency_id) REFERENCES agencies (agency_id),
  CONSTRAINT fk_quotas_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT ck_quotas_items_per_s CHECK (items_per_s BETWEEN 1 AND 1000000),
  CONSTRAINT ck_quotas_burst CHECK (burst BETWEEN 1 AND 10000000),
  CONSTRAINT ck_quotas_items_per_day CHECK (items_per_day >= 1),
  CONSTRAINT ck_quotas_items_per_month CHECK (items_per_month >= 1)
);

CREATE UNIQUE INDEX uq_quotas_whose ON quotas (agency_id, client_id) NULLS NOT DISTINCT;

CREATE TABLE quota_use (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  day DATE NOT NULL,
  items BIGINT NOT NULL,
  beyond BIGINT NOT NULL,
  CONSTRAINT pk_quota_use PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_quota_use_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_quota_use_agency_id_client_id_day UNIQUE (agency_id, client_id, day)
);

CREATE FUNCTION find_identity_providers(wanted text)
RETURNS TABLE (agency_id uuid, id uuid, issuer text, audience text, algorithms text[], jwks_uri text, role_claim text,
               role_map jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT p.agency_id, p.id, p.issuer, p.audience, p.algorithms, p.jwks_uri, p.role_claim, p.role_map
  FROM identity_providers p WHERE p.issuer = wanted AND p.disabled_at IS NULL
$$;

CREATE FUNCTION find_login_provider(wanted uuid)
RETURNS TABLE (agency_id uuid, id uuid, issuer text, audience text, algorithms text[], jwks_uri text, role_claim text,
               role_map jsonb, login_client_id text, login_secret bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT p.agency_id, p.id, p.issuer, p.audience, p.algorithms, p.jwks_uri, p.role_claim, p.role_map,
         p.login_client_id, p.login_secret
  FROM identity_providers p WHERE p.id = wanted AND p.disabled_at IS NULL AND p.login_client_id IS NOT NULL
$$;

CREATE FUNCTION find_refresh_token(wanted bytea)
RETURNS TABLE (agency_id uuid, id uuid, session_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT t.agency_id, t.id, t.session_id FROM refresh_tokens t WHERE t.token_hash = wanted
$$;

REVOKE ALL ON FUNCTION find_identity_providers, find_login_provider, find_refresh_token FROM PUBLIC;

GRANT EXECUTE ON FUNCTION find_identity_providers, find_login_provider, find_refresh_token TO veilleur_app;

GRANT SELECT, INSERT, UPDATE ON identity_providers, member_identities, member_sessions, refresh_tokens,
  break_glass_grants, quotas, quota_use TO veilleur_app;

GRANT DELETE ON member_identities TO veilleur_app;

GRANT SELECT ON quotas, quota_use TO veilleur_client;

GRANT SELECT, DELETE ON member_sessions, refresh_tokens TO veilleur_worker
"""

DOWN = """
DROP FUNCTION find_identity_providers, find_login_provider, find_refresh_token;

DROP TABLE quota_use, quotas, break_glass_grants, refresh_tokens, member_sessions, member_identities, identity_providers;

ALTER TABLE issuer_keys DROP COLUMN signs_from
"""

# Table → the column that names a client's own rows; None keeps clients out altogether.
TENANTED: dict[str, str | None] = {
    "identity_providers": None,
    "member_identities": None,
    "member_sessions": None,
    "refresh_tokens": None,
    "break_glass_grants": None,
    "quotas": "client_id",
    "quota_use": "client_id",
}
LOOKED_UP = ("identity_providers", "refresh_tokens")


def upgrade() -> None:
    for statement in UP.strip().split(";\n\n"):
        op.execute(statement)
    for table, client_column in TENANTED.items():
        for statement in tenant_statements(table, client_column=client_column):
            op.execute(statement)
    for table in LOOKED_UP:
        op.execute(lookup_statement(table))


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n\n"):
        op.execute(statement)
