"""Counting a batch before it is judged: what has to be asked, and what follows from the answers.

The counters are asked between two transactions, by the worker, with none open.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.rules.document import CounterDeclaration
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.screening.client_settings import ClientSettings, load_settings
from veilleur.domain.screening.contexts import Place, read_contexts
from veilleur.domain.screening.judge import MAX_ATTEMPTS, as_sent
from veilleur.domain.screening.rule_sets import Published, RuleSetCache
from veilleur.domain.screening.tally import Asked, Counts, ask_counters, list_counters, name_count, read_event_time
from veilleur.domain.tenancy.models import Client
from veilleur.infra.counters import Counter, Tally
from veilleur.infra.db.among import is_among
from veilleur.infra.worklist import hint_work

PAGE = 500


@dataclass(frozen=True, slots=True)
class CountRequest:
    """The tallies of a batch, asked at `present`, and the clients whose items they count."""

    asked: Sequence[Asked]
    present: datetime
    clients: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class CountedClient:
    """A client whose rules count, and how."""

    client_id: UUID
    published: Published
    settings: ClientSettings

    @property
    def counters(self) -> list[Counter]:
        return list_counters(self.client_id, self.published.compiled, self.settings)


@dataclass(frozen=True, slots=True)
class RecountPage:
    """A piece of a client's window to count again; `place` None: it was the last."""

    asked: Sequence[Asked]
    present: datetime
    place: Place | None


async def prepare_counts(
    session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID], rule_sets: RuleSetCache
) -> CountRequest | None:
    """What a marked batch asks its counters; None where no rule counts."""
    wanted = (Item.mode != "test", Item.deleted_at.is_(None), Item.attempts <= MAX_ATTEMPTS)
    mine = (Item.agency_id == agency_id, is_among(Item.id, item_ids), *wanted)
    client_ids = set(await session.scalars(select(Item.client_id).where(*mine).distinct()))
    counted = {one.client_id: one for one in await _find_counted(session, agency_id, client_ids, rule_sets)}
    if not counted:
        return None
    present = await _read_present(session)
    items = await session.scalars(select(Item).where(*mine, Item.client_id.in_(counted)).order_by(Item.id))
    asked = [one for item in items for one in _ask_item(counted[item.client_id], item, present)]
    return CountRequest(asked, present, frozenset(counted)) if asked else None


async def list_personal_tallies(
    session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID], rule_sets: RuleSetCache
) -> list[Tally]:
    """What these items left in the counters that is theirs alone or their author's. What a counter tells apart by
    something else, somebody else may have brought as well.
    """
    items = (await session.scalars(select(Item).where(Item.agency_id == agency_id, is_among(Item.id, item_ids)))).all()
    clients = {item.client_id for item in items}
    counted = {one.client_id: one for one in await _find_counted(session, agency_id, clients, rule_sets)}
    present = await _read_present(session)
    tallies: list[Tally] = []
    for item in items:
        if item.client_id not in counted:
            continue
        declared = counted[item.client_id].published.compiled.needs.counters
        personal = {name_count(one.name) for one in declared if _is_personal(one)}
        tallies += [one.tally for one in _ask_item(counted[item.client_id], item, present) if one.fact in personal]
    return tallies


def _is_personal(counter: CounterDeclaration) -> bool:
    return counter.distinct is None or any(name.startswith("author.") for name in (*counter.key, counter.distinct))


async def note_counts(session: AsyncSession, agency_id: UUID, counts: Counts) -> None:
    """Leave word, in the commit of the batch, of what the counters have to make good."""
    if counts.missed:
        await session.execute(
            update(Client)
            .where(Client.agency_id == agency_id, Client.id.in_(counts.missed))
            .values(counter_epoch=Client.counter_epoch + 1)
        )
    if counts.missed or counts.unmarked:
        await hint_work(session, agency_id, "counters")


async def list_counted_clients(session: AsyncSession, agency_id: UUID, rule_sets: RuleSetCache) -> list[CountedClient]:
    """The agency's clients whose rules count."""
    client_ids = await session.scalars(select(Client.id).where(Client.agency_id == agency_id).order_by(Client.id))
    return await _find_counted(session, agency_id, client_ids.all(), rule_sets)


async def list_in_flight(session: AsyncSession, agency_id: UUID, counted: CountedClient) -> RecountPage:
    """Items that a batch may have counted just before the counters were lost, and not committed yet.

    To be read before the pages of what is committed: what is in neither is counted by its batch later on.
    """
    present = await _read_present(session)
    query = select(Item).where(
        Item.agency_id == agency_id,
        Item.client_id == counted.client_id,
        Item.state == "received",
        Item.attempts > 0,
        Item.mode != "test",
    )
    asked = [one for item in await session.scalars(query) for one in _ask_item(counted, item, present)]
    return RecountPage(asked, present, None)


async def read_recount(
    session: AsyncSession, agency_id: UUID, counted: CountedClient, after: Place | None
) -> RecountPage:
    """The next piece, newest first, of what was screened in the client's longest window."""
    present = await _read_present(session)
    contexts = await read_contexts(session, agency_id, counted.client_id, after=after, limit=PAGE)
    counters = counted.counters
    oldest = present.timestamp() - max(counter.kept_s for counter in counters)
    fresh = [context for context in contexts if context.evaluated_at.timestamp() >= oldest]
    asked: list[Asked] = []
    for context in fresh:
        facts = item_facts(context.item, context.evaluated_at, context.gathered)
        at = read_event_time(context.item, context.received_at)
        asked += ask_counters((context.item_id, context.revision), facts, at, counted.published.compiled, counters)
    return RecountPage(asked, present, fresh[-1].place if len(fresh) == PAGE else None)


async def _find_counted(
    session: AsyncSession, agency_id: UUID, client_ids: Iterable[UUID], rule_sets: RuleSetCache
) -> list[CountedClient]:
    in_force = await rule_sets.load(session, agency_id, list(client_ids))
    counting = {client_id: one for client_id, one in in_force.published.items() if one.compiled.needs.counters}
    if not counting:
        return []
    settings = await load_settings(session, agency_id, counting)
    return [CountedClient(client_id, one, settings[client_id]) for client_id, one in counting.items()]


def _ask_item(counted: CountedClient, item: Item, present: datetime) -> list[Asked]:
    facts = item_facts(as_sent(item), present, counted.settings.gathered)
    at = read_event_time(item.body, item.received_at)
    return ask_counters((item.id, item.revision), facts, at, counted.published.compiled, counted.counters)


async def _read_present(session: AsyncSession) -> datetime:
    present: datetime = (await session.execute(select(func.app_now()))).scalar_one()
    return present
