"""Many rows in one statement: every kind of value comes back as it went in, defaults and conflicts included."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy.exc import DBAPIError

from tests.support.desk import open_desk
from veilleur.domain.audit.models import AuditEntry
from veilleur.domain.metering.models import UsageRecord
from veilleur.domain.outbox.models import Delivery, Endpoint
from veilleur.domain.review.models import Queue
from veilleur.infra.db.bulk import insert_rows
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import new_id, read_id

HOSTILE = ['say "hi"', "back\\slash", "{a,b}", "NULL", "", "n\new", "é 😀", "a'b", "$1 :x %s"]


@pytest.fixture
async def desk(world):
    return await open_desk(world)


async def insert(desk, model, rows, **options):
    async with desk.world.parts.database.transaction(Scope(desk.agency_id)) as session:
        await insert_rows(session, model, rows, shared={"agency_id": desk.agency_id}, **options)


async def test_texts_documents_and_arrays_come_back_as_they_were(desk):
    client_id = read_id("cli", desk.client.id)
    rows = [{"client_id": client_id, "url": text, "events": [text, *HOSTILE]} for text in HOSTILE]
    await insert(desk, Endpoint, rows)
    kept = await desk.world.fetch("SELECT url, events FROM endpoints WHERE agency_id = $1", desk.agency_id)
    assert {row["url"]: row["events"] for row in kept} == {row["url"]: row["events"] for row in rows}
    await insert(desk, Endpoint, [{"client_id": client_id, "url": "none", "events": []}])
    [none] = await desk.world.fetch(
        "SELECT events FROM endpoints WHERE url = 'none' AND agency_id = $1", desk.agency_id
    )
    assert none["events"] == []


async def test_rows_get_the_models_defaults_and_the_databases(desk):
    deeds = [{"actor": "system", "action": "test.bulk", "subject": text, "client_id": None} for text in HOSTILE]
    await insert(desk, AuditEntry, deeds)
    query = "SELECT id, subject, details, at FROM audit_entries WHERE agency_id = $1 AND action = 'test.bulk'"
    kept = await desk.world.fetch(query, desk.agency_id)
    assert sorted(row["subject"] for row in kept) == sorted(HOSTILE)
    assert all(row["details"] == "{}" and row["at"] is not None for row in kept)


async def test_shared_values_are_those_of_every_row(desk):
    at = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    shared = {
        "agency_id": desk.agency_id,
        "client_id": read_id("cli", desk.client.id),
        "meter": "items.received",
        "occurred_at": at,
        "local_date": at.date(),
        "time_zone": "UTC",
        "dims": {"kind": 'a "post"'},
        "source_id": None,
    }
    rows = [{"quantity": Decimal(quantity)} for quantity in ("0.0001", "1", "2.5")]
    async with desk.world.parts.database.transaction(Scope(desk.agency_id)) as session:
        await insert_rows(session, UsageRecord, rows, shared=shared)
    kept = await desk.world.fetch(
        "SELECT quantity, occurred_at, billable, dims->>'kind' AS kind FROM usage_records WHERE agency_id = $1 ORDER BY quantity",
        desk.agency_id,
    )
    assert [tuple(row) for row in kept] == [(row["quantity"], at, True, 'a "post"') for row in rows]


async def test_what_is_known_is_refused_or_left_out(desk):
    rows = [{"code": "twice", "name": "First"}, {"code": "once", "name": "Second"}]
    await insert(desk, Queue, rows[:1])
    with pytest.raises(DBAPIError):
        await insert(desk, Queue, rows)
    await insert(desk, Queue, [{"code": "twice", "name": "Again"}, rows[1]], skip_known=True)
    kept = await desk.world.fetch(
        "SELECT name FROM queues WHERE agency_id = $1 AND code IN ('once', 'twice') ORDER BY code", desk.agency_id
    )
    assert [row["name"] for row in kept] == ["Second", "First"]


async def test_a_row_of_another_agency_is_refused(desk, world):
    other = await open_desk(world)
    with pytest.raises(DBAPIError):
        async with world.parts.database.transaction(Scope(desk.agency_id)) as session:
            await insert_rows(session, Queue, [{"agency_id": other.agency_id, "code": "theirs", "name": "Theirs"}])


async def test_nothing_is_nothing(desk):
    await insert(desk, Delivery, [])
    assert (
        await desk.world.fetch("SELECT 1 FROM deliveries WHERE agency_id = $1 AND id = $2", desk.agency_id, new_id())
        == []
    )
