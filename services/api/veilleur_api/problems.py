"""Every refusal as RFC 9457 `application/problem+json`, in the caller's language."""

import asyncio
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from veilleur.infra.db.faults import is_passing
from veilleur.infra.figures import REFUSALS
from veilleur.infra.validation import invalid_from_pydantic
from veilleur.kernel.errors import InputError, NotFound, Problem, TooMany, Unavailable
from veilleur.kernel.messages import Language, Message, choose_language, msg
from veilleur_api.answers import JsonAnswer

AUDIENCES = frozenset(("ingest", "moderator", "owner", "admin", "oauth"))
PROBLEM_TYPE = "application/problem+json"

_log = structlog.get_logger(__name__)


def install_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    for error in (DBAPIError, PoolTimeoutError, OSError, asyncio.TimeoutError):
        app.add_exception_handler(error, _on_outage)
    app.add_exception_handler(ClientDisconnect, _on_hang_up)
    app.add_exception_handler(Exception, _on_surprise)


def describe_problem(problem: Problem, language: Language, instance: str | None = None) -> dict[str, Any]:
    """The problem document."""
    document: dict[str, Any] = {
        "type": f"urn:veilleur:problem:{problem.slug}",
        "title": problem.title.render(language),
        "status": problem.status,
        "detail": problem.detail.render(language),
    }
    if instance is not None:
        document["instance"] = instance
    if problem.errors:
        document["errors"] = [_describe_error(error, language) for error in problem.errors]
    return document | problem.extra


def render_problem(request: Request, problem: Problem) -> Response:
    path: str = request.scope["path"]
    REFUSALS.labels(_find_audience(path), problem.status, problem.slug).inc()
    language = choose_language(request.headers.get("accept-language"))
    headers: dict[str, str] = {"content-language": language}
    if isinstance(problem, TooMany | Unavailable):
        headers["retry-after"] = str(problem.retry_after)
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    return JsonAnswer(describe_problem(problem, language, path), problem.status, headers, media_type=PROBLEM_TYPE)


def _find_audience(path: str) -> str:
    first = path.split("/", 2)[1] if "/" in path else ""
    return first if first in AUDIENCES else "other"


def _describe_error(error: InputError, language: Language) -> dict[str, Any]:
    document: dict[str, Any] = {"pointer": error.pointer, "detail": error.detail.render(language)}
    if error.hint is not None:
        document["hint"] = error.hint.render(language)
    if error.line is not None:
        document |= {"line": error.line, "column": error.column}
    return document


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - the handler is registered for this class
    return render_problem(request, error)


async def _on_validation(request: Request, error: Exception) -> Response:
    """FastAPI's own 422 in our shape: a pointer into the body, or the name of the parameter."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = error.errors()
    document = error.body if all(one["loc"][:1] == ("body",) for one in found) else None
    return render_problem(request, invalid_from_pydantic(found, drop=1, document=document))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 404:
        return render_problem(request, NotFound(msg("There is no such address here")))
    problem = _plain(error.status_code, error)
    response = render_problem(request, problem)
    response.headers.update(error.headers or {})
    return response


async def _on_outage(request: Request, error: Exception) -> Response:
    """The database or a socket failed under us: nothing was promised, so the caller may simply try again."""
    if isinstance(error, DBAPIError) and not is_passing(error):
        return await _on_surprise(request, error)
    _log.warning("request_unavailable", path=request.url.path, error=type(error).__name__)
    return render_problem(request, Unavailable(msg("A part of the service is away; try again")))


async def _on_hang_up(_request: Request, _error: Exception) -> Response:
    """Who went away in the middle of a body hears nothing, and it is nobody's fault."""
    return Response(status_code=400)


async def _on_surprise(request: Request, error: Exception) -> Response:
    _log.error("request_failed", path=request.url.path, error=type(error).__name__, exc_info=error)
    return render_problem(request, Problem(msg("This is our fault and has been logged")))


def _plain(status: int, error: HTTPException) -> Problem:
    titles: dict[int, tuple[str, Message]] = {
        405: ("method-not-allowed", msg("This address does not know that method")),
        406: ("not-acceptable", msg("This address can't answer in that form")),
    }
    slug, title = titles.get(status, ("http", Message(str(error.detail))))
    kind = type("HttpProblem", (Problem,), {"status": status, "default_slug": slug, "title": title})
    problem: Problem = kind(title)
    return problem
