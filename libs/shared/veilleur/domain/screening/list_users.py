"""Who uses a shared list, and whether a change would break it there."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from veilleur.domain.rules.catalogue_view import Catalogue
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.rules.expressions import read_expression
from veilleur.domain.rules.findings import Finding
from veilleur.domain.rules.list_queries import load_owned_lists
from veilleur.domain.rules.lists import ListDocument, SharedLists, list_shared_codes
from veilleur.domain.rules.models import RuleSetVersion, SharedList
from veilleur.domain.screening.authoring import load_rule_catalogue
from veilleur.domain.tenancy.models import Client
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import Message, msg

MAX_TOLD = 3
"""Mistakes shown of each rule set that would break."""


@dataclass(frozen=True, slots=True)
class ListUser:
    """A rule set that is published, about to be, or in shadow. `slug` is its client's."""

    client_id: UUID
    slug: str
    version: int
    state: str
    document: Mapping[str, Any]

    @property
    def name(self) -> Message:
        client = show_id("cli", self.client_id)
        return msg("{slug} ({client}) rule set {version}", slug=self.slug, client=client, version=self.version)


async def find_users(session: AsyncSession, agency_id: UUID, client_id: UUID | None, code: str) -> list[ListUser]:
    """The rule sets in use for which `code` is, or would be, the list of this owner."""
    table, own = RuleSetVersion, aliased(SharedList)
    in_shadow = and_(table.shadow_since.is_not(None), table.shadow_until.is_(None))
    query = (
        select(table.client_id, Client.slug, table.version, table.state, table.document)
        .join(Client, and_(Client.agency_id == table.agency_id, Client.id == table.client_id))
        .where(
            table.agency_id == agency_id,
            table.lists.contains([code]),
            or_(table.state.in_(("published", "pending")), in_shadow),
        )
        .order_by(Client.slug, table.version)
    )
    if client_id is not None:
        query = query.where(table.client_id == client_id)
    else:
        hidden = exists().where(own.agency_id == agency_id, own.client_id == table.client_id, own.code == code)
        query = query.where(~hidden)
    return [ListUser(*row) for row in await session.execute(query)]


async def refuse_breakage(
    session: AsyncSession, agency_id: UUID, users: Sequence[ListUser], code: str, document: dict[str, Any]
) -> None:
    """`Invalid` names every published rule set that would have a mistake, or a failing test, that it has not now."""
    errors: list[InputError] = []
    published = [(user, list_shared_codes(user.document)) for user in users if user.state == "published"]
    # Lists are what is large here: of the agency's each is loaded and read once for all who use it.
    everybodys = await _load_documents(session, agency_id, None, {name for _, codes in published for name in codes})
    changed = ListDocument(document)
    for user, codes in published:
        catalogue = await load_rule_catalogue(session, agency_id, user.client_id)
        own = await _load_documents(session, agency_id, user.client_id, codes)
        before = {name: one for name, one in everybodys.items() if name in codes} | own
        broken = await asyncio.to_thread(_find_breakage, user.document, catalogue, before, before | {code: changed})
        errors += _tell_breakage(user, broken[:MAX_TOLD])
    if errors:
        raise Invalid(msg("The list would break rule sets that use it"), slug="breaks-rule-set", errors=errors)


async def recount_users(session: AsyncSession, agency_id: UUID, users: Sequence[ListUser], code: str) -> None:
    """Have counters that count by this list begin anew: what they counted so far was by what it held before."""
    counting = [user.client_id for user in users if user.state == "published" and _counts_by(user.document, code)]
    if counting:
        mine = (Client.agency_id == agency_id, Client.id.in_(counting))
        await session.execute(update(Client).where(*mine).values(counter_epoch=Client.counter_epoch + 1))
        await hint_work(session, agency_id, "counters")


async def _load_documents(
    session: AsyncSession, agency_id: UUID, client_id: UUID | None, codes: Collection[str]
) -> dict[str, ListDocument]:
    """Of this owner alone."""
    found = await load_owned_lists(session, agency_id, client_id, codes)
    return {code: ListDocument(document) for code, document in found.items()}


def _find_breakage(
    document: Mapping[str, Any], catalogue: Catalogue, before: SharedLists, after: SharedLists
) -> list[Finding]:
    errors = check_rule_set(document, catalogue, after).errors
    known = check_rule_set(document, catalogue, before).errors if errors else ()
    return [error for error in errors if error not in known]


def _tell_breakage(user: ListUser, broken: Sequence[Finding]) -> Iterator[InputError]:
    for finding in broken:
        reason = msg("{name}, {path}: {reason}", name=user.name, path=finding.path, reason=finding.message)
        yield InputError("/list", reason, finding.hint)


def _counts_by(document: Mapping[str, Any], code: str) -> bool:
    """Published documents are sound: their parts are what they have to be."""
    names = {name for name, one in document["lists"].items() if (one.get("kind"), one.get("list")) == ("shared", code)}
    filters = [counter["where"] for counter in document.get("counters", {}).values() if "where" in counter]
    return any(call.argument in names for where in filters for call in read_expression(where).calls)
