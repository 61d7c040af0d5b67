"""The right case to the right moderator: what queues and cases ask for, routing rules, presence, reservations.

Kind: expand. Columns with defaults, new tables, and the indexes of cases anew: piles are told apart by needs.
"""

from alembic import op

from veilleur.infra.db.rls import tenant_statements

revision = "0007"
down_revision = "0006"

OUTCOMES = "'decided', 'released', 'expired', 'withdrawn', 'skipped', 'handed_over', 'escalated', 'asked', 'freed', 'taken', 'closed'"

UP = f"""
ALTER TABLE clients ADD COLUMN guaranteed_slots INTEGER,
  ADD CONSTRAINT ck_clients_guaranteed_slots CHECK (guaranteed_slots BETWEEN 0 AND 10000);

ALTER TABLE members
  ADD COLUMN tier INTEGER DEFAULT 1 NOT NULL,
  ADD COLUMN status TEXT DEFAULT 'available' NOT NULL,
  ADD COLUMN status_since TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  ADD CONSTRAINT ck_members_tier CHECK (tier BETWEEN 1 AND 5),
  ADD CONSTRAINT ck_members_status CHECK (status IN ('available', 'break', 'off'));

ALTER TABLE queues
  ADD COLUMN hold_cap_s INTEGER DEFAULT 3600 NOT NULL,
  ADD COLUMN skills TEXT[] DEFAULT '{{}}' NOT NULL,
  ADD COLUMN languages TEXT[] DEFAULT '{{}}' NOT NULL,
  ADD COLUMN tier INTEGER DEFAULT 1 NOT NULL,
  ADD COLUMN relax_percent INTEGER DEFAULT 50 NOT NULL,
  ADD COLUMN version INTEGER DEFAULT 1 NOT NULL,
  ADD CONSTRAINT ck_queues_hold_cap_s CHECK (hold_cap_s BETWEEN 1 AND 86400),
  ADD CONSTRAINT ck_queues_tier CHECK (tier BETWEEN 1 AND 5),
  ADD CONSTRAINT ck_queues_relax_percent CHECK (relax_percent BETWEEN 0 AND 100);

CREATE TABLE routing_rules (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  conditions JSONB NOT NULL,
  queue_id UUID NOT NULL,
  skills TEXT[] NOT NULL,
  CONSTRAINT pk_routing_rules PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_routing_rules_agency_id_queue_id FOREIGN KEY(agency_id, queue_id) REFERENCES queues (agency_id, id)
);

CREATE INDEX ix_routing_rules_agency_id_position ON routing_rules (agency_id, position);

ALTER TABLE cases
  ADD COLUMN needs TEXT DEFAULT '' NOT NULL,
  ADD COLUMN expiries INTEGER DEFAULT 0 NOT NULL,
  ADD COLUMN passed_by UUID[] DEFAULT '{{}}' NOT NULL,
  ADD COLUMN flag TEXT,
  ADD COLUMN reserved_for UUID,
  ADD COLUMN reserved_until TIMESTAMP WITH TIME ZONE,
  ADD CONSTRAINT fk_cases_agency_id_reserved_for FOREIGN KEY(agency_id, reserved_for) REFERENCES members (agency_id, id),
  ADD CONSTRAINT ck_cases_flag CHECK (flag IN ('expired', 'skipped', 'stuck')),
  ADD CONSTRAINT ck_cases_reserved CHECK ((reserved_for IS NULL) = (reserved_until IS NULL)),
  DROP CONSTRAINT ck_cases_state,
  ADD CONSTRAINT ck_cases_state CHECK (state IN ('ready', 'leased', 'waiting', 'decided', 'withdrawn', 'closed'));

DROP INDEX ix_cases_ready;

CREATE INDEX ix_cases_ready ON cases (agency_id, client_id, queue_id, needs, due_at, id)
  WHERE state = 'ready' AND flag IS NULL;

CREATE INDEX ix_cases_reserved ON cases (agency_id, reserved_for) WHERE state = 'ready' AND reserved_for IS NOT NULL;

CREATE INDEX ix_cases_flagged ON cases (agency_id, due_at) WHERE flag IS NOT NULL AND closed_at IS NULL;

CREATE INDEX ix_cases_open ON cases (agency_id, due_at, id) WHERE closed_at IS NULL;

CREATE INDEX ix_cases_closed ON cases (agency_id, closed_at, id) WHERE closed_at IS NOT NULL;

DROP INDEX uq_cases_open_item;

CREATE UNIQUE INDEX uq_cases_open_item ON cases (agency_id, item_id) WHERE state IN ('ready', 'leased', 'waiting');

ALTER TABLE assignments
  ADD COLUMN reason TEXT,
  DROP CONSTRAINT ck_assignments_outcome,
  ADD CONSTRAINT ck_assignments_outcome CHECK (outcome IN ({OUTCOMES}));

CREATE TABLE questions (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  case_id UUID NOT NULL,
  member_id UUID NOT NULL,
  question TEXT NOT NULL,
  choices TEXT[] NOT NULL,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  answer TEXT,
  answered_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_questions PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_questions_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT fk_questions_agency_id_case_id FOREIGN KEY(agency_id, case_id) REFERENCES cases (agency_id, id),
  CONSTRAINT fk_questions_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id)
);

CREATE INDEX ix_questions_agency_id_case_id ON questions (agency_id, case_id);

CREATE TABLE shifts (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  member_id UUID NOT NULL,
  document JSONB NOT NULL,
  version INTEGER NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_shifts PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_shifts_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id)
);

CREATE INDEX ix_shifts_agency_id_member_id ON shifts (agency_id, member_id);

CREATE TABLE absences (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  member_id UUID NOT NULL,
  starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
  ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
  reason TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_absences PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_absences_agency_id_member_id FOREIGN KEY(agency_id, member_id) REFERENCES members (agency_id, id),
  CONSTRAINT ck_absences_order CHECK (starts_at < ends_at)
);

CREATE INDEX ix_absences_agency_id_member_id_ends_at ON absences (agency_id, member_id, ends_at);
"""

DOWN = """
DROP TABLE absences, shifts, questions;

ALTER TABLE assignments
  DROP COLUMN reason,
  DROP CONSTRAINT ck_assignments_outcome,
  ADD CONSTRAINT ck_assignments_outcome CHECK (outcome IN ('decided', 'released', 'expired', 'withdrawn'));

DROP INDEX ix_cases_ready, ix_cases_reserved, ix_cases_flagged, ix_cases_open, ix_cases_closed, uq_cases_open_item;

ALTER TABLE cases
  DROP COLUMN needs, DROP COLUMN expiries, DROP COLUMN passed_by, DROP COLUMN flag,
  DROP COLUMN reserved_for, DROP COLUMN reserved_until,
  DROP CONSTRAINT ck_cases_state,
  ADD CONSTRAINT ck_cases_state CHECK (state IN ('ready', 'leased', 'decided', 'withdrawn'));

CREATE INDEX ix_cases_ready ON cases (agency_id, client_id, queue_id, due_at, id) WHERE state = 'ready';

CREATE UNIQUE INDEX uq_cases_open_item ON cases (agency_id, item_id) WHERE state IN ('ready', 'leased');

DROP TABLE routing_rules;

ALTER TABLE queues
  DROP COLUMN hold_cap_s, DROP COLUMN skills, DROP COLUMN languages, DROP COLUMN tier, DROP COLUMN relax_percent,
  DROP COLUMN version;

ALTER TABLE members DROP COLUMN tier, DROP COLUMN status, DROP COLUMN status_since;

ALTER TABLE clients DROP COLUMN guaranteed_slots;
"""

# Table → the column that names a client's own rows; None keeps clients out altogether.
TENANTED: dict[str, str | None] = {
    "routing_rules": None,
    "questions": None,
    "shifts": None,
    "absences": None,
}


def upgrade() -> None:
    for statement in UP.strip().removesuffix(";").split(";\n"):
        op.execute(statement)
    for table, client_column in TENANTED.items():
        for statement in tenant_statements(table, client_column=client_column):
            op.execute(statement)
    op.execute("GRANT SELECT, INSERT, DELETE ON routing_rules, shifts, absences TO veilleur_app")
    op.execute("GRANT UPDATE ON routing_rules, shifts, questions TO veilleur_app")
    op.execute("GRANT SELECT, INSERT ON questions TO veilleur_app, veilleur_worker")
    op.execute("GRANT SELECT ON routing_rules, shifts, absences TO veilleur_worker")


def downgrade() -> None:
    for statement in DOWN.strip().removesuffix(";").split(";\n"):
        op.execute(statement)
