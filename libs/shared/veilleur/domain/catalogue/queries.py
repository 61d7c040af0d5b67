"""A client's catalogue, read whole: it is small and every decision is checked against it."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.catalogue.models import Action, Macro, Policy


@dataclass(frozen=True, slots=True)
class ClientCatalogue:
    """The policies and actions of one client, by code."""

    policies: dict[str, Policy]
    actions: dict[str, Action]


async def load_catalogues(
    session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]
) -> dict[UUID, ClientCatalogue]:
    catalogues = {client_id: ClientCatalogue({}, {}) for client_id in client_ids}
    policies = select(Policy).where(Policy.agency_id == agency_id, Policy.client_id.in_(client_ids))
    for policy in await session.scalars(policies.order_by(Policy.code)):
        catalogues[policy.client_id].policies[policy.code] = policy
    actions = select(Action).where(Action.agency_id == agency_id, Action.client_id.in_(client_ids))
    for action in await session.scalars(actions.order_by(Action.code)):
        catalogues[action.client_id].actions[action.code] = action
    return catalogues


async def load_catalogue(session: AsyncSession, agency_id: UUID, client_id: UUID) -> ClientCatalogue:
    return (await load_catalogues(session, agency_id, [client_id]))[client_id]


async def load_macros(
    session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]
) -> dict[UUID, dict[str, Macro]]:
    """The saved replies of each client, by code."""
    macros: dict[UUID, dict[str, Macro]] = {client_id: {} for client_id in client_ids}
    query = select(Macro).where(Macro.agency_id == agency_id, Macro.client_id.in_(client_ids))
    for macro in await session.scalars(query.order_by(Macro.code)):
        macros[macro.client_id][macro.code] = macro
    return macros
