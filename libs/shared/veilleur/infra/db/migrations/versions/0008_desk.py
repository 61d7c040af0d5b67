"""Kept for what comes next.

Kind: expand. Nothing yet.
"""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
