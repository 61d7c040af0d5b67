"""Data policies, erasure, offboarding, audit seals.

Kind: expand.
"""

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Reserved."""


def downgrade() -> None:
    """Reserved."""
