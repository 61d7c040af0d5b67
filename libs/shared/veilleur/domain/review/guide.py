"""The guide of a client: what its moderators may say, how to recognise it, and how this client speaks."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.catalogue.models import Macro
from veilleur.domain.catalogue.queries import ClientCatalogue, load_catalogues, load_macros
from veilleur.domain.catalogue.shape import describe_action, describe_macro, describe_policy
from veilleur.domain.review.care import Scale
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.strict_json import canonical_digest


@dataclass(frozen=True, slots=True)
class Guide:
    """One client's catalogue, saved replies and manners. Nothing of another client's ever stands beside it."""

    client: Client
    catalogue: ClientCatalogue
    macros: dict[str, Macro]

    @property
    def scale(self) -> Scale:
        severities = {code: policy.severity for code, policy in self.catalogue.policies.items()}
        return Scale(severities, self.client.default_severity)


async def load_guides(session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]) -> dict[UUID, Guide]:
    catalogues = await load_catalogues(session, agency_id, client_ids)
    macros = await load_macros(session, agency_id, client_ids)
    query = select(Client).where(Client.agency_id == agency_id, Client.id.in_(client_ids))
    return {
        client.id: Guide(client, catalogues[client.id], macros[client.id]) for client in await session.scalars(query)
    }


def describe_guide(guide: Guide) -> dict[str, Any]:
    """The guide as the contract shapes it; `version` changes exactly when its content does."""
    return {"version": guide_version(guide)} | _content(guide)


def summarise_guide(guide: Guide) -> dict[str, Any]:
    """What an assignment carries of it: everything a decision may name, and how this client wants to be spoken for."""
    return {
        "version": guide_version(guide),
        "policies": sorted(guide.catalogue.policies),
        "actions": sorted(guide.catalogue.actions),
        "macros": sorted(guide.macros),
        "house_rules": guide.client.house_rules,
        "tone": guide.client.tone,
    }


def guide_version(guide: Guide) -> str:
    return canonical_digest(_content(guide)).hex()[:16]


def _content(guide: Guide) -> dict[str, Any]:
    actions = [describe_action(action) for action in guide.catalogue.actions.values()]
    return {
        "policies": [describe_policy(policy) for policy in guide.catalogue.policies.values()],
        "default_severity": guide.client.default_severity,
        "actions": [{name: value for name, value in action.items() if name != "undo"} for action in actions],
        "macros": [describe_macro(macro) for macro in guide.macros.values()],
        "house_rules": guide.client.house_rules,
        "tone": guide.client.tone,
        "contacts": guide.client.contacts,
    }
