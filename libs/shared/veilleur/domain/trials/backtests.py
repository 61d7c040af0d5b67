"""Backtests asked for, looked at and called off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.rules.publish import find_version
from veilleur.domain.rules.queries import find_published
from veilleur.domain.screening.authoring import check_version
from veilleur.domain.tenancy.models import Client
from veilleur.domain.trials.models import UNFINISHED, Backtest, BacktestState, LabelledItem
from veilleur.infra.db.bulk import insert_rows
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import Conflict, NotFound, TooMany
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg

MAX_ITEMS = 1_000_000
DEFAULT_ITEMS = 10_000
MAX_WAITING = 10
"""Unfinished backtests of an agency: they take turns, and nobody should wait for a day."""


@dataclass(frozen=True, slots=True)
class Request:
    """The newest `items` contexts before `until`, none older than `since`; or the labelled items."""

    items: int = DEFAULT_ITEMS
    since: datetime | None = None
    until: datetime | None = None
    labelled: Sequence[tuple[dict[str, Any], str]] = ()


async def start_backtest(
    session: AsyncSession, client: Client, number: int, request: Request, actor: str
) -> Backtest:  # fmt: skip
    """Leave a backtest to the worker. The version must be fit to be published but for its effect."""
    agency_id = client.agency_id
    version = await find_version(session, agency_id, client.id, number)
    await check_version(session, version)
    await _refuse_queue(session, agency_id)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    labelled = [
        {"position": position, "item": item, "label": label} for position, (item, label) in enumerate(request.labelled)
    ]
    backtest = Backtest(
        agency_id=agency_id,
        id=new_id(),
        client_id=client.id,
        version=number,
        against=await find_published(session, agency_id, client.id),
        kind="labelled" if labelled else "stored",
        since=request.since,
        until=request.until or present,
        wanted=len(labelled) or request.items,
        requested_by=actor,
    )
    session.add(backtest)
    await session.flush()
    await session.refresh(backtest)
    shared = {"agency_id": agency_id, "client_id": client.id, "backtest_id": backtest.id}
    await insert_rows(session, LabelledItem, labelled, shared=shared)
    await hint_work(session, agency_id, "backtest")
    details = {"version": number, "backtest": show_id("bkt", backtest.id), "kind": backtest.kind}
    deed = Deed(actor, "backtest.started", show_id("cli", client.id), client.id, details)
    await record_deeds(session, agency_id, [deed])
    return backtest


async def find_backtest(
    session: AsyncSession, client: Client, number: int, backtest_id: UUID, *, lock: bool = False
) -> Backtest:
    query = select(Backtest).where(
        Backtest.agency_id == client.agency_id,
        Backtest.client_id == client.id,
        Backtest.version == number,
        Backtest.id == backtest_id,
    )
    found = (await session.scalars(query.with_for_update() if lock else query)).one_or_none()
    if found is None:
        raise NotFound(msg("There is no such backtest of this version"))
    return found


async def cancel_backtest(session: AsyncSession, client: Client, number: int, backtest_id: UUID) -> Backtest:
    """Call it off; what was counted so far stays. `Conflict` for one that has ended by itself."""
    backtest = await find_backtest(session, client, number, backtest_id, lock=True)
    if backtest.state in UNFINISHED:
        await end_backtest(session, backtest, BacktestState.CANCELLED)
    elif backtest.state != BacktestState.CANCELLED:
        raise Conflict(msg("This backtest has ended already"))
    return backtest


async def end_backtest(session: AsyncSession, backtest: Backtest, state: BacktestState) -> None:
    """Whatever the end: labelled items are content, and nobody needs them any longer."""
    backtest.state = state
    backtest.finished_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.flush()
    await session.execute(
        delete(LabelledItem).where(
            LabelledItem.agency_id == backtest.agency_id, LabelledItem.backtest_id == backtest.id
        )
    )


async def _refuse_queue(session: AsyncSession, agency_id: UUID) -> None:
    waiting = select(func.count()).where(Backtest.agency_id == agency_id, Backtest.state.in_(UNFINISHED))
    if (await session.execute(waiting)).scalar_one() >= MAX_WAITING:
        raise TooMany(
            msg("{count} backtests are waiting; let one end, or cancel it", count=MAX_WAITING), retry_after=30
        )
