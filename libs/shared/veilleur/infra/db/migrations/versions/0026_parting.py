"""What a departure and a night's reckoning leave behind.

Kind: expand.
"""

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
