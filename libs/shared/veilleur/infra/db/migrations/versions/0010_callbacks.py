"""Kept for what comes next.

Kind: expand. Nothing yet.
"""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
