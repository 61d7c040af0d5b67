"""Where an item comes from in its caller's trace.

Kind: expand.
"""

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
