"""A client's whole configuration as one document: read, compared, and put in place all at once or not at all."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.catalogue.check import check_default_actions
from veilleur.domain.catalogue.macros import check_texts
from veilleur.domain.onboarding.config_diff import diff_sections
from veilleur.domain.onboarding.config_sections import SECTION_NAMES, SECTIONS, Change, has_endpoints
from veilleur.domain.onboarding.config_shapes import SHAPES, UNKNOWN_ZONE, is_zone
from veilleur.domain.review.models import Queue
from veilleur.domain.rules.catalogue_view import ActionSpec, Catalogue
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.sla.mistakes import Mistakes
from veilleur.domain.sla.models import CalendarVersion
from veilleur.domain.sla.policy_conditions import Known as SlaKnown
from veilleur.domain.sla.policy_document import read_policy
from veilleur.domain.tenancy.models import Client, Source
from veilleur.infra.validation import invalid_from_pydantic
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import canonical_digest, extend_pointer

Json = Any
Document = dict[str, Json]


@dataclass(frozen=True, slots=True)
class _Known:
    """What of the agency a document may name."""

    calendars: frozenset[str]
    queues: frozenset[str]
    sources: frozenset[str]
    """Of the client alone."""


async def read_config(session: AsyncSession, client: Client) -> Document:
    return {section.name: await section.read(session, client) for section in SECTIONS}


def config_version(document: Document) -> str:
    """Changes exactly when the document does."""
    return canonical_digest(document).hex()[:16]


async def prepare_config(
    session: AsyncSession, client: Client, before: Document, wanted: Mapping[str, Json]
) -> Document:
    """The document that would stand after `wanted`: a section that is absent, or null, stays as it is.

    `Invalid` lists everything that is wrong with any section, each with its pointer.
    """
    errors: list[InputError] = list(_find_unknown(wanted))
    after = dict(before)
    for name in SECTION_NAMES:
        if wanted.get(name) is not None:
            after[name] = _read_section(name, wanted[name], before[name], errors)
    if after["callbacks"]["events"] is None or not await has_endpoints(session, client):
        after["callbacks"] = before["callbacks"]
    known = await _load_known(session, client)
    errors += _check_settings(after["settings"], known)
    for name in ("policies", "actions", "macros"):
        errors += _find_repeated(name, after[name])
    errors += _check_catalogue(after)
    mistakes = Mistakes(errors)
    after["sla"] = read_policy(after["sla"], SlaKnown(known.sources, known.queues), "/sla", mistakes)
    errors += await _check_rules(after, known)
    if errors:
        raise Invalid(msg("The configuration has mistakes; nothing was changed"), errors=errors)
    return after


async def apply_config(
    session: AsyncSession, client: Client, before: Document, after: Document, actor: str
) -> dict[str, Json]:
    """Put a prepared document in place; the difference."""
    diff = diff_sections(before, after)
    for section in SECTIONS:
        if section.name in diff:
            await section.apply(session, Change(client, before[section.name], after[section.name], actor))
    if diff:
        deed = Deed(actor, "config.changed", show_id("cli", client.id), client.id, {"sections": sorted(diff)})
        await record_deeds(session, client.agency_id, [deed])
    return diff


def _find_unknown(wanted: Mapping[str, Json]) -> Iterator[InputError]:
    allowed = msg("allowed: {codes}", codes=SECTION_NAMES)
    for name in wanted.keys() - set(SECTION_NAMES):
        yield InputError(extend_pointer("", name), msg("is not a section of a configuration"), allowed)


def _read_section(name: str, value: Json, before: Json, errors: list[InputError]) -> Json:
    """The section with its defaults filled in; as it was, when it can't be read."""
    shape = SHAPES.get(name)
    if shape is None:
        return value
    try:
        return shape.dump_python(shape.validate_python(value))
    except ValidationError as problem:
        errors += invalid_from_pydantic(problem.errors(), prefix=f"/{name}", document=value).errors
        return before


async def _load_known(session: AsyncSession, client: Client) -> _Known:
    agency_id = client.agency_id
    calendars = await session.scalars(select(CalendarVersion.id).where(CalendarVersion.agency_id == agency_id))
    queues = await session.scalars(select(Queue.code).where(Queue.agency_id == agency_id))
    sources = await session.scalars(
        select(Source.id).where(Source.agency_id == agency_id, Source.client_id == client.id)
    )
    return _Known(
        calendars=frozenset(show_id("cal", one) for one in calendars),
        queues=frozenset(queues),
        sources=frozenset(show_id("src", one) for one in sources),
    )


def _check_settings(settings: Mapping[str, Json], known: _Known) -> Iterator[InputError]:
    if not is_zone(settings["time_zone"]):
        yield InputError("/settings/time_zone", UNKNOWN_ZONE)
    if settings["calendar"] not in known.calendars:
        yield InputError("/settings/calendar", msg("there is no such calendar"))
    if settings["queue"] not in known.queues:
        allowed = msg("allowed: {codes}", codes=sorted(known.queues))
        yield InputError("/settings/queue", msg("there is no such queue"), allowed)


def _find_repeated(section: str, entries: Sequence[Mapping[str, Json]]) -> Iterator[InputError]:
    seen: Counter[str] = Counter()
    for position, entry in enumerate(entries):
        seen[entry["code"]] += 1
        if seen[entry["code"]] > 1:
            yield InputError(f"/{section}/{position}/code", msg("another entry has this code"))


def _check_catalogue(after: Document) -> Iterator[InputError]:
    actions = {action["code"] for action in after["actions"]}
    for position, policy in enumerate(after["policies"]):
        yield from check_default_actions(policy["default_actions"], actions, f"/policies/{position}/default_actions")
    for position, macro in enumerate(after["macros"]):
        yield from check_texts(macro["texts"], f"/macros/{position}/texts")


async def _check_rules(after: Document, known: _Known) -> list[InputError]:
    """Against the catalogue that comes with them, and with their own tests."""
    if after["rule_set"] is None:
        return []
    actions = {
        action["code"]: ActionSpec(action["verdict"], frozenset(action["targets"]), action["needs_until"])
        for action in after["actions"]
    }
    policies = frozenset(policy["code"] for policy in after["policies"])
    catalogue = Catalogue(policies, actions, known.queues, tuple(after["settings"]["languages"]))
    checked = await asyncio.to_thread(check_rule_set, after["rule_set"], catalogue)
    return [
        InputError(f"/rule_set{error.pointer}", error.message, error.hint, error.line, error.column)
        for error in checked.errors
    ]
