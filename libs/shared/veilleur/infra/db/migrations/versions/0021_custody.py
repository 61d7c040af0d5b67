"""Sealed audit, data keys, data policies, erasure, offboarding.

Kind: expand. New tables, columns that may be empty, and the one door through which rows leave that are otherwise kept.
"""

from alembic import op

from veilleur.infra.db.rls import AGENCY, append_only_statements, tenant_statements

revision = "0021"
down_revision = "0020"

TABLES = """
CREATE TABLE audit_places (
  agency_id UUID NOT NULL,
  place BIGINT NOT NULL,
  entry_id UUID NOT NULL,
  leaf BYTEA NOT NULL,
  CONSTRAINT pk_audit_places PRIMARY KEY (agency_id, place),
  CONSTRAINT fk_audit_places_agency_id_entry_id FOREIGN KEY(agency_id, entry_id) REFERENCES audit_entries (agency_id, id),
  CONSTRAINT uq_audit_places_agency_id_entry_id UNIQUE (agency_id, entry_id)
);

CREATE TABLE audit_seals (
  agency_id UUID NOT NULL,
  number BIGINT NOT NULL,
  first_place BIGINT NOT NULL,
  last_place BIGINT NOT NULL,
  root BYTEA NOT NULL,
  previous BYTEA,
  sealed_at TIMESTAMP WITH TIME ZONE NOT NULL,
  kid TEXT NOT NULL,
  signature TEXT NOT NULL,
  CONSTRAINT pk_audit_seals PRIMARY KEY (agency_id, number)
);

CREATE TABLE data_keys (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID,
  sealed BYTEA NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  retired_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_data_keys PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_data_keys_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
);

CREATE UNIQUE INDEX uq_data_keys_current ON data_keys (agency_id, client_id) NULLS NOT DISTINCT WHERE retired_at IS NULL;

CREATE TABLE data_policies (
  agency_id UUID NOT NULL,
  client_id UUID NOT NULL,
  retention_days JSONB NOT NULL,
  changed_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  changed_by TEXT NOT NULL,
  CONSTRAINT pk_data_policies PRIMARY KEY (agency_id, client_id),
  CONSTRAINT fk_data_policies_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
);

CREATE TABLE erasures (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  source_id UUID,
  subject_hash BYTEA NOT NULL,
  subject BYTEA,
  requested_by TEXT NOT NULL,
  requested_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  held_at TIMESTAMP WITH TIME ZONE,
  finished_at TIMESTAMP WITH TIME ZONE,
  cursor UUID,
  counts JSONB NOT NULL,
  kept JSONB NOT NULL,
  CONSTRAINT pk_erasures PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_erasures_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT ck_erasures_kind CHECK (kind IN ('author', 'client')),
  CONSTRAINT ck_erasures_state CHECK (state IN ('running', 'held', 'finished')),
  CONSTRAINT ck_erasures_finished CHECK ((state = 'finished') = (finished_at IS NOT NULL))
);

CREATE UNIQUE INDEX uq_erasures_open ON erasures (agency_id, client_id, subject_hash) WHERE state <> 'finished';

CREATE TABLE offboardings (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  mode TEXT NOT NULL,
  state TEXT NOT NULL,
  starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
  term_days INTEGER NOT NULL,
  erase_at TIMESTAMP WITH TIME ZONE,
  source_modes JSONB NOT NULL,
  progress JSONB NOT NULL,
  erasure_id UUID,
  requested_by TEXT NOT NULL,
  requested_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_offboardings PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_offboardings_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT ck_offboardings_mode CHECK (mode IN ('finish', 'return')),
  CONSTRAINT ck_offboardings_state CHECK (state IN ('scheduled', 'closing', 'waiting', 'erasing', 'finished', 'cancelled')),
  CONSTRAINT ck_offboardings_term_days CHECK (term_days BETWEEN 0 AND 3650)
);

CREATE UNIQUE INDEX uq_offboardings_open ON offboardings (agency_id, client_id) WHERE ended_at IS NULL;

CREATE TABLE departures (
  agency_id UUID NOT NULL,
  documents TEXT NOT NULL,
  reason TEXT NOT NULL,
  state TEXT NOT NULL,
  counts JSONB NOT NULL,
  kept JSONB NOT NULL,
  requested_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  finished_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_departures PRIMARY KEY (agency_id),
  CONSTRAINT ck_departures_documents CHECK (documents IN ('keep', 'handed_over')),
  CONSTRAINT ck_departures_state CHECK (state IN ('running', 'finished'))
);

ALTER TABLE items ADD COLUMN erased_at TIMESTAMP WITH TIME ZONE, ADD COLUMN expired_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE sources DROP CONSTRAINT ck_sources_mode,
  ADD CONSTRAINT ck_sources_mode CHECK (mode IN ('live', 'test', 'observe', 'paused', 'closed'));

CREATE INDEX ix_events_item ON events (agency_id, item_id) WHERE item_id IS NOT NULL;

CREATE INDEX ix_cases_agency_id_item_id ON cases (agency_id, item_id);

ALTER TABLE near_dup_keys DROP CONSTRAINT fk_near_dup_keys_agency_id_item_id;

CREATE INDEX ix_near_dup_keys_agency_id_item_id ON near_dup_keys (agency_id, item_id);

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_user = 'veilleur_owner' AND current_setting('app.erasing', true) = 'on' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""

# Nobody is granted DELETE on what is kept. Rows leave through here, and only while it is written down that this client
# is being erased, or that this agency has left: under the caller's own agency, and never what a legal hold keeps.
# Rows that refer to others of their table go with all that concern the same item, in one statement.
ERASE = f"""
CREATE FUNCTION erase_rows(wanted_table text, wanted_client uuid, wanted_batch integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  agency uuid := {AGENCY};
  columns text[] := ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(quote_ident(wanted_table))
                          AND attnum > 0 AND NOT attisdropped);
  condition text := format('t.agency_id = %L', agency);
  gone bigint;
BEGIN
  IF wanted_client IS NULL THEN
    PERFORM FROM departures WHERE agency_id = agency AND state = 'running';
  ELSE
    PERFORM FROM erasures WHERE agency_id = agency AND client_id = wanted_client AND kind = 'client' AND state = 'running';
    condition := condition || format(' AND t.%I = %L', CASE wanted_table WHEN 'clients' THEN 'id' ELSE 'client_id' END, wanted_client);
  END IF;
  IF NOT FOUND OR NOT 'agency_id' = ANY(columns) THEN
    RAISE EXCEPTION 'no erasure allows this' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF wanted_table = 'items' OR 'item_id' = ANY(columns) THEN
    condition := condition || format(' AND NOT EXISTS (SELECT FROM legal_holds h WHERE h.agency_id = t.agency_id
      AND h.item_id = t.%I AND h.lifted_at IS NULL)', CASE wanted_table WHEN 'items' THEN 'id' ELSE 'item_id' END);
  ELSIF 'case_id' = ANY(columns) THEN
    condition := condition || ' AND NOT EXISTS (SELECT FROM cases c JOIN legal_holds h ON h.agency_id = c.agency_id
      AND h.item_id = c.item_id WHERE c.agency_id = t.agency_id AND c.id = t.case_id AND h.lifted_at IS NULL)';
  END IF;
  SET LOCAL app.erasing = 'on';
  IF 'item_id' = ANY(columns) AND EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = confrelid
                                          AND conrelid = to_regclass(quote_ident(wanted_table))) THEN
    EXECUTE format('DELETE FROM %1$I t WHERE %2$s AND t.item_id IN (SELECT DISTINCT t.item_id FROM %1$I t WHERE %2$s LIMIT %3$s)',
                   wanted_table, condition, wanted_batch);
  ELSE
    EXECUTE format('DELETE FROM %1$I WHERE agency_id = %4$L AND ctid = ANY(ARRAY(SELECT t.ctid FROM %1$I t WHERE %2$s LIMIT %3$s))',
                   wanted_table, condition, wanted_batch, agency);
  END IF;
  GET DIAGNOSTICS gone = ROW_COUNT;
  SET LOCAL app.erasing = 'off';
  RETURN gone;
END $$
"""

# Issued invoices are kept by a trigger of their own, which lets them go through the same door and no other.
ISSUED = """
DO $$ BEGIN
  IF to_regclass('invoices') IS NOT NULL THEN
    DROP TRIGGER keep_issued ON invoices;
    CREATE TRIGGER keep_issued BEFORE UPDATE OR DELETE ON invoices FOR EACH ROW {condition}EXECUTE FUNCTION keep_issued();
  END IF;
END $$
"""
UNLESS_ERASING = """WHEN (NOT (current_user = 'veilleur_owner'
      AND coalesce(current_setting('app.erasing', true), '') = 'on')) """

GRANTS = (
    "REVOKE ALL ON FUNCTION erase_rows FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION erase_rows TO veilleur_worker",
    "GRANT SELECT ON audit_places, audit_seals TO veilleur_app",
    "GRANT SELECT, INSERT ON audit_places, audit_seals TO veilleur_worker",
    "GRANT SELECT, INSERT, UPDATE ON data_keys, data_policies, erasures, offboardings TO veilleur_app, veilleur_worker",
    "GRANT SELECT, INSERT ON departures TO veilleur_app",
    "GRANT SELECT, UPDATE ON departures TO veilleur_worker",
    "GRANT SELECT ON departures TO veilleur_owner",
    "GRANT SELECT ON issuer_keys TO veilleur_worker",
    "GRANT UPDATE ON contracts TO veilleur_worker",
    "GRANT DELETE ON billing_periods TO veilleur_worker",
    "GRANT DELETE ON item_revisions, reports, evaluations, near_dup_keys, notes, questions TO veilleur_worker",
)

TENANTED = ("audit_places", "audit_seals", "data_keys", "data_policies", "erasures", "offboardings")

DOWN = """
DROP FUNCTION erase_rows;

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

REVOKE DELETE ON item_revisions, reports, evaluations, near_dup_keys, notes, questions FROM veilleur_worker;

REVOKE UPDATE ON contracts FROM veilleur_worker;

REVOKE DELETE ON billing_periods FROM veilleur_worker;

REVOKE SELECT ON issuer_keys FROM veilleur_worker;

DROP INDEX ix_near_dup_keys_agency_id_item_id, ix_cases_agency_id_item_id, ix_events_item;

ALTER TABLE near_dup_keys ADD CONSTRAINT fk_near_dup_keys_agency_id_item_id
  FOREIGN KEY(agency_id, item_id) REFERENCES items (agency_id, id);

UPDATE sources SET mode = 'paused' WHERE mode = 'closed';

ALTER TABLE sources DROP CONSTRAINT ck_sources_mode,
  ADD CONSTRAINT ck_sources_mode CHECK (mode IN ('live', 'test', 'observe', 'paused'));

ALTER TABLE items DROP COLUMN erased_at, DROP COLUMN expired_at;

DROP TABLE departures, offboardings, erasures, data_policies, data_keys, audit_seals, audit_places
"""


def upgrade() -> None:
    for statement in TABLES.strip().split(";\n\n"):
        op.execute(statement)
    for table in TENANTED:
        for statement in tenant_statements(table, client_column=None):
            op.execute(statement)
    for table in ("audit_places", "audit_seals"):
        for statement in append_only_statements(table):
            op.execute(statement)
    for statement in (ERASE, *GRANTS, ISSUED.format(condition=UNLESS_ERASING)):
        op.execute(statement)


def downgrade() -> None:
    op.execute(ISSUED.format(condition=""))
    for statement in DOWN.strip().split(";\n\n"):
        op.execute(statement)
