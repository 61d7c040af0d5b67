"""Where a client, or the agency itself, is called back."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.outbox.models import Delivery, Endpoint, EndpointSecret
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.security.standard_webhooks import new_webhook_secret, parse_webhook_secret
from veilleur.kernel.ids import new_id, show_id


def endpoint_aad(agency_id: UUID, endpoint_id: UUID) -> str:
    """What an endpoint's sealed secret is bound to: it opens nowhere else."""
    return f"{agency_id}|endpoint_secrets|{endpoint_id}"


async def add_endpoint(  # noqa: PLR0917
    session: AsyncSession,
    sealer: Sealer,
    agency_id: UUID,
    client_id: UUID | None,
    url: str,
    events: Sequence[str],
    actor: str,
) -> tuple[Endpoint, str]:
    """An endpoint and its first secret (`whsec_…`), which is shown once. The URL is checked by the caller."""
    endpoint = Endpoint(agency_id=agency_id, id=new_id(), client_id=client_id, url=url, events=list(events))
    await _keep(session, endpoint, actor)
    secret = new_webhook_secret()
    sealed = sealer.seal(parse_webhook_secret(secret, "/secret"), endpoint_aad(agency_id, endpoint.id))
    session.add(
        EndpointSecret(agency_id=agency_id, id=new_id(), endpoint_id=endpoint.id, client_id=client_id, sealed=sealed)
    )
    await session.flush()
    return endpoint, secret


async def add_mailbox(session: AsyncSession, endpoint: Endpoint, actor: str) -> None:
    """Keep an endpoint of the agency that is told in sentences: it has no secret to sign with."""
    endpoint.id = new_id()
    await _keep(session, endpoint, actor)


async def retire_endpoint(session: AsyncSession, endpoint: Endpoint, actor: str) -> None:
    """Stop calling an endpoint: what is still on its way to it is given up."""
    endpoint.disabled_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.flush()
    mine = (Delivery.agency_id == endpoint.agency_id, Delivery.endpoint_id == endpoint.id)
    given_up = {"state": "dead", "due_at": None, "last_error": "disabled"}
    await session.execute(update(Delivery).where(*mine, Delivery.due_at.is_not(None)).values(given_up))
    deed = Deed(actor, "endpoint.disabled", show_id("end", endpoint.id), endpoint.client_id)
    await record_deeds(session, endpoint.agency_id, [deed])


async def _keep(session: AsyncSession, endpoint: Endpoint, actor: str) -> None:
    session.add(endpoint)
    await session.flush()
    await session.refresh(endpoint)
    deed = Deed(actor, "endpoint.created", show_id("end", endpoint.id), endpoint.client_id)
    await record_deeds(session, endpoint.agency_id, [deed])
