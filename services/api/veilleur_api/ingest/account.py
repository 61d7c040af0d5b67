"""What a key may do, and what its client's rules and moderators may say."""

from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.catalogue.queries import load_catalogue
from veilleur.domain.catalogue.shape import describe_action, describe_policy
from veilleur.domain.tenancy.models import Client as ClientRow
from veilleur.domain.tenancy.models import Source
from veilleur.domain.tenancy.quota import find_today
from veilleur.domain.tenancy.set_quota import describe_client_quota, load_standing
from veilleur.kernel.clock import now
from veilleur.kernel.ids import show_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Client, PartsOf, Tx
from veilleur_api.guard import BULK_BODY, WEBHOOK_BODY, guarded_router, needs
from veilleur_api.ingest.documents import CatalogueOut, MeOut
from veilleur_api.principals import authorise_client

router = guarded_router("/ingest/v1", authorise_client, "account")

LIMITS = {
    "items_per_call": 1_000,
    "items_body_bytes": BULK_BODY,
    "webhook_body_bytes": WEBHOOK_BODY,
    "text_characters": 50_000,
    "event_days": 30,
}


@router.get("/me", responses={200: {"model": MeOut}}, **needs("items:read"))
async def get_account(caller: Client, session: Tx, parts: PartsOf) -> Response:
    """Who this key is: its client, scopes, limits, use and sources."""
    client = await session.get_one(ClientRow, (caller.agency_id, caller.client_id))
    query = select(Source).where(Source.agency_id == caller.agency_id, Source.client_id == caller.client_id)
    sources = await session.scalars(query.order_by(Source.id))
    standing = await load_standing(session, caller.agency_id, client.id, find_today(now(), client.time_zone))
    return JsonAnswer(
        {
            "client": {
                "id": show_id("cli", client.id),
                "slug": client.slug,
                "name": client.name,
                "time_zone": client.time_zone,
                "languages": client.languages,
                "interim": client.interim,
            },
            "credential": {
                "id": show_id("key", caller.credential_id),
                "scopes": sorted(caller.scopes),
                "test": caller.test,
            },
            "limits": LIMITS,
            "quota": describe_client_quota(standing),
            "sources": [
                {
                    "id": show_id("src", source.id),
                    "kind": source.kind,
                    "name": source.name,
                    "mode": source.mode,
                    "url": f"{parts.settings.issuer}/ingest/v1/sources/{show_id('src', source.id)}",
                }
                for source in sources
            ],
        }
    )


@router.get("/catalogue", responses={200: {"model": CatalogueOut}}, **needs("items:read"))
async def get_catalogue(caller: Client, session: Tx) -> Response:
    """The policies and actions that decisions about your items may name."""
    catalogue = await load_catalogue(session, caller.agency_id, caller.client_id)
    return JsonAnswer(
        {
            "policies": [describe_policy(policy) for policy in catalogue.policies.values()],
            "actions": [describe_action(action) for action in catalogue.actions.values()],
        }
    )
