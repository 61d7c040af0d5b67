"""The foundation: every table of the walk, its row-level security, its look-ups and its grants.

Kind: expand. Everything is new.
"""

from alembic import op

from veilleur.infra.db.rls import append_only_statements, lookup_statement, tenant_statements

revision = "0001"
down_revision = None

FUNCTIONS = (
    "CREATE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()'",
    """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
""",
)

TABLES = """
CREATE TABLE agencies (
  agency_id UUID NOT NULL,
  slug TEXT NOT NULL,
  name TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_agencies PRIMARY KEY (agency_id),
  CONSTRAINT uq_agencies_slug UNIQUE (slug)
);

CREATE TABLE audit_entries (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  client_id UUID,
  details JSONB NOT NULL,
  CONSTRAINT pk_audit_entries PRIMARY KEY (agency_id, id)
);

CREATE INDEX ix_audit_entries_agency_id_at ON audit_entries (agency_id, at);

CREATE INDEX ix_audit_entries_agency_id_subject ON audit_entries (agency_id, subject);

CREATE TABLE calendars (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  name TEXT NOT NULL,
  document JSONB NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_calendars PRIMARY KEY (agency_id, id)
);

CREATE TABLE feed_counters (
  agency_id UUID NOT NULL,
  last BIGINT NOT NULL,
  CONSTRAINT pk_feed_counters PRIMARY KEY (agency_id)
);

CREATE TABLE issuer_keys (
  kid TEXT NOT NULL,
  public_jwk JSONB NOT NULL,
  sealed BYTEA NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  retired_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_issuer_keys PRIMARY KEY (kid)
);

CREATE TABLE queues (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  code TEXT NOT NULL,
  name TEXT NOT NULL,
  lease_s INTEGER NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_queues PRIMARY KEY (agency_id, id),
  CONSTRAINT uq_queues_agency_id_code UNIQUE (agency_id, code),
  CONSTRAINT ck_queues_lease_s CHECK (lease_s BETWEEN 1 AND 3600)
);

CREATE TABLE work_hints (
  agency_id UUID NOT NULL,
  kind TEXT NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_work_hints PRIMARY KEY (agency_id, kind, due_at)
);

CREATE TABLE clients (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  slug TEXT NOT NULL,
  name TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  languages TEXT[] NOT NULL,
  interim TEXT NOT NULL,
  calendar_id UUID NOT NULL,
  queue_id UUID NOT NULL,
  version INTEGER NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_clients PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_clients_agency_id FOREIGN KEY(agency_id) REFERENCES agencies (agency_id),
  CONSTRAINT uq_clients_agency_id_slug UNIQUE (agency_id, slug),
  CONSTRAINT ck_clients_interim CHECK (interim IN ('publish', 'withhold')),
  CONSTRAINT fk_clients_agency_id_calendar_id FOREIGN KEY(agency_id, calendar_id) REFERENCES calendars (agency_id, id),
  CONSTRAINT fk_clients_agency_id_queue_id FOREIGN KEY(agency_id, queue_id) REFERENCES queues (agency_id, id)
);

CREATE TABLE members (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  email TEXT NOT NULL,
  name TEXT NOT NULL,
  roles TEXT[] NOT NULL,
  languages TEXT[] NOT NULL,
  skills TEXT[] NOT NULL,
  capacity INTEGER NOT NULL,
  serves_all BOOLEAN NOT NULL,
  attentive_since TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  disabled_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_members PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_members_agency_id FOREIGN KEY(agency_id) REFERENCES agencies (agency_id),
  CONSTRAINT uq_members_agency_id_email UNIQUE (agency_id, email),
  CONSTRAINT ck_members_capacity CHECK (capacity BETWEEN 1 AND 50)
);

CREATE TABLE actions (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  code TEXT NOT NULL,
  title TEXT NOT NULL,
  verdict TEXT NOT NULL,
  targets TEXT[] NOT NULL,
  needs_until BOOLEAN NOT NULL,
  undo TEXT,
  CONSTRAINT pk_actions PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_actions_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_actions_agency_id_client_id_code UNIQUE (agency_id, client_id, code),
  CONSTRAINT ck_actions_verdict CHECK (verdict IN ('allow', 'restrict', 'remove'))
);

CREATE TABLE credentials (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  hint TEXT NOT NULL,
  secret_hash BYTEA NOT NULL,
  scopes TEXT[] NOT NULL,
  test BOOLEAN NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE,
  revoked_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_credentials PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_credentials_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_credentials_agency_id_secret_hash UNIQUE (agency_id, secret_hash),
  CONSTRAINT ck_credentials_kind CHECK (kind IN ('api_key', 'oauth_client'))
);

CREATE INDEX ix_credentials_lookup ON credentials (secret_hash);

CREATE TABLE endpoints (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  url TEXT NOT NULL,
  events TEXT[] NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  disabled_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_endpoints PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_endpoints_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
);

CREATE INDEX ix_endpoints_agency_id_client_id ON endpoints (agency_id, client_id);

CREATE TABLE events (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  type TEXT NOT NULL,
  body TEXT NOT NULL,
  item_id UUID,
  occurred_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  sequence BIGINT,
  CONSTRAINT pk_events PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_events_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
);

CREATE INDEX ix_events_agency_id_occurred_at ON events (agency_id, occurred_at);

CREATE INDEX ix_events_feed ON events (agency_id, client_id, sequence) WHERE sequence IS NOT NULL;

CREATE INDEX ix_events_unsequenced ON events (agency_id, id) WHERE sequence IS NULL;

CREATE TABLE grants (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  member_id UUID NOT NULL,
  client_id UUID NOT NULL,
  CONSTRAINT pk_grants PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_grants_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id),
  CONSTRAINT fk_grants_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_grants_agency_id_member_id_client_id UNIQUE (agency_id, member_id, client_id)
);

CREATE TABLE login_codes (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  member_id UUID NOT NULL,
  code_hash BYTEA NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  used_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_login_codes PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_login_codes_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id),
  CONSTRAINT uq_login_codes_agency_id_code_hash UNIQUE (agency_id, code_hash)
);

CREATE INDEX ix_login_codes_lookup ON login_codes (code_hash);

CREATE TABLE policies (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  code TEXT NOT NULL,
  title TEXT NOT NULL,
  definition TEXT NOT NULL,
  examples TEXT[] NOT NULL,
  severity INTEGER NOT NULL,
  default_actions TEXT[] NOT NULL,
  CONSTRAINT pk_policies PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_policies_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_policies_agency_id_client_id_code UNIQUE (agency_id, client_id, code),
  CONSTRAINT ck_policies_severity CHECK (severity BETWEEN 1 AND 5)
);

CREATE TABLE rule_sets (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  version INTEGER NOT NULL,
  digest TEXT NOT NULL,
  document JSONB NOT NULL,
  note TEXT NOT NULL,
  state TEXT NOT NULL,
  author TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  published_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_rule_sets PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_rule_sets_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_rule_sets_agency_id_client_id_version UNIQUE (agency_id, client_id, version),
  CONSTRAINT ck_rule_sets_state CHECK (state IN ('draft', 'published', 'retired'))
);

CREATE UNIQUE INDEX uq_rule_sets_published ON rule_sets (agency_id, client_id) WHERE state = 'published';

CREATE TABLE sla_policies (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  version INTEGER NOT NULL,
  document JSONB NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_sla_policies PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_sla_policies_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_sla_policies_agency_id_client_id_version UNIQUE (agency_id, client_id, version)
);

CREATE TABLE sources (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  mode TEXT NOT NULL,
  settings JSONB NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_sources PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_sources_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_sources_agency_id_client_id_name UNIQUE (agency_id, client_id, name),
  CONSTRAINT ck_sources_mode CHECK (mode IN ('live', 'test', 'observe', 'paused'))
);

CREATE TABLE usage_records (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  source_id UUID,
  meter TEXT NOT NULL,
  quantity NUMERIC(20, 4) NOT NULL,
  occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
  local_date DATE NOT NULL,
  time_zone TEXT NOT NULL,
  billable BOOLEAN NOT NULL,
  reason TEXT,
  dims JSONB NOT NULL,
  item_id UUID,
  decision_id UUID,
  member_id UUID,
  corrects_id UUID,
  CONSTRAINT pk_usage_records PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_usage_records_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
);

CREATE INDEX ix_usage_records_agency_id_client_id_local_date_meter ON usage_records (agency_id, client_id, local_date, meter);

CREATE UNIQUE INDEX uq_usage_records_once ON usage_records (agency_id, item_id, meter, decision_id) NULLS NOT DISTINCT WHERE item_id IS NOT NULL AND corrects_id IS NULL;

CREATE TABLE deliveries (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  endpoint_id UUID NOT NULL,
  event_id UUID NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE DEFAULT app_now(),
  last_status INTEGER,
  last_error TEXT,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  delivered_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_deliveries PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_deliveries_agency_id_endpoint_id FOREIGN KEY(agency_id, endpoint_id) REFERENCES endpoints (agency_id, id),
  CONSTRAINT fk_deliveries_agency_id_event_id FOREIGN KEY(agency_id, event_id) REFERENCES events (agency_id, id),
  CONSTRAINT fk_deliveries_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_deliveries_agency_id_event_id_endpoint_id UNIQUE (agency_id, event_id, endpoint_id),
  CONSTRAINT ck_deliveries_state CHECK (state IN ('pending', 'sending', 'delivered', 'dead'))
);

CREATE INDEX ix_deliveries_agency_id_state_id ON deliveries (agency_id, state, id);

CREATE INDEX ix_deliveries_due ON deliveries (agency_id, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE endpoint_secrets (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  endpoint_id UUID NOT NULL,
  client_id UUID NOT NULL,
  sealed BYTEA NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_endpoint_secrets PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_endpoint_secrets_agency_id_endpoint_id FOREIGN KEY(agency_id, endpoint_id) REFERENCES endpoints (agency_id, id),
  CONSTRAINT fk_endpoint_secrets_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
);

CREATE INDEX ix_endpoint_secrets_agency_id_endpoint_id ON endpoint_secrets (agency_id, endpoint_id);

CREATE TABLE items (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  source_id UUID NOT NULL,
  external_id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  kind TEXT NOT NULL,
  language TEXT,
  author_external_id TEXT,
  thread_id TEXT,
  text_key BIGINT,
  body JSONB NOT NULL,
  digest BYTEA NOT NULL,
  mode TEXT NOT NULL,
  state TEXT NOT NULL,
  interim TEXT NOT NULL,
  decisions SMALLINT NOT NULL,
  attempts SMALLINT NOT NULL,
  attempted_at TIMESTAMP WITH TIME ZONE,
  observed JSONB,
  received_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  deleted_at TIMESTAMP WITH TIME ZONE,
  closed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_items PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_items_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_items_agency_id_source_id FOREIGN KEY(agency_id, source_id) REFERENCES sources (agency_id, id),
  CONSTRAINT uq_items_agency_id_source_id_external_id UNIQUE (agency_id, source_id, external_id),
  CONSTRAINT ck_items_state CHECK (state IN ('received', 'in_review', 'decided', 'deleted')),
  CONSTRAINT ck_items_interim CHECK (interim IN ('publish', 'withhold')),
  CONSTRAINT ck_items_mode CHECK (mode IN ('live', 'test', 'observe'))
)
 WITH (fillfactor = 85);

CREATE INDEX ix_items_author ON items (agency_id, client_id, author_external_id, received_at);

CREATE INDEX ix_items_text ON items (agency_id, client_id, text_key) WHERE text_key IS NOT NULL;

CREATE INDEX ix_items_thread ON items (agency_id, source_id, thread_id, received_at) WHERE thread_id IS NOT NULL;

CREATE INDEX ix_items_unscreened ON items (agency_id, asked_at) WHERE state = 'received';

CREATE TABLE source_secrets (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  source_id UUID NOT NULL,
  client_id UUID NOT NULL,
  sealed BYTEA NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_source_secrets PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_source_secrets_agency_id_source_id FOREIGN KEY(agency_id, source_id) REFERENCES sources (agency_id, id),
  CONSTRAINT fk_source_secrets_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
);

CREATE INDEX ix_source_secrets_agency_id_source_id ON source_secrets (agency_id, source_id);

CREATE TABLE webhook_receipts (
  agency_id UUID NOT NULL,
  source_id UUID NOT NULL,
  webhook_id TEXT NOT NULL,
  client_id UUID NOT NULL,
  digest BYTEA NOT NULL,
  received_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_webhook_receipts PRIMARY KEY (agency_id, source_id, webhook_id),
  CONSTRAINT fk_webhook_receipts_agency_id_source_id FOREIGN KEY(agency_id, source_id) REFERENCES sources (agency_id, id),
  CONSTRAINT fk_webhook_receipts_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id)
);

CREATE TABLE cases (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  source_id UUID NOT NULL,
  item_id UUID NOT NULL,
  item_revision INTEGER NOT NULL,
  queue_id UUID NOT NULL,
  priority TEXT NOT NULL,
  reason TEXT NOT NULL,
  why JSONB NOT NULL,
  trace JSONB NOT NULL,
  rule_set_version INTEGER,
  state TEXT NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE NOT NULL,
  opened_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  fence BIGINT NOT NULL,
  holder_id UUID,
  assignment_id UUID,
  lease_expires_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_cases PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_cases_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_cases_agency_id_item_id FOREIGN KEY(agency_id, item_id) REFERENCES items (agency_id, id),
  CONSTRAINT fk_cases_agency_id_queue_id FOREIGN KEY(agency_id, queue_id) REFERENCES queues (agency_id, id),
  CONSTRAINT fk_cases_agency_id_holder_id FOREIGN KEY(agency_id, holder_id) REFERENCES members (agency_id, id),
  CONSTRAINT ck_cases_state CHECK (state IN ('ready', 'leased', 'decided', 'withdrawn')),
  CONSTRAINT ck_cases_priority CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
  CONSTRAINT ck_cases_held CHECK ((state = 'leased') = (holder_id IS NOT NULL))
)
 WITH (fillfactor = 70);

CREATE INDEX ix_cases_held ON cases (agency_id, holder_id) WHERE state = 'leased';

CREATE INDEX ix_cases_ready ON cases (agency_id, client_id, queue_id, due_at, id) WHERE state = 'ready';

CREATE UNIQUE INDEX uq_cases_open_item ON cases (agency_id, item_id) WHERE state IN ('ready', 'leased');

CREATE TABLE decisions (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  source_id UUID NOT NULL,
  item_id UUID NOT NULL,
  item_revision INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  case_id UUID,
  member_id UUID,
  verdict TEXT NOT NULL,
  actions JSONB NOT NULL,
  policies TEXT[] NOT NULL,
  automated BOOLEAN NOT NULL,
  automated_detection BOOLEAN NOT NULL,
  rule_set_version INTEGER,
  matched_rules TEXT[] NOT NULL,
  trace JSONB NOT NULL,
  explanation TEXT,
  note TEXT,
  language TEXT NOT NULL,
  made_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_decisions PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_decisions_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_decisions_agency_id_item_id FOREIGN KEY(agency_id, item_id) REFERENCES items (agency_id, id),
  CONSTRAINT fk_decisions_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id),
  CONSTRAINT uq_decisions_agency_id_item_id_sequence UNIQUE (agency_id, item_id, sequence),
  CONSTRAINT ck_decisions_verdict CHECK (verdict IN ('allow', 'restrict', 'remove'))
);

CREATE INDEX ix_decisions_agency_id_client_id_made_at ON decisions (agency_id, client_id, made_at);

CREATE TABLE item_revisions (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  item_id UUID NOT NULL,
  revision INTEGER NOT NULL,
  body JSONB NOT NULL,
  digest BYTEA NOT NULL,
  replaced_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_item_revisions PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_item_revisions_agency_id_item_id FOREIGN KEY(agency_id, item_id) REFERENCES items (agency_id, id),
  CONSTRAINT fk_item_revisions_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_item_revisions_agency_id_item_id_revision UNIQUE (agency_id, item_id, revision)
);

CREATE TABLE reports (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  item_id UUID NOT NULL,
  source TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT,
  reporter_external_id TEXT,
  received_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_reports PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_reports_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_reports_agency_id_item_id FOREIGN KEY(agency_id, item_id) REFERENCES items (agency_id, id),
  CONSTRAINT ck_reports_source CHECK (source IN ('user', 'trusted_flagger', 'authority', 'platform'))
);

CREATE UNIQUE INDEX uq_reports_once ON reports (agency_id, item_id, reporter_external_id, reason) NULLS NOT DISTINCT;

CREATE TABLE sla_clocks (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  item_id UUID NOT NULL,
  case_id UUID NOT NULL,
  metric TEXT NOT NULL,
  cycle INTEGER NOT NULL,
  state TEXT NOT NULL,
  policy_id UUID NOT NULL,
  calendar_id UUID NOT NULL,
  target_class TEXT NOT NULL,
  target_s INTEGER NOT NULL,
  business BOOLEAN NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE NOT NULL,
  next_event_at TIMESTAMP WITH TIME ZONE,
  breached_at TIMESTAMP WITH TIME ZONE,
  stopped_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_sla_clocks PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_sla_clocks_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_sla_clocks_agency_id_item_id FOREIGN KEY(agency_id, item_id) REFERENCES items (agency_id, id),
  CONSTRAINT fk_sla_clocks_agency_id_policy_id FOREIGN KEY(agency_id, policy_id) REFERENCES sla_policies (agency_id, id),
  CONSTRAINT fk_sla_clocks_agency_id_calendar_id FOREIGN KEY(agency_id, calendar_id) REFERENCES calendars (agency_id, id),
  CONSTRAINT uq_sla_clocks_agency_id_item_id_metric_cycle UNIQUE (agency_id, item_id, metric, cycle),
  CONSTRAINT ck_sla_clocks_state CHECK (state IN ('running', 'met', 'missed', 'cancelled'))
);

CREATE INDEX ix_sla_clocks_due ON sla_clocks (agency_id, next_event_at) WHERE state = 'running' AND next_event_at IS NOT NULL;

CREATE TABLE assignments (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  case_id UUID NOT NULL,
  client_id UUID NOT NULL,
  member_id UUID NOT NULL,
  fence BIGINT NOT NULL,
  claimed_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE,
  outcome TEXT,
  decision_id UUID,
  request_digest BYTEA,
  CONSTRAINT pk_assignments PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_assignments_agency_id_case_id FOREIGN KEY(agency_id, case_id) REFERENCES cases (agency_id, id),
  CONSTRAINT fk_assignments_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_assignments_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id),
  CONSTRAINT uq_assignments_agency_id_case_id_fence UNIQUE (agency_id, case_id, fence),
  CONSTRAINT ck_assignments_outcome CHECK (outcome IN ('decided', 'released', 'expired', 'withdrawn'))
);

CREATE TABLE notes (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  case_id UUID NOT NULL,
  author_external_id TEXT,
  member_id UUID NOT NULL,
  text TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_notes PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_notes_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_notes_agency_id_case_id FOREIGN KEY(agency_id, case_id) REFERENCES cases (agency_id, id),
  CONSTRAINT fk_notes_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id)
);

CREATE INDEX ix_notes_agency_id_case_id ON notes (agency_id, case_id);

CREATE INDEX ix_notes_agency_id_client_id_author_external_id ON notes (agency_id, client_id, author_external_id);

CREATE TABLE sla_events (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  clock_id UUID NOT NULL,
  client_id UUID NOT NULL,
  type TEXT NOT NULL,
  occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
  detected_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_sla_events PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_sla_events_agency_id_clock_id FOREIGN KEY(agency_id, clock_id) REFERENCES sla_clocks (agency_id, id),
  CONSTRAINT fk_sla_events_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_sla_events_agency_id_clock_id_type UNIQUE (agency_id, clock_id, type),
  CONSTRAINT ck_sla_events_type CHECK (type IN ('started', 'breached', 'met', 'missed', 'cancelled'))
);
"""

# What must be found before the tenant is known. Owned by veilleur_owner, whose `lookup` policies these tables carry.
LOOKUPS = (
    """
CREATE FUNCTION find_source(wanted uuid)
RETURNS TABLE (agency_id uuid, client_id uuid, kind text, mode text, settings jsonb,
               client_slug text, time_zone text, interim text, secrets bytea[], secret_ids uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT s.agency_id, s.client_id, s.kind, s.mode, s.settings, c.slug, c.time_zone, c.interim,
         array_agg(x.sealed ORDER BY x.created_at DESC), array_agg(x.id ORDER BY x.created_at DESC)
  FROM sources s
  JOIN clients c ON c.agency_id = s.agency_id AND c.id = s.client_id
  JOIN source_secrets x ON x.agency_id = s.agency_id AND x.source_id = s.id
   AND (x.expires_at IS NULL OR x.expires_at > app_now())
  WHERE s.id = wanted
  GROUP BY s.agency_id, s.client_id, s.kind, s.mode, s.settings, c.slug, c.time_zone, c.interim
$$
""",
    """
CREATE FUNCTION find_credential(wanted bytea)
RETURNS TABLE (agency_id uuid, id uuid, client_id uuid, kind text, scopes text[], test boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT k.agency_id, k.id, k.client_id, k.kind, k.scopes, k.test FROM credentials k
  WHERE k.secret_hash = wanted AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > app_now())
$$
""",
    """
CREATE FUNCTION find_login_code(wanted bytea)
RETURNS TABLE (agency_id uuid, id uuid, member_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT l.agency_id, l.id, l.member_id FROM login_codes l
  WHERE l.code_hash = wanted AND l.used_at IS NULL AND l.expires_at > app_now()
$$
""",
    """
CREATE FUNCTION list_agencies(after_slug text, wanted integer)
RETURNS TABLE (agency_id uuid, slug text, name text, time_zone text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
  SELECT a.agency_id, a.slug, a.name, a.time_zone, a.created_at FROM agencies a
  WHERE a.slug > after_slug ORDER BY a.slug LIMIT wanted
$$
""",
    "REVOKE ALL ON FUNCTION find_source, find_credential, find_login_code, list_agencies FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION find_source, find_credential, find_login_code, list_agencies TO veilleur_app",
)

LOOKED_UP = ("agencies", "clients", "sources", "source_secrets", "credentials", "login_codes")

# Table → the column that names a client's own rows; None keeps clients out altogether.
TENANTED: dict[str, str | None] = {
    "agencies": None,
    "clients": "id",
    "sources": "client_id",
    "source_secrets": None,
    "credentials": None,
    "members": None,
    "grants": None,
    "login_codes": None,
    "policies": "client_id",
    "actions": "client_id",
    "audit_entries": None,
    "usage_records": "client_id",
    "endpoints": "client_id",
    "endpoint_secrets": None,
    "events": "client_id",
    "deliveries": "client_id",
    "items": "client_id",
    "item_revisions": "client_id",
    "reports": "client_id",
    "feed_counters": None,
    "webhook_receipts": "client_id",
    "calendars": None,
    "sla_policies": None,
    "sla_clocks": "client_id",
    "sla_events": "client_id",
    "rule_sets": None,
    "decisions": "client_id",
    "queues": None,
    "cases": "client_id",
    "assignments": None,
    "notes": None,
}

APPEND_ONLY = ("audit_entries", "usage_records", "sla_events", "calendars", "sla_policies")

CLIENT_READS = ("clients", "sources", "policies", "actions", "usage_records", "events", "deliveries", "items",
                "item_revisions", "reports", "sla_clocks", "sla_events", "decisions", "cases")  # fmt: skip


def upgrade() -> None:
    for statement in (*FUNCTIONS, *TABLES.strip().removesuffix(";").split(";\n")):
        op.execute(statement)
    for table, client_column in TENANTED.items():
        for statement in tenant_statements(table, client_column=client_column):
            op.execute(statement)
    for table in LOOKED_UP:
        op.execute(lookup_statement(table))
    for table in APPEND_ONLY:
        for statement in append_only_statements(table):
            op.execute(statement)
    for statement in LOOKUPS:
        op.execute(statement)
    _grant()


def downgrade() -> None:
    for table in reversed(TENANTED):
        op.execute(f"DROP TABLE {table} CASCADE")
    op.execute("DROP TABLE issuer_keys, work_hints")
    op.execute("DROP FUNCTION find_source, find_credential, find_login_code, list_agencies, refuse_change, app_now")


def _grant() -> None:
    changeable = ", ".join(table for table in TENANTED if table not in APPEND_ONLY)
    op.execute("GRANT USAGE ON SCHEMA public TO veilleur_app, veilleur_worker, veilleur_client")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {changeable}, issuer_keys TO veilleur_app")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {changeable} TO veilleur_worker")
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(APPEND_ONLY)} TO veilleur_app, veilleur_worker")
    op.execute("GRANT DELETE ON grants TO veilleur_app")
    op.execute("GRANT DELETE ON events, deliveries, webhook_receipts TO veilleur_worker")
    op.execute("GRANT SELECT, INSERT ON work_hints TO veilleur_app")
    op.execute("GRANT SELECT, INSERT, DELETE ON work_hints TO veilleur_worker")
    op.execute(f"GRANT SELECT ON {', '.join(CLIENT_READS)} TO veilleur_client")
    op.execute("GRANT SELECT ON alembic_version TO veilleur_app, veilleur_worker")
