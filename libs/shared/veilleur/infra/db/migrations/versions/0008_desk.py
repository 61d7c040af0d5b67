"""The review desk: saved replies and house rules; what bulk decisions and searches find items by.

Kind: expand.
"""

from alembic import op

from veilleur.infra.db.rls import tenant_statements

revision = "0008"
down_revision = "0007"

UP = r"""
ALTER TABLE clients
  ADD COLUMN house_rules TEXT DEFAULT '' NOT NULL,
  ADD COLUMN tone TEXT DEFAULT '' NOT NULL,
  ADD COLUMN contacts JSONB DEFAULT '[]' NOT NULL;

CREATE TABLE macros (
  agency_id UUID NOT NULL,
  id UUID NOT NULL,
  client_id UUID NOT NULL,
  code TEXT NOT NULL,
  title TEXT NOT NULL,
  texts JSONB NOT NULL,
  version INTEGER NOT NULL,
  CONSTRAINT pk_macros PRIMARY KEY (agency_id, id),
  CONSTRAINT fk_macros_agency_id_client_id FOREIGN KEY(agency_id, client_id) REFERENCES clients (agency_id, id),
  CONSTRAINT uq_macros_agency_id_client_id_code UNIQUE (agency_id, client_id, code)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON macros TO veilleur_app;

GRANT SELECT ON macros TO veilleur_worker;

ALTER TABLE items
  ADD COLUMN url_key BIGINT GENERATED ALWAYS AS (hashtextextended(body ->> 'url', 0)) STORED,
  ADD COLUMN link_key BIGINT GENERATED ALWAYS AS (hashtextextended(rtrim(regexp_replace(lower(
    substring(body ->> 'text' FROM '(?i)https?://([^\s<>"''?#]+)')), '^www[.]', ''), '/.,;:!)]'), 0)) STORED;

CREATE INDEX ix_items_url ON items (agency_id, client_id, url_key) WHERE url_key IS NOT NULL;

CREATE INDEX ix_items_link ON items (agency_id, client_id, link_key) WHERE link_key IS NOT NULL;

ALTER TABLE decisions ADD COLUMN bulk_of UUID;

CREATE INDEX ix_decisions_bulk_of ON decisions (agency_id, bulk_of) WHERE bulk_of IS NOT NULL
"""

DOWN = """
DROP INDEX ix_decisions_bulk_of;

ALTER TABLE decisions DROP COLUMN bulk_of;

ALTER TABLE items DROP COLUMN url_key, DROP COLUMN link_key;

DROP TABLE macros;

ALTER TABLE clients DROP COLUMN house_rules, DROP COLUMN tone, DROP COLUMN contacts
"""

TENANTED: tuple[str, ...] = ("macros",)


def upgrade() -> None:
    for statement in UP.strip().split(";\n"):
        op.execute(statement)
    for table in TENANTED:
        for statement in tenant_statements(table, client_column=None):
            op.execute(statement)


def downgrade() -> None:
    for statement in DOWN.strip().split(";\n"):
        op.execute(statement)
