"""Rate plans, contracts, periods.

Kind: expand.
"""

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Reserved."""


def downgrade() -> None:
    """Reserved."""
