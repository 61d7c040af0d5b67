"""What routes about endpoints have in common, whoever asks."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.delivery.redrive import Redriven
from veilleur.domain.delivery.shape import describe_endpoint
from veilleur.domain.outbox.endpoints import rotate_endpoint_secret
from veilleur.domain.outbox.models import Endpoint
from veilleur.infra.outbound.dial import check_callback_host
from veilleur.infra.outbound.egress import check_callback_url
from veilleur.infra.security.standard_webhooks import new_webhook_secret, parse_webhook_secret
from veilleur.kernel.ids import show_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.endpoint_documents import SecretIn
from veilleur_api.parts import Parts

_BEGINNING, _END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
"""Between them lies every instant at which anything was made; the database knows fewer years than a client may name."""


def read_since(since: datetime | None) -> datetime:
    """None is the beginning."""
    return min(max(since or _BEGINNING, _BEGINNING), _END)


async def check_url(parts: Parts, url: str | None) -> None:
    """Before the first word with the database: the name server may take its time."""
    if url is not None:
        check_callback_url(url, parts.egress, "/url")
        await check_callback_host(url, parts.egress, "/url", parts.resolve)


def read_changes(patch: BaseModel) -> dict[str, Any]:
    """What a patch says; null says something of `rate_per_s` alone."""
    said = patch.model_dump(exclude_unset=True)
    return {name: value for name, value in said.items() if value is not None or name == "rate_per_s"}


async def answer_endpoint(session: AsyncSession, endpoint: Endpoint, status: int = 200, **more: Any) -> Response:
    present = (await session.execute(select(func.app_now()))).scalar_one()
    return JsonAnswer(describe_endpoint(endpoint, present) | more, status)


async def answer_new_secret(
    session: AsyncSession, parts: Parts, endpoint: Endpoint, new: SecretIn, actor: str
) -> Response:
    """The secret is shown this once."""
    secret = (new.secret or new_webhook_secret()).strip()
    key = parse_webhook_secret(secret, "/secret")
    sealer = await parts.keyring.sealer_in(session, endpoint.agency_id, endpoint.client_id)
    await rotate_endpoint_secret(session, sealer, endpoint, key, timedelta(seconds=new.overlap_s), actor)
    return JsonAnswer({"id": show_id("end", endpoint.id), "secret": secret}, 201)


def answer_redriven(redriven: Redriven) -> Response:
    return JsonAnswer({"deliveries": redriven.count, "more": redriven.more}, 202)
