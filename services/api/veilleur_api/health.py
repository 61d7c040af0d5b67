"""Alive, ready, and figures."""

import asyncio

from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from veilleur.infra.db.session import NOBODY
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import PartsOf

READY_WITHIN_S = 2.0

router = APIRouter(tags=["health"])


@router.get("/livez")
async def get_liveness() -> Response:
    """The process answers."""
    return JsonAnswer({"status": "alive"})


@router.get("/readyz")
async def get_readiness(parts: PartsOf) -> Response:
    """The database answers and has a schema. Redis away is not unready: the worker's sweep does without."""
    try:
        async with asyncio.timeout(READY_WITHIN_S), parts.database.transaction(NOBODY) as session:
            revision = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return JsonAnswer({"status": "unready", "database": type(error).__name__}, 503, {"retry-after": "1"})
    return JsonAnswer({"status": "ready", "schema": revision})
