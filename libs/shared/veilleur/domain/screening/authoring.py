"""Writing rule sets for a client: checked against its catalogue and the agency's queues, then kept, then published."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.catalogue.queries import load_catalogue
from veilleur.domain.review.models import Queue
from veilleur.domain.rules.catalogue_view import ActionSpec, Catalogue
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.rules.document import digest_document
from veilleur.domain.rules.findings import Finding
from veilleur.domain.rules.language import parse_rule_set, refuse_rule_set
from veilleur.domain.rules.list_queries import hold_lists, load_known_lists
from veilleur.domain.rules.lists import SharedLists, list_shared_codes
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.rules.publish import find_version, publish_version, save_version
from veilleur.domain.rules.sent import read_language
from veilleur.domain.rules.source import read_source
from veilleur.domain.tenancy.models import Client
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import Invalid
from veilleur.kernel.ids import show_id


@dataclass(frozen=True, slots=True)
class Saved:
    """A draft, and what its author should look at before publishing: failed tests and warnings."""

    version: RuleSetVersion
    findings: tuple[Finding, ...]


async def load_rule_catalogue(session: AsyncSession, agency_id: UUID, client_id: UUID) -> Catalogue:
    """What a client's rules may say."""
    catalogue = await load_catalogue(session, agency_id, client_id)
    queues = await session.scalars(select(Queue.code).where(Queue.agency_id == agency_id))
    client = await session.get_one(Client, (agency_id, client_id))
    actions: dict[str, Any] = {
        code: ActionSpec(action.verdict, frozenset(action.targets), action.needs_until)  # type: ignore[arg-type]
        for code, action in catalogue.actions.items()
    }
    languages = tuple(dict.fromkeys(map(read_language, client.languages)))
    return Catalogue(frozenset(catalogue.policies), actions, frozenset(queues), languages)


async def find_shared_lists(
    session: AsyncSession, agency_id: UUID, client_id: UUID | None, source: object
) -> SharedLists:
    """The lists that a rule set may refer to, those with what they hold that it does refer to."""
    try:
        codes = list_shared_codes((await asyncio.to_thread(read_source, source)).value)
    except Invalid:
        return {}
    return await load_known_lists(session, agency_id, client_id, codes) if codes else {}


async def save_rule_set(
    session: AsyncSession, agency_id: UUID, client_id: UUID, source: object, note: str, author: str
) -> Saved:
    """Keep a rule set as a draft. Mistakes refuse it, all at once; failed tests only keep it from being published."""
    catalogue = await load_rule_catalogue(session, agency_id, client_id)
    shared = await find_shared_lists(session, agency_id, client_id, source)
    checked = await asyncio.to_thread(check_rule_set, source, catalogue, shared)
    mistakes = [finding for finding in checked.errors if finding.slug != "test-failed"]
    if mistakes:
        raise refuse_rule_set(mistakes)
    document = parse_rule_set(source, shared).document
    version = await save_version(session, agency_id, client_id, document, digest_document(document), note, author)
    return Saved(version, (*checked.errors, *checked.warnings))


async def check_version(session: AsyncSession, version: RuleSetVersion) -> None:
    """Check a version once more: catalogue and lists may have changed since it was saved, and its tests must pass.

    What it shares stays as it is until the transaction ends.
    """
    if version.lists:
        await hold_lists(session, version.agency_id)
    catalogue = await load_rule_catalogue(session, version.agency_id, version.client_id)
    shared = await find_shared_lists(session, version.agency_id, version.client_id, version.document)
    checked = await asyncio.to_thread(check_rule_set, version.document, catalogue, shared)
    if checked.errors:
        raise refuse_rule_set(checked.errors)


async def require_lists(session: AsyncSession, version: RuleSetVersion) -> None:
    """Refuse a version whose shared lists are gone or no longer fit; they stay until the transaction ends."""
    if not version.lists:
        return
    await hold_lists(session, version.agency_id)
    shared = await find_shared_lists(session, version.agency_id, version.client_id, version.document)
    parse_rule_set(version.document, shared)


async def publish_rule_set(
    session: AsyncSession, agency_id: UUID, client_id: UUID, number: int, author: str
) -> RuleSetVersion:
    """Check a version and let it screen from now on, whatever it changes."""
    draft = await find_version(session, agency_id, client_id, number)
    await check_version(session, draft)
    return await put_in_force(session, draft, author)


async def put_in_force(
    session: AsyncSession, version: RuleSetVersion, actor: str, approver: str | None = None
) -> RuleSetVersion:
    """Let a checked version screen from now on."""
    published = await publish_version(session, version, actor, approver)
    details = {"version": version.version, "digest": version.digest}
    details |= {} if approver is None else {"requested_by": actor}
    details |= {} if version.restores is None else {"restores": version.restores}
    subject = show_id("cli", version.client_id)
    deed = Deed(approver or actor, "rule_set.published", subject, version.client_id, details)
    await record_deeds(session, version.agency_id, [deed])
    await hint_work(session, version.agency_id, "counters")
    return published
