"""The desk's last pieces.

Kind: expand.
"""

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Reserved."""


def downgrade() -> None:
    """Reserved."""
