"""A client's data policy: which providers may see its content, and how long what is its is kept.

Who may see content is said in one place only, the list of clients at each provider, which is what providers are asked
by; a policy reads and writes it there. So it is with how long events are kept: it stands with the client, whose
document calls it `payload_days`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.custody.models import DataPolicy
from veilleur.domain.custody.terms import TERMS, read_terms
from veilleur.domain.providers.models import Provider
from veilleur.domain.tenancy.models import Client
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import canonical_digest

EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Policy:
    """Names of providers, and days by kind, every kind named."""

    providers: tuple[str, ...]
    retention_days: dict[str, int]

    def describe(self) -> dict[str, Any]:
        limits = {
            kind: {"default": term.default, "from": term.floor, "to": term.ceiling} for kind, term in TERMS.items()
        }
        return {"providers": list(self.providers), "retention_days": self.retention_days, "limits": limits}

    @property
    def etag(self) -> str:
        return f'"{canonical_digest([list(self.providers), dict(self.retention_days)]).hex()[:16]}"'


async def load_policy(session: AsyncSession, agency_id: UUID, client_id: UUID, *, lock: bool = False) -> Policy:
    rows = await _load_providers(session, agency_id, lock=lock)
    allowed = tuple(sorted(row.name for row in rows if client_id in row.clients))
    return Policy(allowed, await load_terms(session, agency_id, client_id))


async def load_terms(session: AsyncSession, agency_id: UUID, client_id: UUID) -> dict[str, int]:
    """Days by kind."""
    kept = await session.get(DataPolicy, (agency_id, client_id), populate_existing=True)
    events = select(Client.payload_days).where(Client.agency_id == agency_id, Client.id == client_id)
    own = {EVENTS: (await session.execute(events)).scalar_one()}
    return read_terms(({} if kept is None else kept.retention_days) | own)


async def set_policy(session: AsyncSession, agency_id: UUID, client_id: UUID, policy: Policy, actor: str) -> Policy:
    """Let these providers and no others see the client's content, from now on; keep things for these terms."""
    rows = await _load_providers(session, agency_id, lock=True)
    known = {row.name: row for row in rows}
    _require_known(policy.providers, sorted(known))
    before = await load_policy(session, agency_id, client_id)
    for name, row in known.items():
        wanted = set(row.clients) - {client_id} | ({client_id} if name in policy.providers else set())
        if wanted != set(row.clients):
            row.clients = sorted(wanted)
    await _keep_terms(session, agency_id, client_id, policy.retention_days, actor)
    after = await load_policy(session, agency_id, client_id)
    details = {
        "providers": {"from": list(before.providers), "to": list(after.providers)},
        "retention_days": {
            kind: {"from": before.retention_days[kind], "to": days}
            for kind, days in after.retention_days.items()
            if days != before.retention_days[kind]
        },
    }
    await _note(session, agency_id, client_id, actor, details)
    return after


async def keep_events_for(session: AsyncSession, client: Client, days: int, actor: str) -> None:
    """The one term of the policy that the client's document names as well; the caller keeps the new version."""
    if days != client.payload_days:
        details = {"retention_days": {EVENTS: {"from": client.payload_days, "to": days}}}
        client.payload_days = days
        await _note(session, client.agency_id, client.id, actor, details)


async def _note(
    session: AsyncSession, agency_id: UUID, client_id: UUID, actor: str, details: Mapping[str, Any]
) -> None:
    deed = Deed(actor, "data_policy.changed", show_id("cli", client_id), client_id, dict(details))
    await record_deeds(session, agency_id, [deed])
    await hint_work(session, agency_id, "retention")


async def _keep_terms(
    session: AsyncSession, agency_id: UUID, client_id: UUID, terms: Mapping[str, int], actor: str
) -> None:
    client = await session.get_one(Client, (agency_id, client_id))
    if client.payload_days != terms[EVENTS]:
        client.payload_days = terms[EVENTS]
        client.version += 1
    others = {kind: days for kind, days in terms.items() if kind != EVENTS}
    values = {"agency_id": agency_id, "client_id": client_id, "retention_days": others, "changed_by": actor}
    changed = {"retention_days": others, "changed_by": actor, "changed_at": func.app_now()}
    keys = ["agency_id", "client_id"]
    await session.execute(upsert(DataPolicy).values(values).on_conflict_do_update(index_elements=keys, set_=changed))
    await session.flush()


def _require_known(names: Sequence[str], known: list[str]) -> None:
    errors = [
        InputError(f"/providers/{place}", msg("there is no such provider"), msg("one of {allowed}", allowed=known))
        for place, name in enumerate(names)
        if name not in known
    ]
    if errors:
        raise Invalid(msg("The data policy can't be kept like this"), errors=errors)


async def _load_providers(session: AsyncSession, agency_id: UUID, *, lock: bool) -> Sequence[Provider]:
    query = (
        select(Provider).where(Provider.agency_id == agency_id, Provider.disabled_at.is_(None)).order_by(Provider.id)
    )
    return (await session.scalars(query.with_for_update() if lock else query)).all()
