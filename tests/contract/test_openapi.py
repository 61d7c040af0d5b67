"""The committed OpenAPI documents are true, whole, and valid OpenAPI 3.1."""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
from fastapi.routing import APIRoute
from schemathesis.specs.openapi import definitions

from veilleur_api import health, login, metrics, oauth
from veilleur_api.audiences import ADMIN, INGEST, MODERATOR, OWNER
from veilleur_api.docs import PUBLIC_DOCUMENTS
from veilleur_api.openapi import build_documents, run
from veilleur_api.slugs import SLUGS

ROOT = Path(__file__).parents[2]
DOCUMENTS = build_documents()
AUDIENCES = {
    "ingest": (*INGEST, oauth.router),
    "moderator": (*MODERATOR, oauth.router, login.router),
    "owner": OWNER,
    "admin": (*ADMIN, health.router, metrics.router),
}
every_document = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
every_audience = pytest.mark.parametrize("name", AUDIENCES)


def list_nodes(value, pointer="#"):
    """Every object and list of a document with its pointer."""
    yield pointer, value
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in steps:
        yield from list_nodes(below, f"{pointer}/{str(step).replace('~', '~0').replace('/', '~1')}")


def list_operations(name):
    for path, operations in DOCUMENTS[name]["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation


def test_the_committed_documents_are_what_the_code_says():
    assert run(["--check", "--folder", str(ROOT / "openapi")]) == 0


def test_there_is_one_document_an_audience_and_one_for_callbacks():
    assert {file.name for file in (ROOT / "openapi").iterdir()} == {
        f"{name}.json" for name in [*AUDIENCES, "callbacks"]
    }


@every_document
def test_a_document_is_valid_openapi_3_1(document):
    definitions.OPENAPI_31_VALIDATOR.validate(document)


@every_document
def test_no_two_shapes_of_an_audience_share_a_name(document):
    """Where they do, both are called after their modules."""
    schemas = document.get("components", {}).get("schemas", {})
    assert [name for name in schemas if "__" in name] == []


@every_document
def test_no_reference_leads_nowhere(document):
    pointers = dict(list_nodes(document))
    for pointer, node in list_nodes(document):
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            assert node["$ref"] in pointers, pointer


@every_document
def test_every_schema_is_one_that_a_validator_accepts(document):
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        jsonschema_rs.Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        )


@every_audience
def test_an_operation_is_named_after_its_function_and_once(name):
    described = {(path, method): operation["operationId"] for path, method, operation in list_operations(name)}
    built = {
        (route.path_format, method.lower()): route.endpoint.__name__
        for router in AUDIENCES[name]
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods
    }
    assert described == built
    assert len(set(described.values())) == len(described)


@every_audience
def test_an_operation_says_what_it_does_who_may_and_how_it_refuses(name):
    for path, method, operation in list_operations(name):
        assert operation["description"], (method, path)
        assert any(status.startswith(("2", "3")) for status in operation["responses"]), (method, path)
        assert "application/problem+json" in operation["responses"]["default"]["content"], (method, path)
        assert operation["security"] == (
            [] if operation.get("x-permission", "public") == "public" else [{"bearer": []}]
        )


@every_audience
def test_every_value_in_a_path_is_described(name):
    for path, method, operation in list_operations(name):
        described = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert described == set(re.findall(r"{(\w+)}", path)), (method, path)


@every_audience
def test_a_document_lists_every_problem_there_is(name):
    types = DOCUMENTS[name]["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert types == [f"urn:veilleur:problem:{slug}" for slug in SLUGS]


async def test_the_service_shows_the_same_documents(world):
    for name in PUBLIC_DOCUMENTS:
        answer = await world.http.get(f"/openapi/{name}.json")
        assert answer.status_code == 200
        assert answer.json() == json.loads(json.dumps(DOCUMENTS[name])), name


async def test_the_bare_address_leads_to_the_documents_and_health_answers_head(world):
    way = (await world.http.get("/")).json()
    assert (await world.http.get(way["documentation"])).status_code == 200
    assert way["openapi"].keys() == set(PUBLIC_DOCUMENTS)
    assert (await world.http.get(way["openapi"]["owner"])).status_code == 200
    for path in ("/", "/livez", way["health"]):
        told, asked = await world.http.head(path), await world.http.get(path)
        assert told.status_code == asked.status_code


async def test_the_operators_document_is_not_shown_to_the_public(world):
    assert "admin" in DOCUMENTS
    assert (await world.http.get("/openapi/admin.json")).status_code == 404
