"""The last bill of a client who leaves: its contract ends with the work, and what is owed ends with the contract."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.queries import find_contract_at
from veilleur.domain.billing.sign import end_contract
from veilleur.domain.custody.models import Offboarding
from veilleur.kernel.errors import Invalid
from veilleur.kernel.ids import parse_id


async def settle_contract(session: AsyncSession, row: Offboarding, today: date) -> dict[str, Any]:
    """End the contract of today after this day: its last period is cut there and priced in proportion, and the
    client's statement shows it. One that ends today anyway, or whose period is closed already, stays as it is.
    """
    contract = await find_contract_at(session, row.agency_id, row.client_id, today)
    if contract is None:
        return {"contract": None}
    member_id = parse_id("mem", row.requested_by) or contract.created_by
    try:
        async with session.begin_nested():
            await end_contract(session, contract, today + timedelta(days=1), member_id, "offboarding")
    except Invalid:
        await session.refresh(contract)
    return {"contract": {"ends_on": None if contract.ends_on is None else contract.ends_on.isoformat()}}
