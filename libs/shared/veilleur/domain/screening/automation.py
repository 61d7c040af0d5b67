"""What a client's rules may do by themselves.

`act`: decide. `advise`: what they would restrict or remove becomes a case that shows their suggestion; what they allow
is allowed. `off`: they are not asked, every item opens a case. Read from the database for every batch and never kept:
a change holds from the next batch on, in every worker.
"""

from collections.abc import Collection
from typing import Any, Literal, TypeVar, get_args
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.intake.models import Item
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.ids import show_id

Automation = Literal["act", "advise", "off"]
AUTOMATIONS: tuple[Automation, ...] = get_args(Automation)
Rules = TypeVar("Rules")


def choose_rules(published: Rules | None, item: Item, mode: Automation) -> Rules | None:
    """The rules to ask about an item. An observed one is judged all the same: nothing comes of it."""
    return None if mode == "off" and item.mode == "live" else published


async def load_automation(
    session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]
) -> dict[UUID, Automation]:
    query = select(Client.id, Client.automation).where(Client.agency_id == agency_id, Client.id.in_(client_ids))
    return {row.id: row.automation for row in await session.execute(query)}


async def set_automation(session: AsyncSession, client: Client, mode: Automation, reason: str, actor: str) -> None:
    """Let rules do more or less from now on, and keep who said so and why."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    before, client.automation = client.automation, mode
    client.automation_note = {"reason": reason, "by": actor, "at": to_rfc3339(present)}
    await session.flush()
    details = {"mode": mode, "before": before}
    deed = Deed(actor, "automation.changed", show_id("cli", client.id), client.id, details)
    await record_deeds(session, client.agency_id, [deed])


def describe_automation(client: Client) -> dict[str, Any]:
    """`reason`, `by` and `at` are of the last change, null when there was none."""
    note = client.automation_note or {"reason": None, "by": None, "at": None}
    return {"mode": client.automation} | note
