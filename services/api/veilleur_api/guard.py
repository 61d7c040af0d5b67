"""The gate of every route, in the contract's order of refusals.

413 too large → 415 encoded → 401/403 credentials and permission → 400 unreadable JSON, before FastAPI sees a byte.
A route without a declared permission can't be built: access is denied by default.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Cookie, Header, Path
from fastapi.routing import APIRoute
from starlette.responses import Response

from veilleur.kernel.errors import InputError, Invalid, Problem, TooLarge, Unsupported
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import Json, extend_pointer, strict_loads
from veilleur_api.parts import Parts

KIB = 1024
MIB = 1024 * KIB
SMALL_BODY = 256 * KIB
WEBHOOK_BODY = MIB
BULK_BODY = 16 * MIB
STRANGERS_BODY = MIB
READ_AT_ONCE = SMALL_BODY
BULK_NODES = 2_000_000
SMALL_NODES = 20_000
DEPTH = 32

PAGING = frozenset(("after", "limit"))
"""What every list takes, one that is always whole too."""

PUBLIC = "public"
"""The permission of what everybody may call."""

Authorise = Callable[[Request, str], Awaitable[None]]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def needs(permission: str, *, body: int = SMALL_BODY, depth: int = DEPTH) -> dict[str, Any]:
    """Declare a route's permission and the largest body it reads: `@router.post(..., **needs("clients:write"))`."""
    return {"openapi_extra": {"x-permission": permission, "x-max-body": body, "x-max-depth": depth}}


def guarded_router(prefix: str, authorise: Authorise, tag: str, *, direct: bool = False) -> APIRouter:
    """A router whose every route passes `authorise(request, permission)` first.

    The endpoints of a `direct` one take `request` and their path's parameters as they are, and answer with a
    `Response`: FastAPI's own reading of parameters, a tenth of a webhook's cost, is left out.
    """

    class GuardedRoute(APIRoute):
        def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
            if "x-permission" not in (options.get("openapi_extra") or {}):
                message = f"{endpoint.__name__} declares no permission"
                raise TypeError(message)
            super().__init__(path, endpoint, **options)

        def get_route_handler(self) -> Handler:
            handle = self._call_endpoint if direct else super().get_route_handler()
            extra = self.openapi_extra or {}
            permission, limit, depth = extra["x-permission"], extra["x-max-body"], extra["x-max-depth"]
            reads_json = self.body_field is not None
            # A platform adds what it likes to the address that it was given.
            known = None if direct else self._list_query()

            async def guarded(request: Request) -> Response:
                raw = await _read_admitted(request, limit, lambda: authorise(request, permission))
                _check_query(request, known)
                if reads_json and raw:
                    _require_json(request)
                    request._json = await _read_json(request, raw, depth, _max_nodes(limit))  # noqa: SLF001 - Starlette's own cache
                return await handle(request)

            return guarded

        def _list_query(self) -> frozenset[str]:
            """The names of its query parameters."""
            params = get_flat_params(self.dependant)
            names = {one.alias for one in params if not isinstance(one.field_info, Path | Header | Cookie)}
            return PAGING | names if "GET" in (self.methods or ()) else frozenset(names)

        async def _call_endpoint(self, request: Request) -> Response:
            response: Response = await self.endpoint(request=request, **request.path_params)
            return response

    return APIRouter(prefix=prefix, route_class=GuardedRoute, tags=[tag], strict_content_type=False)


async def read_body(request: Request, limit: int) -> bytes:
    """The raw body, at most `limit` bytes and not encoded; kept for whoever asks the request again."""
    return await _read_admitted(request, limit, None)


async def _read_admitted(request: Request, limit: int, admit: Callable[[], Awaitable[None]] | None) -> bytes:
    """As `read_body`, for who passes `admit`; it is asked after the body, as the order of refusals wants it.

    Who sends much is looked at on the way: of a stranger's body no more than `STRANGERS_BODY` is ever in memory, the
    rest is counted and let go.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise _too_large(limit)
    raw, size = bytearray(), 0
    refusal: Problem | None = None
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        if refusal is None:
            raw += chunk
        if admit is not None and refusal is None and size > STRANGERS_BODY:
            refusal, admit = await _judge(admit), None
            if refusal is not None:
                raw.clear()
    _refuse_encoding(request)
    if admit is not None:
        refusal = await _judge(admit)
    if refusal is not None:
        raise refusal
    request._body = bytes(raw)  # noqa: SLF001 - Starlette's own cache
    return request._body  # noqa: SLF001


async def _judge(admit: Callable[[], Awaitable[None]]) -> Problem | None:
    try:
        await admit()
    except Problem as problem:
        return problem
    return None


def _refuse_encoding(request: Request) -> None:
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Unsupported(msg("Send the body as it is, without Content-Encoding"), slug="unsupported-encoding")


def _check_query(request: Request, known: Collection[str] | None) -> None:
    """A filter that is misspelt would answer with everything there is, and nobody would see it."""
    if request.query_params and (errors := list(_find_mistakes(request, known))):
        raise Invalid(msg("Some values can't be accepted"), errors=errors)


def _find_mistakes(request: Request, known: Collection[str] | None) -> Iterator[InputError]:
    """No text of the database can hold a NUL; in a body strict JSON refuses it, in a query nobody else does."""
    for name, value in request.query_params.multi_items():
        pointer = extend_pointer("", name[:80])
        if "\0" in value:
            yield InputError(pointer, msg("holds a NUL or half a surrogate pair"), msg("remove the character"))
        if known is not None and name not in known:
            hint = msg("allowed: {codes}", codes=sorted(known)) if known else msg("this address takes none")
            yield InputError(pointer, msg("is not a parameter of this address"), hint)


async def _read_json(request: Request, raw: bytes, depth: int, nodes: int) -> Json:
    """Reading a large document takes a second: in a thread, so that nobody waits for it, and one at a time."""
    if len(raw) <= READ_AT_ONCE:
        return strict_loads(raw, max_depth=depth, max_nodes=nodes)
    parts: Parts = request.app.state.parts
    async with parts.reading:
        return await asyncio.to_thread(strict_loads, raw, max_depth=depth, max_nodes=nodes)


def _require_json(request: Request) -> None:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Unsupported(msg("Send JSON with `Content-Type: application/json`, not {kind}", kind=kind[:100]))


def _max_nodes(limit: int) -> int:
    return BULK_NODES if limit > MIB else SMALL_NODES


def _too_large(limit: int) -> TooLarge:
    return TooLarge(msg("This address reads at most {limit} bytes", limit=limit))
