"""Erasing a client or an agency: table by table, batch by batch, until a whole pass finds nothing more.

Rows leave through `erase_rows`, the one door for what nobody is granted to delete (see revision 0021).
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.custody.advance_erasure import Progress
from veilleur.domain.custody.holdings import Holdings, load_holdings
from veilleur.domain.custody.models import Departure, Erasure
from veilleur.domain.custody.request_erasure import count_holds
from veilleur.domain.providers.models import Provider
from veilleur.domain.tenancy.models import Client, Member
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import show_id

BATCH = 2_000
REFUSED_S = 60

_log = structlog.get_logger(__name__)

_ERASE = text("SELECT erase_rows(:name, :client_id, :wanted)")


async def advance_client(session: AsyncSession, agency_id: UUID, erasure_id: UUID) -> Progress:
    """Erase the next batch of a client's rows. What a hold keeps stays with all it needs, and the erasure open."""
    query = select(Erasure).where(Erasure.agency_id == agency_id, Erasure.id == erasure_id, Erasure.state == "running")
    erasure = (await session.scalars(query.with_for_update(skip_locked=True))).one_or_none()
    if erasure is None:
        return "done"
    holdings = await load_holdings(session)
    gone, refused = await _erase_some(session, holdings.list_of_client(), erasure.client_id)
    if gone:
        erasure.counts = _add(erasure.counts, gone)
        return "more"
    held = await count_holds(session, agency_id, erasure.client_id)
    if refused and not held:
        return await _wait(session, agency_id, refused)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    if held:
        erasure.state, erasure.kept, erasure.held_at = "held", {"items": held}, present
    else:
        await _strip_client(session, agency_id, erasure.client_id)
        erasure.state, erasure.kept, erasure.finished_at, erasure.subject = "finished", {}, present, None
    details = {"erased": erasure.counts, "kept": erasure.kept, "state": erasure.state}
    shown = show_id("ers", erasure.id)
    await record_deeds(session, agency_id, [Deed("system", "erasure.advanced", shown, erasure.client_id, details)])
    await hint_work(session, agency_id, "offboarding")
    return "done"


async def advance_departure(session: AsyncSession, agency_id: UUID) -> Progress:
    """Erase the next batch of an agency's rows; at the end a pass over every table has found nothing to erase."""
    query = select(Departure).where(Departure.agency_id == agency_id, Departure.state == "running")
    departure = (await session.scalars(query.with_for_update(skip_locked=True))).one_or_none()
    if departure is None:
        return "done"
    keep_money = departure.documents == "keep"
    holdings = await load_holdings(session)
    tables = holdings.list_of_agency(keep_money=keep_money)
    gone, refused = await _erase_some(session, tables, None)
    if gone:
        departure.counts = _add(departure.counts, gone)
        return "more"
    if refused:
        return await _wait(session, agency_id, refused)
    if keep_money:
        await _strip_people(session, agency_id)
    departure.kept = await _count(session, agency_id, holdings, tables)
    departure.state = "finished"
    departure.finished_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.execute(text("DELETE FROM work_hints WHERE agency_id = :agency_id"), {"agency_id": agency_id})
    return "done"


async def _erase_some(
    session: AsyncSession, tables: Sequence[str], client_id: UUID | None
) -> tuple[dict[str, int], list[str]]:
    """Up to a batch of the first table that has any; and the tables that refused, because something refers to them."""
    refused: list[str] = []
    for table in tables:
        values = {"name": table, "client_id": client_id, "wanted": BATCH}
        try:
            async with session.begin_nested():
                gone = (await session.execute(_ERASE, values)).scalar_one()
        except IntegrityError:
            refused.append(table)
            continue
        if gone:
            return {table: gone}, refused
    return {}, refused


async def _wait(session: AsyncSession, agency_id: UUID, refused: list[str]) -> Progress:
    """Something is left that nothing explains: it is not over, and said again until somebody looks."""
    _log.error("erasure_refused", agency_id=str(agency_id), tables=refused)
    await hint_work(session, agency_id, "erasure", in_s=REFUSED_S)
    return "later"


def _add(counts: Mapping[str, int], gone: Mapping[str, int]) -> dict[str, int]:
    return dict(counts) | {table: counts.get(table, 0) + number for table, number in gone.items()}


async def _strip_client(session: AsyncSession, agency_id: UUID, client_id: UUID) -> None:
    """What is left of the client is a party to invoices: no contacts, no texts, nobody who may see anything."""
    left: dict[str, Any] = {"contacts": [], "house_rules": "", "tone": "", "automation_note": None}
    await session.execute(update(Client).where(Client.agency_id == agency_id, Client.id == client_id).values(**left))
    for provider in await session.scalars(select(Provider).where(Provider.agency_id == agency_id)):
        if client_id in provider.clients:
            provider.clients = [one for one in provider.clients if one != client_id]


async def _strip_people(session: AsyncSession, agency_id: UUID) -> None:
    """Who signed what stays as an id."""
    for member in await session.scalars(select(Member).where(Member.agency_id == agency_id)):
        member.email, member.name = f"{member.id}@erased.invalid", ""
        member.languages, member.skills = [], []
    left: dict[str, Any] = {"contacts": [], "house_rules": "", "tone": "", "automation_note": None}
    await session.execute(update(Client).where(Client.agency_id == agency_id).values(**left))


async def _count(session: AsyncSession, agency_id: UUID, holdings: Holdings, erased: Sequence[str]) -> dict[str, Any]:
    """How many rows of what is kept there are, as far as a worker may see them."""
    kept: dict[str, Any] = {}
    for table in sorted(holdings.of_agency - set(erased)):
        may = select(func.has_table_privilege(table, "SELECT"))
        if (await session.execute(may)).scalar_one():
            query = text(f"SELECT count(*) FROM {table} WHERE agency_id = :agency_id")
            number = (await session.execute(query, {"agency_id": agency_id})).scalar_one()
            kept |= {table: number} if number else {}
    return kept
