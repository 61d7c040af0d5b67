"""The single door: every verdict, automatic or human, enters here with all that follows from it.

Decision, item state, clock stop, usage records, audit entry, event and deliveries are written in the caller's one
transaction: they are true together or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.catalogue.queries import ClientCatalogue, load_catalogues
from veilleur.domain.decisions.facets import load_facets
from veilleur.domain.decisions.models import Decision
from veilleur.domain.decisions.policy import Ruling
from veilleur.domain.decisions.shape import decision_payload
from veilleur.domain.delivery.order_actions import Decided, order_actions
from veilleur.domain.intake.models import Item
from veilleur.domain.intake.shape import item_reference
from veilleur.domain.metering.record import Usage, record_usage
from veilleur.domain.outbox.announce import Announcement, announce
from veilleur.domain.sla.clocks import stop_clocks
from veilleur.domain.tenancy.models import Client
from veilleur.infra.db.bulk import insert_rows
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg

MOST_REVIEW_S = 900
"""So many seconds of one look are billed at most; how long it took in truth stands in the assignment."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What the rules contributed: their version, the rules that matched, and the evaluation that tells all."""

    rule_set_version: int | None = None
    matched_rules: tuple[str, ...] = ()
    evaluation_id: UUID | None = None
    decided_by: str | None = None
    """The rule the verdict is of, where rules decided."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A ruling about one item in its present revision."""

    item: Item
    ruling: Ruling
    detection: Detection
    case_id: UUID | None = None
    member_id: UUID | None = None
    """Who decided; none for rules."""
    review_seconds: int | None = None
    explanation: str | None = None
    note: str | None = None
    language: str | None = None
    """Of the explanation; without one the item's own."""
    bulk: bool = False
    """One of several alike that were decided at once."""
    bulk_of: UUID | None = None
    """The one of them that a person looked at; without `review_seconds`, as those are counted there."""

    @property
    def automated(self) -> bool:
        return self.member_id is None


async def record_decisions(
    session: AsyncSession, agency_id: UUID, verdicts: Sequence[Verdict], present: datetime
) -> list[Decision]:
    """Record verdicts at `present`, one an item; `Conflict` when an item was decided by someone else meanwhile."""
    if not verdicts:
        return []
    client_ids = {verdict.item.client_id for verdict in verdicts}
    homes = await load_homes(session, agency_id, client_ids)
    catalogues = await load_catalogues(session, agency_id, client_ids)
    await _close_items(session, agency_id, verdicts)
    waits = await load_waits(session, agency_id, {one.item.client_id for one in verdicts if not one.automated})
    decisions = [
        _to_decision(agency_id, verdict, present, waits, homes[verdict.item.client_id].language) for verdict in verdicts
    ]
    await insert_rows(session, Decision, [to_row(decision) for decision in decisions])
    await stop_clocks(session, agency_id, [verdict.item.id for verdict in verdicts])
    pairs = list(zip(verdicts, decisions, strict=True))
    facets = await load_facets(session, agency_id, decisions, present)
    usage = [
        fact
        for one, decision in pairs
        for fact in _count(one, decision, homes[decision.client_id].time_zone, facets.describe(one.item, decision))
    ]
    await record_usage(session, agency_id, usage)
    await record_deeds(session, agency_id, [_to_deed(decision) for decision in decisions])
    await announce(
        session, agency_id, [tell_made(one.item, decision, catalogues[decision.client_id]) for one, decision in pairs]
    )
    await order_actions(
        session, agency_id, [to_decided(one.item, decision, catalogues) for one, decision in pairs], present
    )
    return decisions


_CLOSE_ITEMS = text("""
UPDATE items SET state = 'decided', decisions = decisions + 1, closed_at = app_now()
FROM unnest(CAST(:ids AS uuid[]), CAST(:revisions AS integer[])) AS t(id, revision)
WHERE items.agency_id = :agency_id AND items.id = t.id AND items.revision = t.revision
  AND items.state IN ('received', 'in_review')
RETURNING items.id
""")


async def _close_items(session: AsyncSession, agency_id: UUID, verdicts: Sequence[Verdict]) -> None:
    values = {
        "agency_id": agency_id,
        "ids": [verdict.item.id for verdict in verdicts],
        "revisions": [verdict.item.revision for verdict in verdicts],
    }
    closed = (await session.execute(_CLOSE_ITEMS, values)).all()
    if len(closed) != len(verdicts):
        raise Conflict(msg("This item was decided or changed meanwhile"), slug="already-decided")


@dataclass(frozen=True, slots=True)
class Home:
    """What a client is at home in: days are counted in the one, an item that says nothing else is in the other."""

    time_zone: str
    language: str


async def load_homes(session: AsyncSession, agency_id: UUID, client_ids: set[UUID]) -> dict[UUID, Home]:
    query = select(Client.id, Client.time_zone, Client.languages).where(
        Client.agency_id == agency_id, Client.id.in_(client_ids)
    )
    rows = await session.execute(query)
    return {row.id: Home(row.time_zone, next(iter(row.languages), "en")) for row in rows}


async def load_waits(session: AsyncSession, agency_id: UUID, client_ids: set[UUID]) -> dict[UUID, timedelta]:
    """How long a person's decision waits before it leaves, of the clients where it does."""
    if not client_ids:
        return {}
    query = select(Client.id, Client.send_after_s).where(
        Client.agency_id == agency_id, Client.id.in_(client_ids), Client.send_after_s > 0
    )
    return {row.id: timedelta(seconds=row.send_after_s) for row in await session.execute(query)}


def _to_decision(
    agency_id: UUID, verdict: Verdict, present: datetime, waits: Mapping[UUID, timedelta], spoken: str
) -> Decision:
    item = verdict.item
    wait = None if verdict.automated else waits.get(item.client_id)
    return Decision(
        agency_id=agency_id,
        id=new_id(),
        client_id=item.client_id,
        source_id=item.source_id,
        item_id=item.id,
        item_revision=item.revision,
        sequence=item.decisions + 1,
        case_id=verdict.case_id,
        member_id=verdict.member_id,
        verdict=verdict.ruling.verdict,
        actions=list(verdict.ruling.actions),
        policies=list(verdict.ruling.policies),
        automated=verdict.automated,
        automated_detection=bool(verdict.detection.matched_rules),
        rule_set_version=verdict.detection.rule_set_version,
        matched_rules=list(verdict.detection.matched_rules),
        decided_by=verdict.detection.decided_by,
        evaluation_id=verdict.detection.evaluation_id,
        author_external_id=item.author_external_id,
        explanation=verdict.explanation,
        note=verdict.note,
        bulk_of=verdict.bulk_of,
        language=verdict.language or item.language or spoken,
        made_at=present,
        leaves_at=present + wait if wait is not None else None,
    )


def to_row(decision: Decision) -> dict[str, Any]:
    return {column.key: getattr(decision, column.key) for column in Decision.__table__.columns}


def _count(verdict: Verdict, decision: Decision, time_zone: str, dims: dict[str, Any]) -> list[Usage]:
    def count(meter: str, quantity: int) -> Usage:
        return Usage(
            client_id=decision.client_id,
            time_zone=time_zone,
            meter=meter,
            occurred_at=decision.made_at,
            quantity=Decimal(quantity),
            source_id=decision.source_id,
            item_id=decision.item_id,
            decision_id=decision.id,
            member_id=decision.member_id,
            dims=dims | ({"bulk": True} if verdict.bulk else {}),
        )

    if verdict.item.mode != "live":
        return []
    if verdict.automated:
        return [count("decision.auto", 1)]
    counted = [count("decision.human", 1)]
    if verdict.explanation is not None:
        counted.append(count("reply.sent", 1))
    if verdict.bulk_of is None:
        counted.append(count("review.seconds", min(verdict.review_seconds or 0, MOST_REVIEW_S)))
    return counted


def _to_deed(decision: Decision) -> Deed:
    return Deed(
        actor="rules" if decision.member_id is None else show_id("mem", decision.member_id),
        action="decision.made",
        subject=show_id("itm", decision.item_id),
        client_id=decision.client_id,
        details={"decision": show_id("dec", decision.id), "verdict": decision.verdict},
    )


def to_decided(item: Item, decision: Decision, catalogues: Mapping[UUID, ClientCatalogue]) -> Decided:
    """What acting on the platform needs to know of a decision."""
    return Decided(
        id=decision.id,
        item=item,
        verdict=decision.verdict,
        actions=decision.actions,
        catalogue=catalogues[decision.client_id].actions,
        leaves_at=decision.leaves_at,
        reverses=decision.reverses,
    )


def tell_made(item: Item, decision: Decision, catalogue: ClientCatalogue) -> Announcement:
    """What the client is told of a decision: at once, or when it leaves."""
    return Announcement(
        client_id=decision.client_id,
        type="decision.made",
        data={
            "decision": decision_payload(decision, catalogue.policies),
            "item": item_reference(item) | {"revision": decision.item_revision},
            "interim": item.interim,
            "sequence": decision.sequence,
        },
        occurred_at=decision.made_at,
        item_id=decision.item_id,
        release_at=decision.leaves_at,
        decision_id=decision.id if decision.leaves_at is not None else None,
    )
