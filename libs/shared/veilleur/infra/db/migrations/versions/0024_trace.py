"""Where an item comes from in its caller's trace.

Kind: expand. A column that may be empty.
"""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.execute("ALTER TABLE items ADD COLUMN traceparent VARCHAR(55)")


def downgrade() -> None:
    op.execute("ALTER TABLE items DROP COLUMN traceparent")
