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
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.rules.publish import find_version, publish_version, save_version
from veilleur.infra.worklist import hint_work
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
    actions: dict[str, Any] = {
        code: ActionSpec(action.verdict, frozenset(action.targets), action.needs_until)  # type: ignore[arg-type]
        for code, action in catalogue.actions.items()
    }
    return Catalogue(frozenset(catalogue.policies), actions, frozenset(queues))


async def save_rule_set(
    session: AsyncSession, agency_id: UUID, client_id: UUID, source: object, note: str, author: str
) -> Saved:
    """Keep a rule set as a draft. Mistakes refuse it, all at once; failed tests only keep it from being published."""
    catalogue = await load_rule_catalogue(session, agency_id, client_id)
    checked = await asyncio.to_thread(check_rule_set, source, catalogue)
    mistakes = [finding for finding in checked.errors if finding.slug != "test-failed"]
    if mistakes:
        raise refuse_rule_set(mistakes)
    document = parse_rule_set(source).document
    version = await save_version(session, agency_id, client_id, document, digest_document(document), note, author)
    return Saved(version, (*checked.errors, *checked.warnings))


async def check_version(session: AsyncSession, version: RuleSetVersion) -> None:
    """Check a version once more: the catalogue may have changed since it was saved, and its tests must pass."""
    catalogue = await load_rule_catalogue(session, version.agency_id, version.client_id)
    checked = await asyncio.to_thread(check_rule_set, version.document, catalogue)
    if checked.errors:
        raise refuse_rule_set(checked.errors)


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
