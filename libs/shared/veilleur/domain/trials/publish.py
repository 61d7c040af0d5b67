"""Publishing with a guard: a change that would treat too much of the traffic otherwise waits for a second person.

What is measured: the client's last contexts under the version in force and under the new one, both from what is
stored. A rollback has no guard; it is the emergency exit.
"""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.rules.publish import find_version, hold_version, lock_versions
from veilleur.domain.rules.queries import find_published
from veilleur.domain.screening.authoring import check_version, put_in_force
from veilleur.domain.screening.contexts import Place, read_contexts
from veilleur.domain.tenancy.models import Client
from veilleur.domain.trials.blast import Blast, measure_blast
from veilleur.domain.trials.compare import Trial, compare_contexts, set_up_bench
from veilleur.domain.trials.shelf import Shelf
from veilleur.domain.trials.standpoint import Standpoint
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg

MAX_CONTEXTS = 10_000
PAGE = 1_000
PATIENCE_S = 4.0
"""Whoever publishes waits for the answer: what could not be looked at by then is left out, the newest came first."""


@dataclass(frozen=True, slots=True)
class Publication:
    """`pending`: somebody else has to approve. `blast` None: nothing had to be measured."""

    version: RuleSetVersion
    pending: bool
    blast: Blast | None = None


async def request_publication(session: AsyncSession, client: Client, number: int, actor: str) -> Publication:
    """Publish a version, or hold it until a second person approves."""
    agency_id = client.agency_id
    await lock_versions(session, client.id)
    draft = await find_version(session, agency_id, client.id, number)
    if draft.state == "published":
        return Publication(draft, pending=False)
    await check_version(session, draft)
    present = await find_published(session, agency_id, client.id)
    trial = Trial(client.id, number, present)
    blast = await measure_change(session, agency_id, trial)
    if not blast.exceeds(client.blast_limit_percent):
        return Publication(await put_in_force(session, draft, actor), pending=False, blast=blast)
    measured = blast.show(client.blast_limit_percent) | {"against": present}
    await hold_version(session, draft, actor, measured)
    details = {"version": number, "acts_newly": blast.harsher, "acts_no_more": blast.milder, "contexts": blast.contexts}
    deed = Deed(actor, "rule_set.publish_requested", show_id("cli", client.id), client.id, details)
    await record_deeds(session, agency_id, [deed])
    return Publication(draft, pending=True, blast=blast)


async def approve_publication(session: AsyncSession, client: Client, number: int, actor: str) -> RuleSetVersion:
    """The second person's word. `Conflict` for the author, for who asked, and when the ground has shifted since."""
    await lock_versions(session, client.id)
    held = await find_version(session, client.agency_id, client.id, number)
    if held.state != "pending":
        raise Conflict(msg("Version {version} does not wait for an approval", version=number), slug="not-pending")
    if actor in {held.author, held.requested_by}:
        raise Conflict(
            msg("Whoever wrote it or asked to publish it can't approve it: another owner or lead has to"),
            slug="second-person",
        )
    measured_against = (held.blast or {}).get("against")
    if measured_against != await find_published(session, client.agency_id, client.id):
        raise Conflict(
            msg("Another version was published since it was measured; ask to publish this one again"),
            slug="stale-approval",
        )
    await check_version(session, held)
    return await put_in_force(session, held, held.requested_by or held.author, approver=actor)


async def measure_change(session: AsyncSession, agency_id: UUID, trial: Trial) -> Blast:
    """The blast radius over the client's newest contexts, at most `MAX_CONTEXTS` and not longer than `PATIENCE_S`."""
    pairs: list[tuple[Standpoint, Standpoint]] = []
    shelf = Shelf()
    place: Place | None = None
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_S
    while len(pairs) < MAX_CONTEXTS and loop.time() < until:
        page = await read_contexts(session, agency_id, trial.client_id, after=place, limit=PAGE)
        if not page:
            break
        bench = await set_up_bench(session, agency_id, trial, page, shelf)
        pairs += [(one.before, one.after) for one in await compare_contexts(bench, page, {})]
        place = page[-1].place
    return measure_blast(pairs)
