"""Rule sets made ready for trials, kept in the process: a version never changes, and making it ready takes a while."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.compile import compile_rule_set
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
        """Forget everything: lists that rule sets share may have changed since."""
        self._ready.clear()
        self._replayers.clear()

    async def load(self, session: AsyncSession, agency_id: UUID, client_id: UUID, version: int) -> Ready:
        key = (client_id, version)
        ready = self._ready.get(key)
        if ready is None:
            row = await find_version(session, agency_id, client_id, version)
            rule_set = await read_rule_set(session, agency_id, row.document)
            ready = Ready(rule_set, await asyncio.to_thread(compile_rule_set, rule_set))
        _keep(self._ready, key, ready)
        return ready

    async def find_replayer(
        self, session: AsyncSession, agency_id: UUID, key: Key, met: Iterable[int | None] = ()
    ) -> Replayer:
        """What answers for a version; `met` are the versions whose traces it will build on."""
        replayer = self._replayers.get(key) or Replayer(await self.load(session, agency_id, *key))
        for version in {version for version in met if version is not None}:
            replayer.learn(await self.load(session, agency_id, key[0], version))
        _keep(self._replayers, key, replayer)
        return replayer


def _keep(shelf: OrderedDict[Key, Kept], key: Key, value: Kept) -> None:
    shelf[key] = value
    shelf.move_to_end(key)
    if len(shelf) > MAX_KEPT:
        shelf.popitem(last=False)
