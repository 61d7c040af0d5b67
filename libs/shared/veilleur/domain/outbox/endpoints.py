"""Where a client, or the agency itself, is called back."""

from datetime import timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.outbox.announce import Announcement, announce
from veilleur.domain.outbox.models import Delivery, Endpoint, EndpointSecret
from veilleur.domain.tenancy.secret_limit import refuse_too_many_secrets
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.security.standard_webhooks import new_webhook_secret, parse_webhook_secret
from veilleur.kernel.ids import new_id, show_id

Reason = Literal["owner", "client", "gone", "failing"]
"""Who ended it: `gone` and `failing` are the receiver's own doing."""


def endpoint_aad(agency_id: UUID, endpoint_id: UUID) -> str:
    """What an endpoint's sealed secret is bound to: it opens nowhere else."""
    return f"{agency_id}|endpoint_secrets|{endpoint_id}"


def url_aad(agency_id: UUID, endpoint_id: UUID) -> str:
    """What an endpoint's sealed URL is bound to."""
    return f"{agency_id}|endpoints|url|{endpoint_id}"


async def add_endpoint(session: AsyncSession, sealer: Sealer, endpoint: Endpoint, actor: str) -> str:
    """Keep an endpoint; its first secret (`whsec_…`), which is shown once. The URL is checked by the caller."""
    endpoint.id = new_id()
    await _keep(session, endpoint, actor)
    secret = new_webhook_secret()
    session.add(_seal(sealer, endpoint, parse_webhook_secret(secret, "/secret")))
    await session.flush()
    return secret


async def add_mailbox(session: AsyncSession, sealer: Sealer, endpoint: Endpoint, actor: str) -> None:
    """Keep an endpoint of the agency that is told in sentences: it has no secret to sign with. A chat's URL is one."""
    endpoint.id = new_id()
    if endpoint.kind == "slack":
        endpoint.sealed_url = sealer.seal(endpoint.url.encode(), url_aad(endpoint.agency_id, endpoint.id))
        endpoint.url = hide_path(endpoint.url)
    await _keep(session, endpoint, actor)


def hide_path(url: str) -> str:
    """Of a chat's URL the host; what is hidden already stays as it is."""
    return "/".join([*url.split("/")[:3], "…"])


async def retire_endpoint(session: AsyncSession, endpoint: Endpoint, actor: str, reason: Reason = "owner") -> None:
    """Stop calling an endpoint: what is still on its way to it is given up; the client's others are told."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    if endpoint.disabled_at is not None:
        return
    endpoint.disabled_at, endpoint.disabled_reason = present, reason
    await session.flush()
    mine = (Delivery.agency_id == endpoint.agency_id, Delivery.endpoint_id == endpoint.id)
    given_up = {"state": "dead", "due_at": None, "last_error": "disabled"}
    await session.execute(update(Delivery).where(*mine, Delivery.due_at.is_not(None)).values(given_up))
    shown = show_id("end", endpoint.id)
    deed = Deed(actor, "endpoint.disabled", shown, endpoint.client_id, {"reason": reason})
    await record_deeds(session, endpoint.agency_id, [deed])
    if endpoint.client_id is not None and reason != "client":
        data = {"endpoint": shown, "url": endpoint.url, "reason": reason}
        await announce(
            session, endpoint.agency_id, [Announcement(endpoint.client_id, "endpoint.disabled", data, present)]
        )


async def revive_endpoint(session: AsyncSession, endpoint: Endpoint, actor: str) -> None:
    """Call an endpoint again. What it missed is asked for apart."""
    endpoint.disabled_at = endpoint.disabled_reason = None
    await session.flush()
    deed = Deed(actor, "endpoint.enabled", show_id("end", endpoint.id), endpoint.client_id)
    await record_deeds(session, endpoint.agency_id, [deed])


async def rotate_endpoint_secret(
    session: AsyncSession, sealer: Sealer, endpoint: Endpoint, key: bytes, overlap: timedelta, actor: str
) -> None:
    """Add a key; those that stand sign on for `overlap`, or less if they already were to end earlier.

    Each costs every callback a signature: beyond `MOST_SECRETS` it is a `Conflict` (`secret-limit`).
    """
    standing = update(EndpointSecret).where(
        EndpointSecret.agency_id == endpoint.agency_id, EndpointSecret.endpoint_id == endpoint.id
    )
    ends = func.least(EndpointSecret.expires_at, func.app_now() + overlap)
    await session.execute(standing.values(expires_at=ends))
    session.add(_seal(sealer, endpoint, key))
    await session.flush()
    live = select(func.count()).where(
        EndpointSecret.agency_id == endpoint.agency_id,
        EndpointSecret.endpoint_id == endpoint.id,
        func.coalesce(EndpointSecret.expires_at > func.app_now(), True),
    )
    refuse_too_many_secrets((await session.execute(live)).scalar_one())
    deed = Deed(actor, "endpoint.secret_rotated", show_id("end", endpoint.id), endpoint.client_id)
    await record_deeds(session, endpoint.agency_id, [deed])


def _seal(sealer: Sealer, endpoint: Endpoint, key: bytes) -> EndpointSecret:
    return EndpointSecret(
        agency_id=endpoint.agency_id,
        id=new_id(),
        endpoint_id=endpoint.id,
        client_id=endpoint.client_id,
        sealed=sealer.seal(key, endpoint_aad(endpoint.agency_id, endpoint.id)),
    )


async def _keep(session: AsyncSession, endpoint: Endpoint, actor: str) -> None:
    session.add(endpoint)
    await session.flush()
    await session.refresh(endpoint)
    deed = Deed(actor, "endpoint.created", show_id("end", endpoint.id), endpoint.client_id)
    await record_deeds(session, endpoint.agency_id, [deed])
