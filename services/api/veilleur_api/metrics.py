"""Figures for Prometheus on the admin port."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from veilleur.infra.figures import API, INSTALLATION, join
from veilleur_api.deps import PartsOf

_ALL = join(API, INSTALLATION)

router = APIRouter(tags=["health"])


@router.get("/metrics")
async def get_metrics(parts: PartsOf) -> Response:
    """Prometheus text format: what this process counted, and what waits in the whole installation."""
    await parts.measurer.refresh(parts.database)
    parts.database.tell_pool(parts.intake_database)
    return Response(generate_latest(_ALL), media_type=CONTENT_TYPE_LATEST)
