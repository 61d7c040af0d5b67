"""The OpenAPI documents: one an audience, generated from the routes, committed in `openapi/` and compared in CI.

`veilleur openapi` writes them, `veilleur openapi --check` fails when the committed ones are not true.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from veilleur_api import health, login, metrics, oauth
from veilleur_api.audiences import ADMIN, INGEST, MODERATOR, OWNER
from veilleur_api.callbacks import CALLBACKS
from veilleur_api.ingest.documents import EXTRA_SCHEMAS
from veilleur_api.slugs import SLUGS

VERSION = "1"
FOLDER = Path("openapi")
_REF = "#/components/schemas/{model}"

_TITLES = {
    "ingest": "Veilleur for client platforms",
    "moderator": "Veilleur for moderators",
    "owner": "Veilleur for owners, leads, auditors and accountants",
    "admin": "Veilleur for the operator",
}


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="veilleur openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed files instead of writing")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    stale = 0
    for name, document in build_documents().items():
        path = options.folder / f"{name}.json"
        text = json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale += 1
            sys.stderr.write(f"{path} is not what the code says: run `make openapi`\n")
    return 1 if stale else 0


def build_documents() -> dict[str, dict[str, Any]]:
    """Every document by its name."""
    return {
        "ingest": _build("ingest", (*INGEST, oauth.router), EXTRA_SCHEMAS),
        "moderator": _build("moderator", (*MODERATOR, oauth.router, login.router)),
        "owner": _build("owner", OWNER),
        "admin": _build("admin", (*ADMIN, health.router, metrics.router)),
        "callbacks": CALLBACKS,
    }


def _build(name: str, routers: tuple[APIRouter, ...], extra: tuple[type[Any], ...] = ()) -> dict[str, Any]:
    routes = [route for router in routers for route in router.routes]
    document = get_openapi(
        title=_TITLES[name],
        version=VERSION,
        routes=routes,
        summary="Everything is JSON in UTF-8; refusals are RFC 9457 problems.",
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    if extra:
        _, definitions = models_json_schema([(model, "validation") for model in extra], ref_template=_REF)
        schemas |= definitions["$defs"]
    for shape in ("HTTPValidationError", "ValidationError"):
        schemas.pop(shape, None)
    schemas["Problem"] = _problem_schema()
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                _finish(document["paths"][route.path_format][method.lower()], route.name)
    return document


def _finish(operation: dict[str, Any], name: str) -> None:
    operation["operationId"] = name
    permission = operation.get("x-permission", "public")
    operation["security"] = [] if permission == "public" else [{"bearer": []}]
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = {
        "description": "A problem",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    error = {
        "type": "object",
        "required": ["pointer", "detail"],
        "properties": {
            "pointer": text,
            "detail": text,
            "hint": text,
            "line": {"type": "integer"},
            "column": {"type": "integer"},
        },
    }
    return {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "enum": [f"urn:veilleur:problem:{slug}" for slug in SLUGS]},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "instance": text,
            "errors": {"type": "array", "items": error},
        },
    }
