"""Thresholds: what the agency wants to be told of before the bill arrives, once a period."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import func, select
from starlette.responses import Response

from veilleur.domain.billing.numbers import Quantity
from veilleur.domain.invoicing.models import UsageAlert, UsageThreshold
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import new_id, read_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer, show_decimal
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.owner.documents import Shape
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "usage")

OF_A_METER = ("quantity", "included")


class UsageThresholdIn(Shape):
    """`quantity`: so much of `meter`; `included`: so many per cent of what the plan includes of it; `amount`: so much
    net; `budget`: so much with tax. Said once a period, as `usage.threshold`, at the agency's endpoints.
    """

    kind: Literal["quantity", "amount", "included", "budget"]
    value: Quantity
    meter: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class UsageThresholdOut(BaseModel):
    id: str
    client: str
    kind: str
    meter: str | None
    value: str
    created_by: str
    created_at: datetime


class UsageThresholdsOut(BaseModel):
    data: list[UsageThresholdOut]
    next: str | None


class UsageAlertOut(BaseModel):
    """What was reached, in which period, and when it was told."""

    id: str
    threshold: str
    billing_period: str
    reached: str
    made_at: datetime


class UsageAlertsOut(BaseModel):
    data: list[UsageAlertOut]
    next: str | None


BASE = "/clients/{client_id}/usage-thresholds"


@router.post(BASE, status_code=201, responses={201: {"model": UsageThresholdOut}}, **needs("pricing:write"))
async def create_usage_threshold(client_id: str, new: UsageThresholdIn, caller: Member, session: Tx) -> Response:
    """Be told when a period has come so far; at once, if it has."""
    client = await find_client(session, caller.agency_id, client_id)
    _check(new)
    threshold = UsageThreshold(
        agency_id=caller.agency_id,
        id=new_id(),
        client_id=client.id,
        kind=new.kind,
        meter=new.meter,
        value=new.value,
        created_by=caller.member_id,
    )
    session.add(threshold)
    await session.flush()
    await session.refresh(threshold)
    await hint_work(session, caller.agency_id, "usage")
    return JsonAnswer(_describe(threshold), 201)


@router.get(BASE, responses={200: {"model": UsageThresholdsOut}}, **needs("pricing:read"))
async def list_usage_thresholds(
    client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """What is looked at."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(UsageThreshold).where(
        UsageThreshold.agency_id == caller.agency_id,
        UsageThreshold.client_id == client.id,
        UsageThreshold.removed_at.is_(None),
    )
    return JsonAnswer(await page_by_id(session, query, UsageThreshold, limit, after, _describe))


@router.delete(BASE + "/{threshold_id}", status_code=204, **needs("pricing:write"))
async def remove_usage_threshold(client_id: str, threshold_id: str, caller: Member, session: Tx) -> Response:
    """Look at it no more; what it said stays."""
    client = await find_client(session, caller.agency_id, client_id)
    threshold = await session.get(UsageThreshold, (caller.agency_id, read_id("thr", threshold_id)))
    if threshold is None or threshold.client_id != client.id or threshold.removed_at is not None:
        raise NotFound(msg("There is no {id} here", id=threshold_id[:64]))
    threshold.removed_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.flush()
    return Response(status_code=204)


@router.get("/clients/{client_id}/usage-alerts", responses={200: {"model": UsageAlertsOut}}, **needs("pricing:read"))
async def list_usage_alerts(
    client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """What was told, and in which period."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(UsageAlert).where(UsageAlert.agency_id == caller.agency_id, UsageAlert.client_id == client.id)
    return JsonAnswer(await page_by_id(session, query, UsageAlert, limit, after, _describe_alert))


def _check(new: UsageThresholdIn) -> None:
    mistakes = []
    if new.value <= 0:
        mistakes.append(InputError("/value", msg("must be more than 0")))
    if new.kind in OF_A_METER and new.meter is None:
        mistakes.append(InputError("/meter", msg("is required")))
    if new.kind not in OF_A_METER and new.meter is not None:
        mistakes.append(InputError("/meter", msg("belongs to thresholds of a quantity or of what is included")))
    if mistakes:
        raise Invalid(msg("The threshold can't be kept like this"), errors=mistakes)


def _describe(threshold: UsageThreshold) -> dict[str, Any]:
    return {
        "id": show_id("thr", threshold.id),
        "client": show_id("cli", threshold.client_id),
        "kind": threshold.kind,
        "meter": threshold.meter,
        "value": show_decimal(threshold.value),
        "created_by": show_id("mem", threshold.created_by),
        "created_at": threshold.created_at,
    }


def _describe_alert(alert: UsageAlert) -> dict[str, Any]:
    return {
        "id": show_id("alr", alert.id),
        "threshold": show_id("thr", alert.threshold_id),
        "billing_period": show_id("prd", alert.period_id),
        "reached": show_decimal(alert.reached),
        "made_at": alert.made_at,
    }
