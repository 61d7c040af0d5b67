"""Endpoints of the agency itself, with what goes out to them; the clocks by when they ended, for owners' reports.

Kind: expand.
"""

from alembic import op

revision = "0013"
down_revision = "0012"

# No policy of a client matches a row without a client: what is the agency's stays hidden from all of them.
AGENCY_ENDPOINTS = (
    """
ALTER TABLE endpoints
  ALTER COLUMN client_id DROP NOT NULL,
  ADD COLUMN kind TEXT NOT NULL DEFAULT 'standard',
  ADD COLUMN language TEXT NOT NULL DEFAULT 'en',
  ADD CONSTRAINT ck_endpoints_kind CHECK (kind IN ('standard', 'slack', 'email')),
  ADD CONSTRAINT ck_endpoints_language CHECK (language IN ('en', 'fr')),
  ADD CONSTRAINT ck_endpoints_agency_only CHECK (client_id IS NULL OR kind = 'standard')
""",
    "ALTER TABLE endpoint_secrets ALTER COLUMN client_id DROP NOT NULL",
    "ALTER TABLE events ALTER COLUMN client_id DROP NOT NULL",
    "ALTER TABLE deliveries ALTER COLUMN client_id DROP NOT NULL",
)

ENDED_CLOCKS = (
    "CREATE INDEX ix_sla_clocks_stopped ON sla_clocks (agency_id, stopped_at) WHERE stopped_at IS NOT NULL",
    "CREATE INDEX ix_sla_clocks_breached ON sla_clocks (agency_id, breached_at, id) WHERE breached_at IS NOT NULL",
)

# Rows of the agency's own go agency by agency: forced row-level security hides them from the owner as well.
DROP_AGENCY_ROWS = """
DO $$
DECLARE agency uuid;
BEGIN
  FOR agency IN SELECT agency_id FROM agencies LOOP
    EXECUTE format('SET LOCAL app.agency_id = %L', agency);
    DELETE FROM deliveries WHERE client_id IS NULL;
    DELETE FROM events WHERE client_id IS NULL;
    DELETE FROM endpoint_secrets WHERE client_id IS NULL;
    DELETE FROM endpoints WHERE client_id IS NULL;
  END LOOP;
  SET LOCAL app.agency_id = '';
END $$
"""

NARROW = (
    "DROP INDEX ix_sla_clocks_breached",
    "DROP INDEX ix_sla_clocks_stopped",
    DROP_AGENCY_ROWS,
    "ALTER TABLE deliveries ALTER COLUMN client_id SET NOT NULL",
    "ALTER TABLE events ALTER COLUMN client_id SET NOT NULL",
    "ALTER TABLE endpoint_secrets ALTER COLUMN client_id SET NOT NULL",
    "ALTER TABLE endpoints DROP COLUMN language, DROP COLUMN kind, ALTER COLUMN client_id SET NOT NULL",
)


def upgrade() -> None:
    for statement in (*AGENCY_ENDPOINTS, *ENDED_CLOCKS):
        op.execute(statement)


def downgrade() -> None:
    for statement in NARROW:
        op.execute(statement)
