"""The applications: the public one with an audience a router package, and the operator's on the admin port."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from veilleur.infra.settings import Settings
from veilleur_api import docs, health, login, metrics, oauth
from veilleur_api.audiences import ADMIN, INGEST, MODERATOR, OWNER
from veilleur_api.parts import Parts, build_parts
from veilleur_api.problems import install_problem_handlers


def create_app(settings: Settings, parts: Parts | None = None) -> FastAPI:
    """The public application: ingest, moderator, owner, tokens, health."""
    parts = parts or build_parts(settings)
    app = _create(parts, lifespan=_running(parts))
    for router in (*INGEST, *MODERATOR, *OWNER, oauth.router, login.router):
        app.include_router(router)
    app.include_router(health.router)
    app.mount("/docs/static", docs.SWAGGER_FILES)
    app.include_router(docs.router)
    return app


def create_admin_app(settings: Settings, parts: Parts | None = None) -> FastAPI:
    """The operator's application; it shares the parts of the public one in the same process."""
    shared = parts is not None
    parts = parts or build_parts(settings)
    app = _create(parts, lifespan=None if shared else _running(parts))
    for router in (*ADMIN, health.router, metrics.router):
        app.include_router(router)
    return app


def _create(parts: Parts, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None) -> FastAPI:
    app = FastAPI(
        title="Veilleur",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # Its logs would hold what callers sent, its metrics what ours say.
        telemetry={
            "tracer_provider": parts.tracers,
            "tracing": parts.settings.otlp_url is not None,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
        },
    )
    app.state.parts = parts
    install_problem_handlers(app)
    return app


def _running(parts: Parts) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[None]:
        await parts.issuer.load_keys()
        await parts.gate.open()
        yield
        await parts.unstored.settle()
        await parts.gate.close()
        await parts.bell.close()
        await parts.http.aclose()
        await parts.intake_database.close()
        await parts.database.close()

    return run
