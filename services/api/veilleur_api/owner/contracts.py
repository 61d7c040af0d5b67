"""Contracts: which client pays by which version of which rate plan, from when to when, and who is billed."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.billing.models import Contract
from veilleur.domain.billing.queries import find_rate_plan
from veilleur.domain.billing.sign import NewContract, end_contract, sign_contract
from veilleur.domain.billing.tax import TaxTerms
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.billing_documents import ContractEndIn, ContractIn, ContractOut, ContractsOut
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "billing")


@router.post(
    "/clients/{client_id}/contracts",
    status_code=201,
    responses={201: {"model": ContractOut}},
    **needs("pricing:write"),
)
async def create_contract(client_id: str, new: ContractIn, caller: Member, session: Tx) -> Response:
    """Bind the client to a version of a rate plan. The time zone is the client's of now, for the whole contract."""
    client = await find_client(session, caller.agency_id, client_id)
    wanted = await _read_contract(session, caller.agency_id, new)
    return JsonAnswer(describe_contract(await sign_contract(session, client, wanted, caller.member_id)), 201)


@router.get("/clients/{client_id}/contracts", responses={200: {"model": ContractsOut}}, **needs("pricing:read"))
async def list_contracts(
    client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """The client's contracts, in the order they were signed."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(Contract).where(Contract.agency_id == caller.agency_id, Contract.client_id == client.id)
    return JsonAnswer(await page_by_id(session, query, Contract, limit, after, describe_contract))


@router.get(
    "/clients/{client_id}/contracts/{contract_id}", responses={200: {"model": ContractOut}}, **needs("pricing:read")
)
async def get_contract(client_id: str, contract_id: str, caller: Member, session: Tx) -> Response:
    """One contract."""
    return JsonAnswer(describe_contract(await find_contract(session, caller.agency_id, client_id, contract_id)))


@router.post(
    "/clients/{client_id}/contracts/{contract_id}/end",
    responses={200: {"model": ContractOut}},
    **needs("pricing:write"),
)
async def end_client_contract(
    client_id: str, contract_id: str, wanted: ContractEndIn, caller: Member, session: Tx
) -> Response:
    """End a contract earlier than agreed; its last period is billed in part. What is closed stays as it is."""
    contract = await find_contract(session, caller.agency_id, client_id, contract_id)
    await end_contract(session, contract, wanted.ends_on, caller.member_id, wanted.reason)
    return JsonAnswer(describe_contract(contract))


async def find_contract(session: AsyncSession, agency_id: UUID, client: str, shown: str) -> Contract:
    client_id = (await find_client(session, agency_id, client)).id
    contract = await session.get(Contract, (agency_id, read_id("ctr", shown)))
    if contract is None or contract.client_id != client_id:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return contract


def describe_contract(contract: Contract) -> dict[str, Any]:
    return {
        "id": show_id("ctr", contract.id),
        "client": show_id("cli", contract.client_id),
        "rate_plan": {"code": contract.plan["code"], "version": contract.plan["version"]},
        "starts_on": contract.starts_on,
        "ends_on": contract.ends_on,
        "anchor_day": contract.anchor_day,
        "time_zone": contract.time_zone,
        "buyer": contract.buyer,
        "tax": contract.tax,
        "payment_days": contract.payment_days,
        "purchase_order": contract.purchase_order,
        "report_day": contract.report_day,
        "created_at": contract.created_at,
        "created_by": show_id("mem", contract.created_by),
        "ended_by": show_id("mem", contract.ended_by) if contract.ended_by is not None else None,
        "end_reason": contract.end_reason,
    }


async def _read_contract(session: AsyncSession, agency_id: UUID, new: ContractIn) -> NewContract:
    plan = await find_rate_plan(session, agency_id, new.rate_plan.code, new.rate_plan.version)
    if plan is None:
        error = InputError(
            "/rate_plan", msg("there is no such version"), msg("GET /owner/v1/rate-plans lists what there is")
        )
        raise Invalid(msg("The contract can't be kept like this"), errors=[error])
    return NewContract(
        rate_plan=plan,
        days=(new.starts_on, new.ends_on),
        buyer=new.buyer,
        tax=TaxTerms(new.tax.category, new.tax.rate, new.tax.reduced_rate),
        tax_reason=new.tax.reason,
        payment_days=new.payment_days,
        anchor_day=new.anchor_day,
        purchase_order=new.purchase_order,
        report_day=new.report_day,
    )
