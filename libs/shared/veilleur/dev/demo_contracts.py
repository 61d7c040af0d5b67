"""What the demo's clients pay: without a plan and a contract, statement and margin would have nothing to say."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.keep_plan import keep_rate_plan
from veilleur.domain.billing.models import Contract
from veilleur.domain.billing.parties import Party
from veilleur.domain.billing.queries import find_rate_plan
from veilleur.domain.billing.sign import NewContract, sign_contract
from veilleur.domain.billing.tax import TaxTerms
from veilleur.domain.tenancy.models import Client

PLAN = "demo-standard"

BUYERS: Mapping[str, Party] = {
    "forum-fr": Party(name="Le Forum SAS", address=["12 rue des Fleurs"], postcode="75011", city="Paris", country="FR"),
    "videos-en": Party(
        name="Video Channel Ltd", address=["1 Example Street"], postcode="N1 9GU", city="London", country="GB"
    ),
}
TAXES: Mapping[str, tuple[TaxTerms, str | None]] = {
    "forum-fr": (TaxTerms("S", Decimal(20)), None),
    "videos-en": (TaxTerms("O", Decimal(0)), "Service supplied outside the European Union"),
}


async def ensure_contracts(session: AsyncSession, agency_id: UUID, member_id: UUID, today: date) -> None:
    """One contract from the first of this month for each client of the demo that has none."""
    contracts = select(Contract.client_id).where(Contract.agency_id == agency_id)
    query = select(Client).where(
        Client.agency_id == agency_id, Client.slug.in_(BUYERS), Client.id.not_in(contracts.scalar_subquery())
    )
    for client in (await session.scalars(query)).all():
        plan = await find_rate_plan(session, agency_id, PLAN, 1)
        plan = plan or await keep_rate_plan(session, agency_id, _write_plan(), member_id)
        tax, reason = TAXES[client.slug]
        new = NewContract(plan, (today.replace(day=1), None), BUYERS[client.slug], tax, reason)
        await sign_contract(session, client, new, member_id)


def _write_plan() -> dict[str, Any]:
    def component(code: str, label: str, **more: Any) -> dict[str, Any]:
        return {"code": code, "label": {"en": label}, **more}

    return {
        "code": PLAN,
        "version": 1,
        "name": {"en": "Standard"},
        "currency": "EUR",
        "interval": "month",
        "timezone": "Europe/Paris",
        "components": [
            component("base", "Service", model="flat", amount="190.00"),
            component("auto", "Decided by rules", model="per_unit", meter="decision.auto", unit="0.01"),
            component(
                "human",
                "Decided by people",
                model="graduated",
                meter="decision.human",
                tiers=[{"up_to": "1000", "unit": "0.25"}, {"up_to": None, "unit": "0.18"}],
            ),
        ],
    }
