"""Looking for items of one client by what a person has at hand: its id on the platform, its author, its address."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.review.surroundings import describe_other, latest_verdict
from veilleur.domain.tenancy.models import Source
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.paging import Page, PageRequest, cut_page, read_moment


@dataclass(frozen=True, slots=True)
class Wanted:
    """At least one of the three, each exactly; all that are given must hold."""

    client_id: UUID
    external_id: str | None = None
    author: str | None = None
    url: str | None = None


async def search_items(
    session: AsyncSession, agency_id: UUID, wanted: Wanted, page: PageRequest
) -> Page[dict[str, Any]]:
    """Matching items, newest first. Each of the three has an index of its own."""
    query = select(Item, latest_verdict().label("verdict")).where(
        Item.agency_id == agency_id, Item.client_id == wanted.client_id, *_conditions(agency_id, wanted)
    )
    if page.after is not None:
        query = query.where(tuple_(Item.received_at, Item.id) < read_moment(page.after))
    rows = (await session.execute(query.order_by(Item.received_at.desc(), Item.id.desc()).limit(page.limit + 1))).all()
    cut = cut_page(rows, page, lambda row: [row.Item.received_at.isoformat(), str(row.Item.id)])
    return Page([_describe(row.Item, row.verdict) for row in cut.data], cut.next)


def _conditions(agency_id: UUID, wanted: Wanted) -> list[Any]:
    conditions: list[Any] = []
    if wanted.external_id is not None:
        sources = select(Source.id).where(Source.agency_id == agency_id, Source.client_id == wanted.client_id)
        conditions += [Item.source_id.in_(sources), Item.external_id == wanted.external_id]
    if wanted.author is not None:
        conditions.append(Item.author_external_id == wanted.author)
    if wanted.url is not None:
        conditions += [Item.url_key == func.hashtextextended(wanted.url, 0), Item.body["url"].astext == wanted.url]
    if not conditions:
        error = InputError("/", msg("nothing to look for"), msg("allowed: {codes}", codes=SEARCHED_BY))
        raise Invalid(msg("Say what to look for"), errors=[error])
    return conditions


SEARCHED_BY = ("external_id", "author", "url")


def _describe(item: Item, verdict: str | None) -> dict[str, Any]:
    return describe_other(item, verdict) | {
        "source_id": show_id("src", item.source_id),
        "kind": item.kind,
        "revision": item.revision,
        "url": item.body.get("url"),
        "language": item.language,
    }
