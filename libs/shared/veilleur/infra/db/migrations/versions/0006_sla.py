"""Kept for what comes next.

Kind: expand. Nothing yet.
"""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
