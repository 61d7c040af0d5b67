"""One knob for how long events are kept; a chat's address sealed; and what is known after a restore.

Kind: expand. `clients.payload_days` takes over what data policies said of events.
"""

from alembic import op

revision = "0025"
down_revision = "0024"

UP = (
    "ALTER TABLE endpoints ADD COLUMN sealed_url BYTEA",
    """
DO $$
DECLARE agency uuid;
BEGIN
  FOR agency IN SELECT agency_id FROM agencies LOOP
    EXECUTE format('SET LOCAL app.agency_id = %L', agency);
    UPDATE clients SET payload_days = least(payload_days, CAST(p.retention_days ->> 'events' AS integer))
    FROM data_policies p
    WHERE p.agency_id = clients.agency_id AND p.client_id = clients.id AND p.retention_days ? 'events';
    UPDATE data_policies SET retention_days = retention_days - 'events' WHERE retention_days ? 'events';
  END LOOP;
  SET LOCAL app.agency_id = '';
END $$
""",
    """
CREATE TABLE installation (
  place SMALLINT NOT NULL,
  name UUID NOT NULL,
  reached_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_installation PRIMARY KEY (place),
  CONSTRAINT ck_installation_place CHECK (place = 1)
)
""",
    """
CREATE TABLE lost_windows (
  id UUID NOT NULL,
  from_at TIMESTAMP WITH TIME ZONE NOT NULL,
  until_at TIMESTAMP WITH TIME ZONE NOT NULL,
  noticed_at TIMESTAMP WITH TIME ZONE DEFAULT app_now() NOT NULL,
  CONSTRAINT pk_lost_windows PRIMARY KEY (id)
)
""",
    "GRANT SELECT ON installation, lost_windows TO veilleur_app",
    "GRANT SELECT, INSERT, UPDATE ON installation TO veilleur_worker",
    "GRANT SELECT, INSERT ON lost_windows TO veilleur_worker",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE lost_windows, installation")
    op.execute("ALTER TABLE endpoints DROP COLUMN sealed_url")
