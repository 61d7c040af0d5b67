"""Compiled rule sets, kept by digest: a document never changes, so a kept one is never stale."""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.compile import CompiledRuleSet, compile_rule_set
from veilleur.domain.rules.document import RuleSet
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.rules.queries import load_in_force
from veilleur.kernel.errors import Problem

MAX_KEPT = 200

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """A client's rule set in force, ready to run."""

    version: int
    compiled: CompiledRuleSet


@dataclass(frozen=True, slots=True)
class RuleSets:
    """By client: what is in force, and what runs in its shadow; a client without is absent."""

    published: dict[UUID, Published] = field(default_factory=dict)
    shadows: dict[UUID, Published] = field(default_factory=dict)


async def read_rule_set(
    session: AsyncSession,  # noqa: ARG001 - where shared lists come from
    agency_id: UUID,  # noqa: ARG001
    document: object,
) -> RuleSet:
    """A stored document with all that it refers to."""
    return parse_rule_set(document)


class RuleSetCache:
    """The compiled rule sets of one process, least recently used first out.

    Which version is in force is asked of the database for every batch: what is published counts from the next one on.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, CompiledRuleSet] = OrderedDict()

    async def load(self, session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]) -> RuleSets:
        """What counts now for these clients. A shadow that can't be compiled casts none: it must not stop anything."""
        in_force = await load_in_force(session, agency_id, client_ids)
        found = RuleSets()
        for client_id, (version, digest) in in_force.published.items():
            compiled = await self._compile(session, agency_id, client_id, version, digest)
            found.published[client_id] = Published(version, compiled)
        for client_id, (version, digest) in in_force.shadows.items():
            try:
                compiled = await self._compile(session, agency_id, client_id, version, digest)
            except (ValueError, KeyError, Problem) as error:
                _log.warning(
                    "shadow_not_compiled", client_id=str(client_id), version=version, error=type(error).__name__
                )
            else:
                found.shadows[client_id] = Published(version, compiled)
        return found

    async def _compile(
        self, session: AsyncSession, agency_id: UUID, client_id: UUID, version: int, digest: str
    ) -> CompiledRuleSet:
        if digest in self._kept:
            self._kept.move_to_end(digest)
            return self._kept[digest]
        query = select(RuleSetVersion.document).where(
            RuleSetVersion.agency_id == agency_id,
            RuleSetVersion.client_id == client_id,
            RuleSetVersion.version == version,
        )
        document = (await session.execute(query)).scalar_one()
        compiled = compile_rule_set(await read_rule_set(session, agency_id, document))
        self._kept[digest] = compiled
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return compiled
