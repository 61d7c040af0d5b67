"""Shapes of the ingest audience, for FastAPI and for the OpenAPI document."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from veilleur.domain.intake.envelope import DeletionIn, EnvelopeIn, ItemIn, ReportedIn
from veilleur_api.quota_documents import QuotaOut
from veilleur_api.rulings import RulingIn
from veilleur_api.words import Sentence


class BulkIn(BaseModel):
    """1 to 1,000 items of one source; all are stored or none."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: str
    items: list[dict[str, Any]] = Field(
        min_length=1, max_length=1_000, json_schema_extra={"items": {"$ref": "#/components/schemas/ItemIn"}}
    )


class OverruleIn(RulingIn):
    """`reason` is for the agency's records."""

    reason: Sentence


class OverruledOut(BaseModel):
    """The decision that stands now."""

    model_config = ConfigDict(extra="allow")

    id: str
    verdict: Literal["allow", "restrict", "remove"]
    made_at: datetime
    item_id: str
    reverses: str | None
    cause: str


class ReceiptOut(BaseModel):
    id: str
    external_id: str
    revision: int
    status: Literal["accepted", "duplicate", "superseded", "conflict"]
    interim: Literal["publish", "withhold"]


class DecidedItemOut(ReceiptOut):
    decision: dict[str, Any] | None


class DecidedOut(BaseModel):
    items: list[DecidedItemOut]


class ReceiptsOut(BaseModel):
    items: list[ReceiptOut]


class DeadlineOut(BaseModel):
    """Until when the platform itself lets anybody decide; `cause` is its rule: `telegram_delete`, `twitch_automod`."""

    at: datetime
    cause: str


class ClockOut(BaseModel):
    metric: str
    state: str
    started_at: datetime
    due_at: datetime
    deadline: DeadlineOut | None
    breached_at: datetime | None
    stopped_at: datetime | None


class DeliveryOut(BaseModel):
    """A delivery as its source saw it. `id` is the platform's own where it has one; why one was not kept is said."""

    id: str
    webhook_id: str | None
    outcome: Literal["accepted", "refused", "ignored"]
    received_at: datetime
    problem: str | None
    detail: str | None
    size: int | None
    headers: list[str] | None


class DeliveriesOut(BaseModel):
    data: list[DeliveryOut]
    next: str | None


class ItemOut(BaseModel):
    """An item as its client sees it."""

    id: str
    external_id: str
    revision: int
    source_id: str
    state: Literal["received", "in_review", "decided", "deleted"]
    mode: Literal["live", "test", "observe"]
    interim: Literal["publish", "withhold"]
    received_at: datetime
    decision: dict[str, Any] | None
    case: dict[str, Any] | None
    clocks: list[ClockOut]
    observed: dict[str, Any] | None
    history: list[dict[str, Any]]


class EventOut(BaseModel):
    """A callback body with its id."""

    id: str
    type: str
    timestamp: datetime
    data: dict[str, Any]


class FeedOut(BaseModel):
    data: list[EventOut]
    next: str


class MeOut(BaseModel):
    client: dict[str, Any]
    credential: dict[str, Any]
    limits: dict[str, int]
    quota: QuotaOut
    sources: list[dict[str, Any]]


class CatalogueOut(BaseModel):
    policies: list[dict[str, Any]]
    actions: list[dict[str, Any]]


RECEIPTS: dict[int | str, dict[str, Any]] = {202: {"model": ReceiptsOut, "description": "Stored for good"}}

HANDSHAKE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The platform's challenge, answered as that platform wants it", "content": {"text/plain": {}}}
}

WEBHOOK_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EnvelopeIn"}}},
    },
    "parameters": [
        {
            "name": name,
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "Needed by sources of kind `standard`; others bear their platform's own proof",
        }
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    ],
}

EXTRA_SCHEMAS: tuple[type[BaseModel], ...] = (EnvelopeIn, ItemIn, DeletionIn, ReportedIn)
"""Read by hand from raw bytes, so FastAPI does not see them."""
