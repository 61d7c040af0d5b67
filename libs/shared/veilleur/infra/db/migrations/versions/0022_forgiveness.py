"""How often a failed attempt was nobody's fault.

Kind: expand. A column with a default.
"""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute("ALTER TABLE items ADD COLUMN forgiven SMALLINT DEFAULT '0' NOT NULL")


def downgrade() -> None:
    op.execute("ALTER TABLE items DROP COLUMN forgiven")
