"""Which workers live: one row a worker, renewed by its sweep.

A beat rides in the sweep's own look at the hints, so it says more than that a process exists: it reached the database
and looked for work. It is written without waiting for the disk: a beat that a crash forgets is followed by another.
"""

import os
import socket
import time
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base
from veilleur.infra.db.schema import newest_revision
from veilleur.infra.watermark import Mark, raise_mark
from veilleur.kernel.ids import new_id

BEAT_S = 5.0
DEAD_AFTER_S = 20.0
"""Without a beat for that long a worker counts as gone."""
FORGET_AFTER_S = 3_600

_BEAT = text("""
INSERT INTO worker_heartbeats (id, host, pid, revision, started_at, seen_at)
VALUES (:id, :host, :pid, :revision, app_now(), app_now())
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at
""")
_FORGET = text(f"DELETE FROM worker_heartbeats WHERE seen_at < app_now() - interval '{FORGET_AFTER_S} seconds'")
_LEAVE = text("DELETE FROM worker_heartbeats WHERE id = :id")
_LIST = text("""
SELECT host, pid, revision, started_at, extract(epoch FROM app_now() - seen_at)::float AS age_s
FROM worker_heartbeats ORDER BY seen_at DESC LIMIT 200
""")


class WorkerHeartbeat(Base):
    """`revision`: the newest one its code knows."""

    __tablename__ = "worker_heartbeats"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int] = mapped_column(Integer)
    revision: Mapped[str]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


@dataclass(slots=True)
class Pulse:
    """That of this process."""

    id: UUID = field(default_factory=new_id)
    has_looked_back: bool = False
    witnessed: datetime | None = None
    """How far the database had come, as far as anybody outside of it remembers."""
    _beat_at: float = float("-inf")

    async def beat(self, session: AsyncSession) -> Mark | None:
        """Renew the row, and the mark to be told outside once that is committed; None when it was done a moment ago."""
        if time.monotonic() < self._beat_at + BEAT_S:
            return None
        await session.execute(text("SET LOCAL synchronous_commit = off"))
        names = {"id": self.id, "host": socket.gethostname(), "pid": os.getpid(), "revision": newest_revision()}
        await session.execute(_BEAT, names)
        await session.execute(_FORGET)
        mark = await raise_mark(session, self.witnessed)
        self._beat_at = time.monotonic()
        return mark

    async def leave(self, session: AsyncSession) -> None:
        """Who ends in order is not missed."""
        await session.execute(_LEAVE, {"id": self.id})


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    host: str
    pid: int
    revision: str
    started_at: datetime
    age_s: float

    @property
    def alive(self) -> bool:
        return self.age_s < DEAD_AFTER_S


async def list_workers(session: AsyncSession) -> list[WorkerSeen]:
    """Those of the last hour, the latest beat first."""
    return [WorkerSeen(**row) for row in (await session.execute(_LIST)).mappings()]
