"""What may be done with a client's content: who sees it, how long it is kept."""

from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from veilleur.domain.custody.set_data_policy import Policy, load_policy, set_policy
from veilleur.domain.custody.terms import read_terms
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client, require_match
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "data policies")


class DataPolicyIn(BaseModel):
    """`providers`: the names of those that may see this client's content, all others may not. `retention_days` by kind:
    `item_text`, `media_snapshots`, `receipts`, `events`, `evaluations`, `decision_texts`; the default for one left out.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    providers: list[Annotated[str, Field(max_length=64)]] = Field(max_length=100)
    retention_days: dict[Annotated[str, Field(max_length=64)], int] = Field(default_factory=dict, max_length=50)


class DataPolicyOut(BaseModel):
    providers: list[str]
    retention_days: dict[str, int]
    limits: dict[str, dict[str, Any]]
    """By kind: `default`, and what may be chosen, `from` and `to`."""


@router.get("/clients/{client_id}/data-policy", responses={200: {"model": DataPolicyOut}}, **needs("clients:read"))
async def get_data_policy(client_id: str, caller: Member, session: Tx) -> Response:
    """Which providers may see the client's content, and how long what is its is kept. Its ETag goes with changes."""
    client = await find_client(session, caller.agency_id, client_id)
    policy = await load_policy(session, caller.agency_id, client.id)
    return JsonAnswer(policy.describe(), 200, {"etag": policy.etag})


@router.put("/clients/{client_id}/data-policy", responses={200: {"model": DataPolicyOut}}, **needs("custody:write"))
async def put_data_policy(
    client_id: str, wanted: DataPolicyIn, caller: Member, session: Tx, request: Request
) -> Response:
    """Replace the policy. A legal hold keeps what it keeps, whatever the terms."""
    client = await find_client(session, caller.agency_id, client_id)
    await session.refresh(client, with_for_update=True)
    before = await load_policy(session, caller.agency_id, client.id, lock=True)
    require_match(request, before.etag)
    policy = Policy(tuple(dict.fromkeys(wanted.providers)), read_terms(wanted.retention_days))
    after = await set_policy(session, caller.agency_id, client.id, policy, caller.name)
    return JsonAnswer(after.describe(), 200, {"etag": after.etag})
