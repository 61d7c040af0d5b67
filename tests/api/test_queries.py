"""A filter that names what is not there, or that is misspelt, is told; it never answers as if nothing were there."""

import pytest

from tests.api.refusals import read_pointers, read_problem
from veilleur.kernel.ids import new_id, show_id


@pytest.mark.parametrize(
    ("path", "pointers", "allowed"),
    [
        ("/owner/v1/cases?que=default&limit=5", ["/que"], "queue"),
        ("/owner/v1/usage?meter=items.received&group_by=day", ["/meter"], "group_by"),
        ("/owner/v1/clients?slug=a&Limit=1", ["/slug", "/Limit"], "limit"),
        ("/owner/v1/deliveries?state=dead&a~b%2Fc=1", ["/a~0b~1c"], "endpoint"),
        ("/moderator/v1/me?x=1", ["/x"], "after"),
    ],
)
async def test_a_parameter_that_an_address_does_not_know_is_refused_with_those_it_knows(
    shared_agency, path, pointers, allowed
):
    answer = await shared_agency.owner.ask("GET", path)
    assert read_pointers(answer, 422, "invalid") == pointers
    assert allowed in answer.json()["errors"][0]["hint"]


async def test_a_change_is_never_made_as_if_a_parameter_were_not_there(shared_agency):
    body = {"code": "misspelt", "name": "Q"}
    answer = await shared_agency.owner.ask("POST", "/owner/v1/queues?dry_run=1", body)
    problem = read_problem(answer, 422, "invalid")
    assert problem["errors"][0] == {
        "pointer": "/dry_run",
        "detail": "is not a parameter of this address",
        "hint": "this address takes none",
    }
    assert "misspelt" not in (await shared_agency.owner.ask("GET", "/owner/v1/queues?limit=200")).text


async def test_any_list_may_be_asked_for_in_pages(shared_agency, shared_client):
    for path in ("/owner/v1/overview", f"{shared_client.base}/guide", "/moderator/v1/assignments"):
        plain = await shared_agency.owner.ask("GET", path)
        assert (await shared_agency.owner.ask("GET", f"{path}?limit=200")).status_code == plain.status_code


async def test_a_platform_may_add_what_it_likes_to_the_address_of_a_source(client):
    raw = b'{"type": "item.created", "data": {"external_id": "c_1", "text": "Bonjour"}}'
    url = f"/ingest/v1/sources/{client.source['id']}?utm_source=platform"
    assert (await client.http.post(url, content=raw, headers=client.sign(raw))).status_code == 202


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/owner/v1/deliveries?endpoint=", "end"),
        ("/owner/v1/platform-actions?client=", "cli"),
        ("/owner/v1/platform-actions?item=", "itm"),
        ("/owner/v1/platform-actions?decision=", "dec"),
        ("/ingest/v1/deliveries?endpoint=", "end"),
    ],
)
async def test_an_id_that_nobody_has_is_no_empty_list(shared_agency, shared_client, path, prefix):
    caller = shared_client.api if "ingest" in path else shared_agency.owner
    for unknown in (show_id(prefix, new_id()), "nonsense"):
        read_problem(await caller.ask("GET", path + unknown), 404, "not-found")
