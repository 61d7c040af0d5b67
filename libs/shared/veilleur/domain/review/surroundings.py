"""What surrounds an item under review: its thread, its author's past in this client, notes, and how many say the same.

Each question is one query for all cases at once, and never leaves the client of the item it is asked about.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from veilleur.domain.decisions.models import Decision
from veilleur.domain.intake.models import Item
from veilleur.domain.review.ask import load_questions
from veilleur.domain.review.models import Case, Note
from veilleur.kernel.ids import show_id

SHOWN = 10
"""How many earlier items and decisions of an author, messages of a thread and notes are shown."""
COUNTED = 1_000
"""How far back an author's decisions are counted, and how many similar items are."""

_Judged = aliased(Item)
"""The item that the question is about; `Item` is one of its surroundings."""


async def describe_surroundings(
    session: AsyncSession, agency_id: UUID, cases: Sequence[Case], items: Mapping[UUID, Item]
) -> dict[UUID, dict[str, Any]]:
    """The `context` of each case's assignment."""
    asked = and_(_Judged.agency_id == agency_id, _Judged.id.in_(items))
    threads = await _list_items(session, asked, and_(Item.source_id == _Judged.source_id, _same(Item.thread_id)))
    authors = await _list_items(session, asked, _same(Item.author_external_id))
    verdicts = await _count_verdicts(session, asked)
    decisions = await _list_decisions(session, asked)
    similar = await _count_similar(session, asked)
    notes = await _list_notes(session, agency_id, cases)
    questions = await load_questions(session, agency_id, [case.id for case in cases])
    return {
        case.id: {
            "parent": (items[case.item_id].body.get("context") or {}).get("parent"),
            "thread": threads.get(case.item_id, []),
            "author": {
                "items": authors.get(case.item_id, []),
                "decisions": verdicts.get(case.item_id, {}),
                "latest_decisions": decisions.get(case.item_id, []),
            },
            "notes": notes.get(case.id, []),
            "questions": questions.get(case.id, []),
            "similar": similar.get(case.item_id, 0),
        }
        for case in cases
    }


async def list_others(session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """These items as they are listed, in this order."""
    query = select(Item, latest_verdict().label("verdict")).where(Item.agency_id == agency_id, Item.id.in_(item_ids))
    found = {row.Item.id: row for row in await session.execute(query)}
    return [describe_other(found[item_id].Item, found[item_id].verdict) for item_id in item_ids if item_id in found]


def describe_other(item: Item, verdict: str | None) -> dict[str, Any]:
    """Another item of the client, as it is listed: enough to recognise it.

    What is under a legal hold is read in its restricted queue, and nowhere beside other cases or in a search.
    """
    return {
        "id": show_id("itm", item.id),
        "external_id": item.external_id,
        "text": item.body.get("text") if item.hold_class is None else None,
        "quarantined": item.hold_class,
        "author": (item.body.get("author") or {}).get("external_id"),
        "received_at": item.received_at,
        "state": item.state,
        "verdict": verdict,
    }


def latest_verdict() -> Any:
    """The verdict of an `Item`'s newest decision, as a column."""
    return (
        select(Decision.verdict)
        .where(Decision.agency_id == Item.agency_id, Decision.item_id == Item.id)
        .order_by(Decision.item_revision.desc(), Decision.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )


def _same(column: Any) -> ColumnElement[bool]:
    return column == getattr(_Judged, column.key)  # type: ignore[no-any-return]


def _others(condition: ColumnElement[bool]) -> Select[Any]:
    """Ids of other items of the judged one's client, to be narrowed and limited."""
    return (
        select(Item.id)
        .where(
            Item.agency_id == _Judged.agency_id, Item.client_id == _Judged.client_id, Item.id != _Judged.id, condition
        )
        .correlate(_Judged)
    )


def _newest(condition: ColumnElement[bool], limit: int) -> Any:
    return _others(condition).order_by(Item.received_at.desc()).limit(limit).lateral()


async def _list_items(
    session: AsyncSession, asked: ColumnElement[bool], condition: ColumnElement[bool]
) -> dict[UUID, list[dict[str, Any]]]:
    """Other items, newest first, each with its latest verdict."""
    near = _newest(condition, SHOWN)
    query = (
        select(_Judged.id.label("judged"), Item, latest_verdict().label("verdict"))
        .select_from(_Judged)
        .join(near, true())
        .join(Item, and_(Item.agency_id == _Judged.agency_id, Item.id == near.c.id))
        .where(asked)
        .order_by(Item.received_at.desc())
    )
    listed: dict[UUID, list[dict[str, Any]]] = {}
    for row in await session.execute(query):
        listed.setdefault(row.judged, []).append(describe_other(row.Item, row.verdict))
    return listed


async def _count_verdicts(session: AsyncSession, asked: ColumnElement[bool]) -> dict[UUID, dict[str, int]]:
    """The author's earlier decisions that stand, by verdict, over the newest items."""
    near = _newest(_same(Item.author_external_id), COUNTED)
    query = (
        select(_Judged.id, Decision.verdict, func.count())
        .select_from(_Judged)
        .join(near, true())
        .join(Decision, and_(Decision.agency_id == _Judged.agency_id, Decision.item_id == near.c.id))
        .where(asked, Decision.reversed_by.is_(None))
        .group_by(_Judged.id, Decision.verdict)
    )
    counted: dict[UUID, dict[str, int]] = {}
    for judged, verdict, count in await session.execute(query):
        counted.setdefault(judged, {})[verdict] = count
    return counted


async def _list_decisions(session: AsyncSession, asked: ColumnElement[bool]) -> dict[UUID, list[dict[str, Any]]]:
    """The author's latest decisions, newest first."""
    near = _newest(_same(Item.author_external_id), SHOWN)
    query = (
        select(_Judged.id.label("judged"), Decision)
        .select_from(_Judged)
        .join(near, true())
        .join(Decision, and_(Decision.agency_id == _Judged.agency_id, Decision.item_id == near.c.id))
        .where(asked)
        .order_by(Decision.made_at.desc(), Decision.sequence.desc())
    )
    listed: dict[UUID, list[dict[str, Any]]] = {}
    for row in await session.execute(query):
        shown = listed.setdefault(row.judged, [])
        if len(shown) < SHOWN:
            shown.append(_describe_earlier(row.Decision))
    return listed


def _describe_earlier(decision: Decision) -> dict[str, Any]:
    return {
        "id": show_id("dec", decision.id),
        "item": show_id("itm", decision.item_id),
        "verdict": decision.verdict,
        "policies": decision.policies,
        "actions": [action["code"] for action in decision.actions],
        "automated": decision.automated,
        "made_at": decision.made_at,
    }


async def _count_similar(session: AsyncSession, asked: ColumnElement[bool]) -> dict[UUID, int]:
    """How many other items say the same but for case, spacing and punctuation."""
    same = _others(_same(Item.text_key)).limit(COUNTED).lateral()
    query = select(_Judged.id, func.count()).select_from(_Judged).join(same, true()).where(asked).group_by(_Judged.id)
    return dict((await session.execute(query)).all())


async def _list_notes(
    session: AsyncSession, agency_id: UUID, cases: Sequence[Case]
) -> dict[UUID, list[dict[str, Any]]]:
    """Notes pinned to the case, and those pinned to its author in this client."""
    pinned = and_(Note.client_id == Case.client_id, Note.author_external_id == Item.author_external_id)
    near = (
        select(Note.id)
        .where(Note.agency_id == Case.agency_id, or_(Note.case_id == Case.id, pinned))
        .correlate(Case, Item)
        .order_by(Note.created_at.desc())
        .limit(SHOWN)
        .lateral()
    )
    query = (
        select(Case.id.label("case"), Note)
        .join(Item, and_(Item.agency_id == Case.agency_id, Item.id == Case.item_id))
        .join(near, true())
        .join(Note, and_(Note.agency_id == Case.agency_id, Note.id == near.c.id))
        .where(Case.agency_id == agency_id, Case.id.in_([case.id for case in cases]))
        .order_by(Note.created_at.desc())
    )
    notes: dict[UUID, list[dict[str, Any]]] = {}
    for row in await session.execute(query):
        notes.setdefault(row.case, []).append(
            {
                "text": row.Note.text,
                "pin": "author" if row.Note.author_external_id else "case",
                "by": show_id("mem", row.Note.member_id),
                "at": row.Note.created_at,
            }
        )
    return notes
