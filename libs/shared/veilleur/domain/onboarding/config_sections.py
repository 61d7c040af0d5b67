"""The sections of a client's configuration: how each is read, and how a change of it takes effect.

A new part of a client's configuration is one more entry in `SECTIONS`. A section never holds a secret or an id of
another client: what one client's document says can be put to another client of the agency.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.catalogue.models import Action, Macro, Policy
from veilleur.domain.catalogue.queries import load_catalogue, load_macros
from veilleur.domain.catalogue.shape import describe_action, describe_policy
from veilleur.domain.onboarding.announce_changes import CatalogueChange, announce_changes
from veilleur.domain.outbox.models import Endpoint
from veilleur.domain.review.models import Queue
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.screening.authoring import save_rule_set
from veilleur.domain.sla.adopt import Application, NewPolicy, adopt_policy
from veilleur.domain.sla.models import SlaPolicyVersion
from veilleur.domain.tenancy.models import Client
from veilleur.domain.trials.publish import request_publication
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import new_id, read_id, show_id
from veilleur.kernel.messages import msg

Json = Any


@dataclass(frozen=True, slots=True)
class Change:
    """A section that is to be another one. `actor` is who asked for it."""

    client: Client
    before: Json
    after: Json
    actor: str


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    read: Callable[[AsyncSession, Client], Awaitable[Json]]
    apply: Callable[[AsyncSession, Change], Awaitable[None]]


async def _read_settings(session: AsyncSession, client: Client) -> Json:
    queue = await session.get_one(Queue, (client.agency_id, client.queue_id))
    return {
        "time_zone": client.time_zone,
        "languages": client.languages,
        "interim": client.interim,
        "calendar": show_id("cal", client.calendar_id),
        "queue": queue.code,
        "house_rules": client.house_rules,
        "tone": client.tone,
        "contacts": client.contacts,
    }


async def _apply_settings(session: AsyncSession, change: Change) -> None:
    client, wanted = change.client, dict(change.after)
    queues = await session.scalars(
        select(Queue.id).where(Queue.agency_id == client.agency_id, Queue.code == wanted.pop("queue"))
    )
    client.queue_id = queues.one()
    client.calendar_id = read_id("cal", wanted.pop("calendar"))
    for name, value in wanted.items():
        setattr(client, name, value)
    client.version += 1
    await session.flush()


async def _read_policies(session: AsyncSession, client: Client) -> Json:
    catalogue = await load_catalogue(session, client.agency_id, client.id)
    return [describe_policy(policy) for policy in catalogue.policies.values()]


async def _read_actions(session: AsyncSession, client: Client) -> Json:
    catalogue = await load_catalogue(session, client.agency_id, client.id)
    return [describe_action(action) for action in catalogue.actions.values()]


async def _apply_policies(session: AsyncSession, change: Change) -> None:
    changes = await _replace_entries(session, Policy, change)
    told = [CatalogueChange("policy", code, what) for code, what in changes]
    await announce_changes(session, change.client.agency_id, change.client.id, told)


async def _apply_actions(session: AsyncSession, change: Change) -> None:
    changes = await _replace_entries(session, Action, change)
    told = [CatalogueChange("action", code, what) for code, what in changes]
    await announce_changes(session, change.client.agency_id, change.client.id, told)


async def _read_macros(session: AsyncSession, client: Client) -> Json:
    macros = (await load_macros(session, client.agency_id, [client.id]))[client.id]
    return [{"code": macro.code, "title": macro.title, "texts": macro.texts} for macro in macros.values()]


async def _apply_macros(session: AsyncSession, change: Change) -> None:
    await _replace_entries(session, Macro, change)


async def _replace_entries(
    session: AsyncSession, table: Any, change: Change
) -> list[tuple[str, Literal["added", "changed", "removed"]]]:
    """Rows by code become those of the document; the codes that were added, changed or removed."""
    client = change.client
    mine = (table.agency_id == client.agency_id, table.client_id == client.id)
    rows = {row.code: row for row in await session.scalars(select(table).where(*mine))}
    wanted = {entry["code"]: entry for entry in change.after}
    before = {entry["code"]: entry for entry in change.before}
    changes: list[tuple[str, Literal["added", "changed", "removed"]]] = []
    for code, entry in wanted.items():
        if code not in rows:
            session.add(table(agency_id=client.agency_id, id=new_id(), client_id=client.id, **entry))
            changes.append((code, "added"))
        elif entry != before.get(code):
            for name, value in entry.items():
                setattr(rows[code], name, value)
            changes.append((code, "changed"))
    gone = sorted(rows.keys() - wanted.keys())
    await session.flush()
    await session.execute(delete(table).where(*mine, table.code.in_(gone)))
    return [*changes, *((code, "removed") for code in gone)]


async def _read_rule_set(session: AsyncSession, client: Client) -> Json:
    query = select(RuleSetVersion.document).where(
        RuleSetVersion.agency_id == client.agency_id,
        RuleSetVersion.client_id == client.id,
        RuleSetVersion.state == "published",
    )
    return (await session.execute(query)).scalar_one_or_none()


async def _apply_rule_set(session: AsyncSession, change: Change) -> None:
    client = change.client
    saved = await save_rule_set(session, client.agency_id, client.id, change.after, "configuration", change.actor)
    asked = await request_publication(session, client, saved.version.version, change.actor)
    if asked.pending:
        raise Conflict(
            msg("These rules would treat too much of the traffic otherwise: publish them by themselves, with approval"),
            slug="second-person",
        )


async def _read_sla(session: AsyncSession, client: Client) -> Json:
    return (await _newest_policy(session, client)).document


async def _apply_sla(session: AsyncSession, change: Change) -> None:
    policy = NewPolicy(change.client.id, change.after, "configuration", change.actor)
    await adopt_policy(session, change.client.agency_id, policy, Application())


async def _newest_policy(session: AsyncSession, client: Client) -> SlaPolicyVersion:
    query = select(SlaPolicyVersion).where(
        SlaPolicyVersion.agency_id == client.agency_id, SlaPolicyVersion.client_id == client.id
    )
    return (await session.scalars(query.order_by(SlaPolicyVersion.version.desc()).limit(1))).one()


async def _read_callbacks(session: AsyncSession, client: Client) -> Json:
    choices = [sorted(endpoint.events) for endpoint in await _endpoints(session, client)]
    agreed = bool(choices) and all(choice == choices[0] for choice in choices)
    return {"events": choices[0] if agreed else None}


async def _apply_callbacks(session: AsyncSession, change: Change) -> None:
    for endpoint in await _endpoints(session, change.client):
        endpoint.events = change.after["events"]
    await session.flush()


async def _endpoints(session: AsyncSession, client: Client) -> Sequence[Endpoint]:
    query = select(Endpoint).where(
        Endpoint.agency_id == client.agency_id, Endpoint.client_id == client.id, Endpoint.disabled_at.is_(None)
    )
    return (await session.scalars(query)).all()


async def has_endpoints(session: AsyncSession, client: Client) -> bool:
    return bool(await _endpoints(session, client))


SECTIONS: tuple[Section, ...] = (
    Section("settings", _read_settings, _apply_settings),
    Section("actions", _read_actions, _apply_actions),
    Section("policies", _read_policies, _apply_policies),
    Section("macros", _read_macros, _apply_macros),
    Section("rule_set", _read_rule_set, _apply_rule_set),
    Section("sla", _read_sla, _apply_sla),
    Section("callbacks", _read_callbacks, _apply_callbacks),
)
"""In the order in which changes take effect: rules are published against the catalogue that comes with them."""

SECTION_NAMES: tuple[str, ...] = tuple(section.name for section in SECTIONS)
