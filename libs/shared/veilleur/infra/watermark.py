"""How far the database has come, told to somebody outside of it: restored from a backup it can't know by itself that it
once had come further.

A worker's beat raises the mark in the database, and once that is committed the one outside: in Valkey, in the journal's
folder where there is one, and in the worker's own memory. Outside it is never much ahead, but after a restore.
"""

import asyncio
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import CheckConstraint, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, Small
from veilleur.kernel.ids import new_id

LOST_FROM = timedelta(seconds=15)
"""Beats come every five seconds and wait for no disk: less than this is a crash, and lost no promise."""
TOLD_FOR = timedelta(days=30)
TIMEOUT_S = 0.25


class Installation(Base):
    """One row: whose mark it is, wherever the database is restored to, and when it was last raised."""

    __tablename__ = "installation"

    place: Mapped[int] = mapped_column(Small, primary_key=True, autoincrement=False)
    name: Mapped[UUID]
    reached_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("place = 1", name="place"),)


class LostWindow(Base):
    """The database was restored: of what was committed between these instants it knows nothing."""

    __tablename__ = "lost_windows"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    noticed_at: Mapped[datetime] = mapped_column(server_default=func.app_now())


@dataclass(frozen=True, slots=True)
class Mark:
    name: UUID
    reached_at: datetime


def is_lost(reached_at: datetime, witnessed: datetime) -> bool:
    """Whether somebody outside knows of more than the database does."""
    return witnessed - reached_at > LOST_FROM


async def load_mark(session: AsyncSession) -> Mark | None:
    """None before the first worker of an installation."""
    row = (await session.execute(select(Installation.name, Installation.reached_at))).one_or_none()
    return None if row is None else Mark(row.name, row.reached_at)


async def raise_mark(session: AsyncSession, witnessed: datetime | None) -> Mark:
    """Raise the mark to the present; what lies between it and what was `witnessed` is written down as lost, once."""
    standing = (await session.execute(select(Installation.reached_at).with_for_update())).scalar_one_or_none()
    if standing is not None and witnessed is not None and is_lost(standing, witnessed):
        lost = {"id": new_id(), "from_at": standing, "until_at": witnessed}
        await session.execute(insert(LostWindow).values(lost))
    statement = upsert(Installation).values(place=1, name=uuid4(), reached_at=func.greatest(func.app_now(), witnessed))
    raised = statement.on_conflict_do_update(
        index_elements=["place"],
        set_={"reached_at": func.greatest(Installation.reached_at, statement.excluded.reached_at)},
    ).returning(Installation.name, Installation.reached_at)
    row = (await session.execute(raised)).one()
    return Mark(row.name, row.reached_at)


async def list_lost_windows(session: AsyncSession) -> Sequence[LostWindow]:
    """Those that were noticed within the last month."""
    query = select(LostWindow).where(LostWindow.noticed_at > func.app_now() - TOLD_FOR)
    return (await session.scalars(query.order_by(LostWindow.from_at))).all()


class Witness:
    """Who is told, and who is asked after a restore. What can't be reached is told nothing and knows nothing."""

    def __init__(self, redis_url: str, folder: Path | None) -> None:
        self._redis = Redis.from_url(
            redis_url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S, max_connections=2, retry=None
        )
        self._folder = folder

    async def tell(self, mark: Mark) -> None:
        with suppress(RedisError, OSError, TimeoutError):
            await self._redis.set(_name_key(mark.name), mark.reached_at.isoformat())
        if self._folder is not None:
            with suppress(OSError):
                await asyncio.to_thread(_write, self._folder, mark)

    async def ask(self, name: UUID) -> datetime | None:
        """The latest that anybody remembers."""
        told: list[datetime] = []
        with suppress(RedisError, OSError, TimeoutError, ValueError):
            kept = await self._redis.get(_name_key(name))
            told += [] if kept is None else [datetime.fromisoformat(kept.decode())]
        if self._folder is not None:
            with suppress(OSError, ValueError, KeyError):
                told.append(await asyncio.to_thread(_read, self._folder, name))
        return max(told, default=None)

    async def close(self) -> None:
        with suppress(RedisError, OSError, TimeoutError):
            await self._redis.aclose()


def _name_key(name: UUID) -> str:
    return f"veilleur:reached:{name}"


def _name_file(folder: Path, name: UUID) -> Path:
    return folder / f"reached-{name}.json"


def _write(folder: Path, mark: Mark) -> None:
    target = _name_file(folder, mark.name)
    unfinished = target.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps({"reached_at": mark.reached_at.isoformat()}), encoding="utf-8")
    unfinished.replace(target)


def _read(folder: Path, name: UUID) -> datetime:
    return datetime.fromisoformat(json.loads(_name_file(folder, name).read_text(encoding="utf-8"))["reached_at"])
