"""Every operation of every audience, tried by a thief with the ids of another."""

import pytest

from tests.journeys.isolation.attempts import (
    AUDIENCES,
    BY_BODY,
    BY_PATH,
    BY_QUERY,
    LISTS,
    OPERATIONS,
    caller_of,
    named,
    refuses,
    try_path,
)
from tests.journeys.isolation.rows import dump_agency, dump_client, shown_ids


@pytest.mark.parametrize("audience", AUDIENCES)
def test_every_operation_is_tried_or_has_a_reason_not_to_be(audience):
    """Otherwise it is written down in the module of this audience, beside this one."""
    operations = {one.name: one for one in OPERATIONS if one.audience == audience}
    asked = AUDIENCES[audience]
    tried = {one.name for one in (*BY_PATH, *BY_BODY, *BY_QUERY, *LISTS) if one.audience == audience}
    assert operations.keys() == tried | asked.alone.keys()
    assert asked.names - operations.keys() == set()
    changing = {one.name for one in BY_PATH if one.audience == audience and one.method in ("POST", "PATCH", "PUT")}
    assert changing - asked.bodies.keys() == asked.bodiless


async def test_the_agency_that_is_tried_has_rows_in_every_table(world, seized):
    rows = await dump_agency(world, seized)
    assert len(rows) > 25
    assert [table for table, found in rows.items() if not found] == []


@pytest.mark.parametrize("operation", BY_PATH, **named)
async def test_ids_of_another_agency_lead_nowhere(world, thief, seized, operation):
    other, own = seized.path_ids, thief.path_ids
    before = await dump_agency(world, seized)
    refuses(await try_path(caller_of(thief, operation.audience), operation, other))
    for name in operation.path_ids[1:]:
        refuses(await try_path(caller_of(thief, operation.audience), operation, own | {name: other[name]}))
    assert await dump_agency(world, seized) == before


@pytest.mark.parametrize(
    "operation", [one for one in BY_PATH if one.path_ids[0] == "client_id" and len(one.path_ids) > 1], **named
)
async def test_ids_under_a_client_are_that_clients_own(world, thief, operation):
    first, second = thief.homes
    before = await dump_client(world, second)
    for name in operation.path_ids[1:]:
        refuses(await try_path(caller_of(thief, operation.audience), operation, first.ids | {name: second.ids[name]}))
    assert await dump_client(world, second) == before


@pytest.mark.parametrize("operation", BY_BODY, **named)
async def test_ids_of_another_agency_in_a_body_are_unknown(world, thief, seized, operation):
    make, pointer = operation.asked.body_ids[operation.name]
    before = await dump_agency(world, seized), await dump_agency(world, thief)
    body = make(seized, seized.homes[0])
    refuses(await caller_of(thief, operation.audience).ask(operation.method, operation.path, body), pointer)
    assert (await dump_agency(world, seized), await dump_agency(world, thief)) == before


@pytest.mark.parametrize("operation", BY_QUERY, **named)
async def test_ids_of_another_agency_in_a_query_are_unknown(thief, seized, operation):
    query = operation.asked.query_ids[operation.name](seized.homes[0])
    refuses(await caller_of(thief, operation.audience).ask("GET", operation.path + query))


@pytest.mark.parametrize("operation", LISTS, **named)
async def test_lists_hold_nothing_of_another_agency(world, thief, seized, operation):
    answer = await caller_of(thief, operation.audience).ask("GET", operation.path + operation.list_query)
    assert answer.status_code == 200, answer.text
    foreign = shown_ids(await dump_agency(world, seized)) - shown_ids(await dump_agency(world, thief))
    assert len(foreign) > 50
    assert [one for one in foreign if one in answer.text] == []
    assert "seized" not in answer.text
    if operation.audience == "ingest":
        own = shown_ids(await dump_client(world, thief.homes[0]))
        siblings = shown_ids(await dump_client(world, thief.homes[1])) - own
        assert [one for one in siblings if one in answer.text] == []
        assert thief.homes[1].mark not in answer.text


async def test_lists_do_hold_what_is_ones_own(world, thief):
    """So that the tests above do not look at empty answers."""
    home = thief.homes[0]
    for audience, path, expected in (
        ("owner", "/owner/v1/clients", home.client.id),
        ("owner", f"{home.client.base}/endpoints", home.ids["endpoint_id"]),
        ("owner", f"{home.client.base}/credentials", home.ids["key_id"]),
        ("owner", "/owner/v1/members", thief.ids["member"]),
        ("owner", "/owner/v1/queues", thief.ids["queue"]),
        ("owner", "/owner/v1/calendars", thief.ids["calendar"]),
        ("owner", "/owner/v1/usage?group_by=client,source", home.client.source["id"]),
        ("owner", "/owner/v1/usage/records?limit=200", home.items["c_decided"]),
        ("owner", "/owner/v1/deliveries?limit=200", home.ids["endpoint_id"]),
        ("owner", "/owner/v1/alarms", home.mark),
        ("owner", f"{home.client.base}/rule-sets/1/backtests", home.ids["backtest_id"]),
        ("moderator", "/moderator/v1/assignments", home.ids["assignment_id"]),
        ("owner", f"{home.client.base}/invoices", home.ids["invoice_id"]),
        ("owner", f"{home.client.base}/quotes", home.ids["quote_id"]),
        ("owner", "/owner/v1/billing-runs", thief.ids["run"]),
        ("ingest", "/ingest/v1/invoices", home.ids["invoice_id"]),
        ("ingest", "/ingest/v1/me", home.client.source["id"]),
        ("ingest", "/ingest/v1/endpoints", home.ids["endpoint_id"]),
        ("ingest", "/ingest/v1/deliveries?limit=200", home.ids["delivery_id"]),
        ("ingest", "/ingest/v1/events?limit=200", home.items["c_decided"]),
        ("ingest", f"/ingest/v1/items/{home.items['c_decided']}", home.items["c_decided"]),
    ):
        answer = await caller_of(thief, audience).ask("GET", path)
        assert expected in answer.text, path
