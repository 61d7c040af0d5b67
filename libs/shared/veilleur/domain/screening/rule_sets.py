"""Compiled rule sets, kept by the digests of document and shared lists: a kept one is never stale."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID
from weakref import WeakValueDictionary

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.compile import CompiledRuleSet, compile_rule_set
from veilleur.domain.rules.document import RuleSet
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.rules.list_queries import load_list_digests, load_lists
from veilleur.domain.rules.lists import list_shared_codes
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.rules.queries import InForce, Named, load_in_force
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
    """By client: what is in force, and what runs in its shadow; a client without is absent.

    `broken` are clients whose rule set in force can't be compiled: nobody can say what it would do.
    """

    published: dict[UUID, Published] = field(default_factory=dict)
    shadows: dict[UUID, Published] = field(default_factory=dict)
    broken: set[UUID] = field(default_factory=set)


async def read_rule_set(session: AsyncSession, agency_id: UUID, client_id: UUID, document: object) -> RuleSet:
    """A stored document with the lists that it refers to, as they are now."""
    shared = await load_lists(session, agency_id, client_id, list_shared_codes(document))
    return await asyncio.to_thread(parse_rule_set, document, shared)


Key = tuple[str, tuple[tuple[str, str], ...]]
"""Digest of a document, and those of the lists it refers to by their codes."""


class RuleSetCache:
    """The compiled rule sets of one process, least recently used first out.

    Which version is in force, and what the lists it shares hold, is asked of the database for every batch: what is
    published or changed counts from the next one on.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, CompiledRuleSet] = OrderedDict()
        self._compiling: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    async def load(self, session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]) -> RuleSets:
        """What counts now for these clients. What can't be compiled stops nobody else."""
        in_force = await load_in_force(session, agency_id, client_ids)
        digests = await load_list_digests(session, agency_id, _list_codes(in_force))
        found = RuleSets()
        for client_id, named in in_force.published.items():
            compiled = await self._find(session, (agency_id, client_id), named, digests.get(client_id, {}))
            if compiled is None:
                found.broken.add(client_id)
            else:
                found.published[client_id] = Published(named.version, compiled)
        for client_id, named in in_force.shadows.items():
            compiled = await self._find(session, (agency_id, client_id), named, digests.get(client_id, {}))
            if compiled is not None:
                found.shadows[client_id] = Published(named.version, compiled)
        return found

    async def _find(
        self, session: AsyncSession, client: tuple[UUID, UUID], named: Named, digests: Mapping[str, str]
    ) -> CompiledRuleSet | None:
        """None for one that can't be compiled."""
        key = _make_key(named, digests)
        # Who needs the same one meanwhile waits for it; should it fail, the next one tries on its own account.
        lock = self._compiling.setdefault(key, asyncio.Lock())
        async with lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            try:
                compiled = await _compile(session, client, named)
            except (ValueError, KeyError, Problem) as error:
                told = {"client_id": str(client[1]), "version": named.version, "error": type(error).__name__}
                _log.warning("rule_set_not_compiled", **told)
                return None
            # By what was read, which may be newer than what was asked for.
            self._kept[_make_key(named, compiled.lists)] = compiled
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return compiled


async def _compile(session: AsyncSession, client: tuple[UUID, UUID], named: Named) -> CompiledRuleSet:
    """In a thread: a large one takes a second, in which everybody else's screening goes on."""
    agency_id, client_id = client
    query = select(RuleSetVersion.document).where(
        RuleSetVersion.agency_id == agency_id,
        RuleSetVersion.client_id == client_id,
        RuleSetVersion.version == named.version,
    )
    document = (await session.execute(query)).scalar_one()
    return await asyncio.to_thread(compile_rule_set, await read_rule_set(session, agency_id, client_id, document))


def _make_key(named: Named, digests: Mapping[str, str]) -> Key:
    return named.digest, tuple(sorted((code, digests[code]) for code in named.lists if code in digests))


def _list_codes(in_force: InForce) -> dict[UUID, set[str]]:
    codes: dict[UUID, set[str]] = {}
    for named_by_client in (in_force.published, in_force.shadows):
        for client_id, named in named_by_client.items():
            if named.lists:
                codes.setdefault(client_id, set()).update(named.lists)
    return codes
