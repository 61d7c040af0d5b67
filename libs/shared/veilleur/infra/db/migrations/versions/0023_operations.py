"""Operations: which workers live.

Kind: expand. A new table.
"""

from alembic import op

revision = "0023"
down_revision = "0022"

UP = """
CREATE TABLE worker_heartbeats (
  id UUID NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  revision TEXT NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE NOT NULL,
  seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_worker_heartbeats PRIMARY KEY (id)
);

GRANT SELECT ON worker_heartbeats TO veilleur_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON worker_heartbeats TO veilleur_worker
"""


def upgrade() -> None:
    for statement in UP.strip().split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE worker_heartbeats")
