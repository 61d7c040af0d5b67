"""Decisions can be taken back by others.

Kind: expand. New columns only.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

UP = """
ALTER TABLE decisions ADD COLUMN reverses UUID, ADD COLUMN cause TEXT, ADD COLUMN reversed_by UUID,
  ADD CONSTRAINT fk_decisions_agency_id_reverses FOREIGN KEY (agency_id, reverses)
    REFERENCES decisions (agency_id, id),
  ADD CONSTRAINT fk_decisions_agency_id_reversed_by FOREIGN KEY (agency_id, reversed_by)
    REFERENCES decisions (agency_id, id),
  ADD CONSTRAINT uq_decisions_agency_id_reverses UNIQUE (agency_id, reverses),
  ADD CONSTRAINT ck_decisions_cause CHECK (cause IN ('correction', 'client', 'rule', 'appeal')),
  ADD CONSTRAINT ck_decisions_reversal CHECK ((reverses IS NULL) = (cause IS NULL));
"""

DOWN = """
ALTER TABLE decisions DROP COLUMN reverses, DROP COLUMN cause, DROP COLUMN reversed_by
"""


def upgrade() -> None:
    for statement in UP.strip().removesuffix(";").split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.strip().removesuffix(";").split(";\n"):
        op.execute(statement)
