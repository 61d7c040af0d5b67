"""Quotes, invoices, payments.

Kind: expand.
"""

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Reserved."""


def downgrade() -> None:
    """Reserved."""
