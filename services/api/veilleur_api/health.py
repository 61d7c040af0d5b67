"""Alive, and ready."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from veilleur.kernel.messages import choose_language
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import PartsOf
from veilleur_api.readiness import look

router = APIRouter(tags=["health"])


@router.get("/livez")
@router.head("/livez", include_in_schema=False)
async def get_liveness() -> Response:
    """The process answers."""
    return JsonAnswer({"status": "alive"})


@router.get("/readyz")
@router.head("/readyz", include_in_schema=False)
async def get_readiness(parts: PartsOf, request: Request) -> Response:
    """`ready`, `degraded` (`200`: everything is accepted and kept, something is late) or `unready` (`503`: send nothing
    here), with every reason.
    """
    readiness = await parts.looks.run(lambda: look(parts))
    language = choose_language(request.headers.get("accept-language"))
    body = {
        "status": readiness.status,
        "schema": readiness.revision,
        "reasons": [{"part": one.part, "detail": one.detail.render(language)} for one in readiness.reasons],
    }
    return JsonAnswer(body, 503, {"retry-after": "1"}) if readiness.status == "unready" else JsonAnswer(body)
