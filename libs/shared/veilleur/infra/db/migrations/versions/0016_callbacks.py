"""Callbacks: orders, breakers, warnings.

Kind: expand.
"""

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Reserved."""


def downgrade() -> None:
    """Reserved."""
