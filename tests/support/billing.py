"""Plans, contracts and statements over HTTP, and usage that came from nowhere."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support.people import Client, Json, unique
from tests.support.world import World
from veilleur.domain.billing.models import BillingPeriod
from veilleur.domain.invoicing.close import close_period
from veilleur.domain.metering.enter import reverse_entry
from veilleur.domain.metering.models import UsageEntry
from veilleur.domain.metering.record import Usage, record_usage
from veilleur.domain.tenancy.models import Member
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import new_id, parse_id

BUYER: Json = {
    "name": "Forum SAS",
    "address": ["12 rue des Fleurs"],
    "postcode": "75011",
    "city": "Paris",
    "country": "FR",
    "siren": "732829320",
    "vat_id": "FR44732829320",
}

TAX: Json = {"category": "S", "rate": "20"}


def plan_by_item(unit: str = "0.10", **more: Any) -> Json:
    """So much for each decision of a person, and a hundred a month."""
    return {
        "code": unique("plan"),
        "version": 1,
        "currency": "EUR",
        "interval": "month",
        "timezone": "Europe/Paris",
        "components": [
            {"code": "base", "model": "flat", "label": {"en": "Base"}, "amount": "100.00"},
            {
                "code": "human",
                "model": "per_unit",
                "meter": "decision.human",
                "aggregation": "sum",
                "label": {"en": "Decisions", "fr": "Décisions"},
                "unit": unit,
            },
        ],
    } | more


async def sign(client: Client, plan: Json | None = None, starts_on: str = "2026-01-01", **more: Any) -> Json:
    """A contract of the client by a plan that is kept for it."""
    kept = await client.owner.call("POST", "/owner/v1/rate-plans", plan or plan_by_item(), 201)
    body = {
        "rate_plan": {"code": kept["code"], "version": kept["version"]},
        "starts_on": starts_on,
        "buyer": BUYER,
        "tax": TAX,
    } | more
    return await client.owner.call("POST", f"{client.base}/contracts", body, 201)


async def read_statement(client: Client, period: str) -> Json:
    return await client.owner.call("GET", f"{client.base}/statement?period={period}", status=200)


async def agency_of(world: World, client: Client) -> UUID:
    (row,) = await world.fetch("SELECT agency_id FROM clients WHERE id = $1", parse_id("cli", client.id))
    found: UUID = row["agency_id"]
    return found


async def owner_of(world: World, client: Client) -> UUID:
    member = (await client.owner.call("GET", "/moderator/v1/me"))["id"]
    found = parse_id("mem", member)
    assert found
    return found


async def count_on(world: World, client: Client, day: date, quantity: int | str = 1, **more: Any) -> UUID:
    """Work of a day, entered and approved, written as the service writes it; its entry."""
    agency_id = await agency_of(world, client)
    async with world.parts.database.transaction(Scope(agency_id)) as session:
        return await write_work(session, client, day, quantity, **more)


async def write_work(session: AsyncSession, client: Client, day: date, quantity: int | str = 1, **more: Any) -> UUID:
    """A fact and its record."""
    client_id = parse_id("cli", client.id)
    assert client_id
    agency_id = session.info["scope"].agency_id
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    meter, dims = more.pop("meter", "decision.human"), more.pop("dims", {})
    members = list(await session.scalars(select(Member.id).where(Member.agency_id == agency_id).limit(2)))
    if len(members) < 2:
        second = Member(agency_id=agency_id, email=f"{unique('second')}@x.example", name="S", roles=["accountant"])
        session.add(second)
        await session.flush()
        members.append(second.id)
    entry = UsageEntry(
        agency_id=agency_id, id=new_id(), client_id=client_id, meter=meter, quantity=Decimal(quantity), occurred_at=at,
        dims=dims, note="test", state="approved", created_by=members[0], decided_by=members[1], decided_at=at,
    )  # fmt: skip
    session.add(entry)
    await session.flush()
    fact = Usage(client_id, "Europe/Paris", meter, at, Decimal(quantity), fact_id=entry.id, dims=dims, **more)
    await record_usage(session, agency_id, [fact])
    return entry.id


async def take_work_back(world: World, client: Client, entry_id: UUID) -> None:
    agency_id, member = await agency_of(world, client), await owner_of(world, client)
    async with world.parts.database.transaction(Scope(agency_id)) as session:
        entry = await session.get_one(UsageEntry, (agency_id, entry_id))
        await reverse_entry(session, entry, member, "wrong")


async def close_month(world: World, client: Client, month: str) -> BillingPeriod:
    """What a close leaves behind."""
    shown = (await read_statement(client, month))["billing_period"]
    period = await find_period(world, shown)
    member = await owner_of(world, client)
    async with world.parts.database.transaction(Scope(period.agency_id)) as session:
        kept = await session.get_one(BillingPeriod, (period.agency_id, period.id))
        await close_period(session, kept, member)
    return await find_period(world, shown)


async def find_period(world: World, shown: str) -> BillingPeriod:
    (row,) = await world.fetch("SELECT agency_id FROM billing_periods WHERE id = $1", parse_id("prd", shown))
    async with world.parts.database.transaction(Scope(row["agency_id"])) as session:
        return await session.get_one(BillingPeriod, (row["agency_id"], parse_id("prd", shown)))


async def tamper(world: World, command: str, *values: object) -> None:
    """As only a superuser can, who silences the triggers."""
    connection = await asyncpg.connect(world.admin_url)
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(command, *values)
    finally:
        await connection.close()
