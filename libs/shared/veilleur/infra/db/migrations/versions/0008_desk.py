"""The review desk: saved replies and house rules; what bulk decisions and searches find items by.

Kind: expand.
"""

from alembic import op

from veilleur.infra.db.rls import tenant_statements

revision = "0008"
down_revision = "0007"

UP = r"""
ALTER TABLE events ADD COLUMN decision_id UUID, ADD COLUMN release_at TIMESTAMP WITH TIME ZONE;

CREATE INDEX ix_events_held ON events (agency_id, decision_id) WHERE decision_id IS NOT NULL;

ALTER TABLE clients
  ADD COLUMN send_after_s INTEGER DEFAULT 0 NOT NULL,
  ADD CONSTRAINT ck_clients_send_after_s CHECK (send_after_s BETWEEN 0 AND 3600),
  ADD COLUMN house_rules TEXT DEFAULT '' NOT NULL,
  ADD COLUMN tone TEXT DEFAULT '' NOT NULL,
  ADD COLUMN contacts JSONB DEFAULT '[]' NOT NULL;

CREATE TABLE macros (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  code TEXT NOT NULL,
  title TEXT NOT NULL,
  texts JSONB NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_macros PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_macros_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_macros_agency_id_client_id_code UNIQUE (agency_id, client_id, code)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON macros TO veilleur_app;

GRANT SELECT ON macros TO veilleur_worker;

ALTER TABLE items
  ADD COLUMN url_key BIGINT GENERATED ALWAYS AS (hashtextextended(body ->> 'url', 0)) STORED,
  ADD COLUMN link_key BIGINT GENERATED ALWAYS AS (hashtextextended(rtrim(regexp_replace(lower(
    substring(body ->> 'text' FROM '(?i)https?://([^\s<>"''?#]+)')), '^www[.]', ''), '/.,;:!)]'), 0)) STORED;

CREATE INDEX ix_items_url ON items (agency_id, client_id, url_key) WHERE url_key IS NOT NULL;

CREATE INDEX ix_items_link ON items (agency_id, client_id, link_key) WHERE link_key IS NOT NULL;

ALTER TABLE decisions ADD COLUMN bulk_of UUID, ADD COLUMN leaves_at TIMESTAMP WITH TIME ZONE;

CREATE INDEX ix_decisions_member ON decisions (agency_id, member_id, made_at, id) WHERE member_id IS NOT NULL;

CREATE INDEX ix_decisions_bulk_of ON decisions (agency_id, bulk_of) WHERE bulk_of IS NOT NULL;

CREATE TABLE care_settings (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  member_id UUID,
  limits JSONB NOT NULL,
  blur BOOLEAN,
  opt_outs TEXT[] NOT NULL,
  changed_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_care_settings PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_care_settings_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id)
);

CREATE UNIQUE INDEX uq_care_settings_once ON care_settings (agency_id, member_id) NULLS NOT DISTINCT;

GRANT SELECT, INSERT, UPDATE ON care_settings TO veilleur_app;

GRANT SELECT ON care_settings TO veilleur_worker;

CREATE TABLE exposures (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  member_id UUID NOT NULL,
  client_id UUID NOT NULL,
  case_id UUID NOT NULL,
  item_id UUID NOT NULL,
  kind TEXT NOT NULL,
  severity INTEGER NOT NULL,
  seconds INTEGER NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_exposures PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_exposures_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id),
  CONSTRAINT fk_exposures_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT ck_exposures_kind CHECK (kind IN ('decision', 'view'))
);

CREATE INDEX ix_exposures_agency_id_member_id_at ON exposures (agency_id, member_id, at);

GRANT SELECT, INSERT ON exposures TO veilleur_app;

GRANT SELECT ON exposures TO veilleur_worker;

ALTER TABLE items ADD COLUMN hold_class TEXT,
  ADD CONSTRAINT ck_items_hold_class CHECK (hold_class IN ('csam', 'threat_to_life', 'terror'));

ALTER TABLE queues ADD COLUMN restricted BOOLEAN DEFAULT false NOT NULL;

ALTER TABLE assignments DROP CONSTRAINT ck_assignments_outcome,
  ADD CONSTRAINT ck_assignments_outcome CHECK (outcome IN ('decided', 'released', 'expired', 'withdrawn', 'skipped',
    'handed_over', 'escalated', 'asked', 'freed', 'taken', 'closed', 'quarantined'));

CREATE TABLE legal_holds (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  item_id UUID NOT NULL,
  hold_class TEXT NOT NULL,
  member_id UUID NOT NULL,
  placed_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  lifted_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_legal_holds PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_legal_holds_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_legal_holds_agency_id_item_id FOREIGN KEY(agency_id, item_id) REFERENCES items (agency_id, id),
  CONSTRAINT fk_legal_holds_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id),
  CONSTRAINT ck_legal_holds_hold_class CHECK (hold_class IN ('csam', 'threat_to_life', 'terror'))
);

CREATE UNIQUE INDEX uq_legal_holds_standing ON legal_holds (agency_id, item_id) WHERE lifted_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON legal_holds TO veilleur_app;

GRANT SELECT ON legal_holds TO veilleur_worker
"""

DOWN = """
DROP TABLE legal_holds;

ALTER TABLE assignments DROP CONSTRAINT ck_assignments_outcome,
  ADD CONSTRAINT ck_assignments_outcome CHECK (outcome IN ('decided', 'released', 'expired', 'withdrawn', 'skipped',
    'handed_over', 'escalated', 'asked', 'freed', 'taken', 'closed'));

ALTER TABLE queues DROP COLUMN restricted;

ALTER TABLE items DROP COLUMN hold_class;

DROP TABLE exposures;

DROP TABLE care_settings;

ALTER TABLE events DROP COLUMN decision_id, DROP COLUMN release_at;

DROP INDEX ix_decisions_member, ix_decisions_bulk_of;

ALTER TABLE decisions DROP COLUMN bulk_of, DROP COLUMN leaves_at;

ALTER TABLE items DROP COLUMN url_key, DROP COLUMN link_key;

DROP TABLE macros;

ALTER TABLE clients DROP COLUMN send_after_s, DROP COLUMN house_rules, DROP COLUMN tone, DROP COLUMN contacts
"""

TENANTED: tuple[str, ...] = ("macros", "care_settings", "exposures", "legal_holds")


def upgrade() -> None:
    for statement in UP.strip().split(";\n"):
        op.execute(statement)
    for table in TENANTED:
        for statement in tenant_statements(table, client_column=None):
            op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
