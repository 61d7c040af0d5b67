"""Rule sets made ready for trials, kept in the process: a version never changes, and making it ready takes a while."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.list_queries import load_list_digests
from veilleur.domain.rules.publish import find_version
from veilleur.domain.screening.rule_sets import read_rule_set
from veilleur.domain.trials.replay import Ready, Replayer

MAX_KEPT = 16

Kept = TypeVar("Kept")

Key = tuple[UUID, int]
"""Client and version."""


class Shelf:
    """Least recently used first out."""

    def __init__(self) -> None:
        self._ready: OrderedDict[Key, Ready] = OrderedDict()
        self._replayers: OrderedDict[Key, Replayer] = OrderedDict()

    def clear(self) -> None:
        """Forget everything: nobody needs it now."""
        self._ready.clear()
        self._replayers.clear()

    async def load(self, session: AsyncSession, agency_id: UUID, client_id: UUID, version: int) -> Ready:
        """The version with its lists as they are now."""
        key = (client_id, version)
        ready = self._ready.get(key)
        if ready is None or not await _is_current(session, agency_id, client_id, ready):
            row = await find_version(session, agency_id, client_id, version)
            rule_set = await read_rule_set(session, agency_id, client_id, row.document)
            ready = Ready(rule_set, await asyncio.to_thread(compile_rule_set, rule_set))
        _keep(self._ready, key, ready)
        return ready

    async def find_replayer(
        self, session: AsyncSession, agency_id: UUID, key: Key, met: Iterable[int | None] = ()
    ) -> Replayer:
        """What answers for a version; `met` are the versions whose traces it will build on."""
        ready = await self.load(session, agency_id, *key)
        replayer = self._replayers.get(key)
        if replayer is None or not replayer.answers_for(ready):
            replayer = Replayer(ready)
        for version in {version for version in met if version is not None}:
            replayer.learn(await self.load(session, agency_id, key[0], version))
        _keep(self._replayers, key, replayer)
        return replayer


async def _is_current(session: AsyncSession, agency_id: UUID, client_id: UUID, ready: Ready) -> bool:
    lists = ready.compiled.lists
    return not lists or (await load_list_digests(session, agency_id, {client_id: lists}))[client_id] == lists


def _keep(shelf: OrderedDict[Key, Kept], key: Key, value: Kept) -> None:
    shelf[key] = value
    shelf.move_to_end(key)
    if len(shelf) > MAX_KEPT:
        shelf.popitem(last=False)
