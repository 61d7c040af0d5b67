"""Who members are: providers of identity, sessions, quotas.

Kind: expand.
"""

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Reserved."""


def downgrade() -> None:
    """Reserved."""
