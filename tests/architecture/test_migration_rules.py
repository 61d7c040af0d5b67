"""No revision stops the service, and none takes from the release before what it uses."""

import inspect
import io
import itertools

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

from tests.architecture.migration_rules import KIND, find_risks
from veilleur.infra.db.migrate import alembic_config
from veilleur.infra.db.schema import SERVES_FROM, newest_revision

SCRIPTS = sorted(ScriptDirectory.from_config(alembic_config(None)).walk_revisions(), key=lambda one: one.revision)
BOUND = [script for script in SCRIPTS if script.revision > SERVES_FROM]
"""Up to `SERVES_FROM` no code of an earlier release runs on the schema, so they may simply alter what stands."""


def render(script):
    """The statements of its way up."""
    buffer = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": buffer, "literal_binds": True}
    )
    with Operations.context(context):
        script.module.upgrade()
    return [statement.strip() for statement in buffer.getvalue().split(";\n") if statement.strip()]


def kind_of(script):
    return KIND.search(script.module.__doc__)


def test_revisions_are_numbered_in_their_order():
    """Which is newer than which is read from the number."""
    for before, after in itertools.pairwise(SCRIPTS):
        assert after.down_revision == before.revision
    assert SCRIPTS[-1].revision == newest_revision()
    assert newest_revision() >= SERVES_FROM


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.revision)
def test_every_revision_says_of_which_kind_it_is_and_leaves_the_waiting_to_the_runner(script):
    assert kind_of(script), f"{script.revision} says no kind: expand, backfill or contract"
    autocommits = "autocommit_block" in inspect.getsource(script.module)
    risks = find_risks("contract", render(script), autocommits=autocommits)
    assert [risk for risk in risks if risk.startswith(("how long", "CONCURRENTLY"))] == []


@pytest.mark.parametrize("script", BOUND, ids=lambda script: script.revision)
def test_a_revision_under_a_released_schema_is_safe_while_the_release_before_serves(script):
    autocommits = "autocommit_block" in inspect.getsource(script.module)
    assert find_risks(kind_of(script)[1], render(script), autocommits=autocommits) == []


RISKY = [
    "ALTER TABLE items RENAME COLUMN kind TO sort",
    "ALTER TABLE items RENAME TO things",
    "ALTER TABLE items ALTER COLUMN kind TYPE varchar(20)",
    "ALTER TABLE items ALTER COLUMN kind SET NOT NULL",
    "ALTER TABLE items ADD COLUMN size integer NOT NULL",
    "ALTER TABLE items ADD COLUMN id2 uuid NOT NULL DEFAULT gen_random_uuid()",
    "ALTER TABLE items ADD COLUMN key bigint GENERATED ALWAYS AS (1 + 1) STORED",
    "ALTER TABLE items ADD COLUMN size integer, ADD CONSTRAINT ck_items_size CHECK (size > 0)",
    "ALTER TABLE items ADD CONSTRAINT fk FOREIGN KEY (agency_id, x) REFERENCES cases (agency_id, id)",
    "ALTER TABLE items ADD CONSTRAINT uq UNIQUE (agency_id, x)",
    "ALTER TABLE items DROP COLUMN kind",
    "ALTER TABLE items ADD COLUMN a integer, DROP COLUMN kind",
    "DROP TABLE items",
    "CREATE INDEX ix ON items (agency_id, kind)",
    "CREATE INDEX CONCURRENTLY ix ON items (agency_id, kind)",
    "SET LOCAL lock_timeout = '1h'",
    "VACUUM FULL items",
]
SAFE = [
    ["ALTER TABLE items ADD COLUMN size integer"],
    ["ALTER TABLE items ADD COLUMN size integer NOT NULL DEFAULT 0"],
    ["ALTER TABLE items ADD CONSTRAINT ck CHECK (size > 0) NOT VALID"],
    ["ALTER TABLE items VALIDATE CONSTRAINT ck"],
    ["ALTER TABLE items ADD CONSTRAINT uq UNIQUE USING INDEX ix"],
    ["CREATE TABLE t (agency_id uuid NOT NULL)", "CREATE INDEX ix ON t (agency_id)", "ALTER TABLE t ADD CONSTRAINT c CHECK (true)"],
    ["GRANT SELECT ON items TO veilleur_app"],
]  # fmt: skip


@pytest.mark.parametrize("statement", RISKY)
def test_what_would_stop_the_service_or_break_older_code_is_found(statement):
    assert find_risks("expand", [statement], autocommits=False)


@pytest.mark.parametrize("statements", SAFE, ids=lambda statements: statements[0][:50])
def test_what_is_safe_passes(statements):
    assert find_risks("expand", statements, autocommits=False) == []


def test_an_index_beside_the_traffic_a_later_drop_and_a_validation_of_its_own_pass():
    assert find_risks("expand", ["CREATE INDEX CONCURRENTLY ix ON items (agency_id, kind)"], autocommits=True) == []
    assert find_risks("contract", ["ALTER TABLE items DROP COLUMN kind"], autocommits=False) == []
    both = ["ALTER TABLE items ADD CONSTRAINT ck CHECK (true) NOT VALID", "ALTER TABLE items VALIDATE CONSTRAINT ck"]
    assert find_risks("expand", both, autocommits=False) == ["validate it in the next revision: ck"]
