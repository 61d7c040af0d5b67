"""Acting on platforms.

Kind: expand.
"""

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Reserved."""


def downgrade() -> None:
    """Reserved."""
