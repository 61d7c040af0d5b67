"""Interactive documentation: one page for all audiences, served from here, asking no network."""

from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from veilleur.kernel.errors import NotFound
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.openapi import build_documents

PUBLIC_DOCUMENTS = ("ingest", "moderator", "owner", "callbacks")

SWAGGER_FILES = StaticFiles(directory=str(files("fastapi_offline") / "static"))

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Veilleur API</title>
<link rel="stylesheet" href="/docs/static/swagger-ui.css"></head>
<body><nav style="font-family: sans-serif; padding: 1em">Veilleur: {links}</nav><div id="swagger-ui"></div>
<script src="/docs/static/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({{dom_id: "#swagger-ui", deepLinking: true, url: "/openapi/{name}.json"}});
</script></body></html>
"""

router = APIRouter(include_in_schema=False)


@router.get("/")
@router.head("/")
async def show_the_way() -> Response:
    """For whoever knows the address only."""
    documents = {name: f"/openapi/{name}.json" for name in PUBLIC_DOCUMENTS}
    return JsonAnswer({"name": "Veilleur", "documentation": "/docs", "openapi": documents, "health": "/readyz"})


@router.get("/docs")
async def show_docs() -> Response:
    return await show_docs_of(PUBLIC_DOCUMENTS[0])


@router.get("/docs/{name}")
async def show_docs_of(name: str) -> Response:
    if name not in PUBLIC_DOCUMENTS:
        raise NotFound(msg("There is no such document"))
    links = " · ".join(f'<a href="/docs/{one}">{one}</a>' for one in PUBLIC_DOCUMENTS)
    return HTMLResponse(_PAGE.format(links=links, name=name))


@router.get("/openapi/{name}.json")
def show_document(name: str) -> Response:
    if name not in PUBLIC_DOCUMENTS:
        raise NotFound(msg("There is no such document"))
    return JsonAnswer(_documents()[name])


@cache
def _documents() -> dict[str, dict[str, Any]]:
    """Built when first asked for, in a thread: it takes the better part of a second, and few processes are asked."""
    return build_documents()
