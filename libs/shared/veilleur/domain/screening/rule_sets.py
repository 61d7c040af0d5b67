"""Compiled rule sets, kept by digest: a document never changes, so a kept one is never stale."""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.compile import CompiledRuleSet, compile_rule_set
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.rules.queries import load_published

MAX_KEPT = 200


@dataclass(frozen=True, slots=True)
class Published:
    """A client's rule set in force, ready to run."""

    version: int
    compiled: CompiledRuleSet


class RuleSetCache:
    """The compiled rule sets of one process, least recently used first out."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, CompiledRuleSet] = OrderedDict()

    async def load(self, session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]) -> dict[UUID, Published]:
        """What is published now, by client; a client without a rule set is absent."""
        published = await load_published(session, agency_id, client_ids)
        return {
            client_id: Published(version, await self._compile(session, agency_id, client_id, version, digest))
            for client_id, (version, digest) in published.items()
        }

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
        compiled = compile_rule_set(parse_rule_set(document))
        self._kept[digest] = compiled
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return compiled
