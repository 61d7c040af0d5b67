"""Shapes of endpoints and deliveries, for owners and for clients."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from veilleur.domain.intake.envelope import Timestamp
from veilleur.domain.outbox.announce import AgencyEventType, EventType

Url = Annotated[str, Field(min_length=1, max_length=2_048)]
DeliveryState = Literal["pending", "sending", "delivered", "dead"]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ClientEndpointIn(_Shape):
    """No `events` means all of them."""

    url: Url
    events: list[EventType] | None = None


class ClientEndpointPatch(_Shape):
    """What is left out stays as it is. `disabled` gives up what is on its way."""

    url: Url | None = None
    events: list[EventType] | None = None
    state: Literal["enabled", "disabled"] | None = None


class EndpointIn(ClientEndpointIn):
    """`concurrency`: calls in the air at once; `rate_per_s`: calls a second at most, null for no such limit."""

    concurrency: int = Field(default=10, ge=1, le=100)
    rate_per_s: Annotated[float, Field(ge=0.01, le=1_000, strict=False)] | None = None


class EndpointPatch(ClientEndpointPatch):
    concurrency: int | None = Field(default=None, ge=1, le=100)
    rate_per_s: Annotated[float, Field(ge=0.01, le=1_000, strict=False)] | None = None


class AgencyEndpointPatch(_Shape):
    """The address stays: another one is another endpoint."""

    events: list[AgencyEventType] | None = None
    language: Literal["en", "fr"] | None = None
    state: Literal["enabled", "disabled"] | None = None
    concurrency: int | None = Field(default=None, ge=1, le=100)
    rate_per_s: Annotated[float, Field(ge=0.01, le=1_000, strict=False)] | None = None


class RecoverIn(_Shape):
    """From when on what did not arrive is sent again."""

    since: Timestamp


class ReplayIn(_Shape):
    """From when on; without it, all that is kept."""

    since: Timestamp | None = None


class SecretIn(_Shape):
    """Your own secret (`whsec_…`), or one is made; the old ones go on signing for `overlap_s` seconds."""

    secret: str | None = Field(default=None, max_length=200)
    overlap_s: int = Field(default=86_400, ge=0, le=2_592_000)


class HealthOut(BaseModel):
    """`warned`: the last warning given, in percent of the time after which an endpoint that fails is disabled."""

    state: Literal["ok", "slowed", "failing", "open", "disabled"]
    failures: int
    failing_since: datetime | None
    failed_for_percent: int | None
    warned: int | None
    disables_at: datetime | None
    held_until: datetime | None
    pace_per_s: float | None
    last_error: str | None
    last_failed_at: datetime | None


class EndpointOut(BaseModel):
    id: str
    url: str
    events: list[str]
    state: Literal["enabled", "disabled"]
    concurrency: int
    rate_per_s: float | None
    health: HealthOut
    created_at: datetime
    disabled_at: datetime | None
    disabled_reason: Literal["owner", "client", "gone", "failing"] | None


class NewEndpointOut(EndpointOut):
    """The secret is shown this once."""

    secret: str


class EndpointsOut(BaseModel):
    data: list[EndpointOut]
    next: str | None


class NewSecretOut(BaseModel):
    id: str
    secret: str


class PingOut(BaseModel):
    delivery_id: str


class RedrivenOut(BaseModel):
    """How many deliveries are on their way again; `more`: call once more for the rest."""

    deliveries: int
    more: bool


class CallbackOut(BaseModel):
    """One event on its way to one endpoint."""

    id: str
    client: str | None
    endpoint: str
    event: str
    type: str | None
    item: str | None
    state: DeliveryState
    attempts: int
    due_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


class AttemptOut(BaseModel):
    at: datetime
    status: int | None
    error: str | None
    took_ms: int | None
    next_at: datetime | None


class LoggedCallbackOut(CallbackOut):
    """`body` where it was asked for, as long as it is kept."""

    log: list[AttemptOut]
    body: dict[str, Any] | None
    body_kept: bool


class CallbacksOut(BaseModel):
    data: list[CallbackOut]
    next: str | None
