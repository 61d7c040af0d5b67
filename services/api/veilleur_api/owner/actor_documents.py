"""Shapes of acting on platforms."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from veilleur_api.owner.documents import Shape

Name = Annotated[str, Field(min_length=1, max_length=64)]


class OperationsIn(Shape):
    """Which operation of the platform is meant by an action of the catalogue, or by a verdict that names none; null:
    do nothing.
    """

    actions: dict[Name, Name | None] = Field(default_factory=dict, max_length=200)
    verdicts: dict[Name, Name | None] = Field(default_factory=dict, max_length=3)


class ActorIn(Shape):
    """`callback`: only tell; `act`: do it too; `act_after_hold`: after `hold_s` seconds in which it can be cancelled.

    `credentials` are those of the platform; left out, those that stand go on. `platform` is said of sources that bring
    content of any (`standard`, `generic`). Without `operations` what is customary is done.
    """

    mode: Literal["callback", "act", "act_after_hold"]
    hold_s: int = Field(default=0, ge=0, le=86_400)
    platform: Name | None = None
    credentials: dict[Name, Any] | None = Field(default=None, max_length=50)
    operations: OperationsIn | None = None


class PlatformActionOut(BaseModel):
    """One thing done, or to be done, on a platform; `detail` says why not, in the reader's language."""

    id: str
    platform: str
    decision: str
    target: Literal["item", "author"]
    code: str | None
    operation: str | None
    until: datetime | None
    undoes: str | None
    state: Literal["pending", "sending", "done", "refused", "dead", "cancelled"]
    reason: str | None
    detail: str | None
    attempts: int
    due_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


class OwnerPlatformActionOut(PlatformActionOut):
    client: str
    source: str
    item: str


class PlatformActionsOut(BaseModel):
    data: list[OwnerPlatformActionOut]
    next: str | None


class ActorOut(BaseModel):
    """How a source is acted on. Of the credentials, only what is no secret; `offers` is what the platform can do."""

    mode: Literal["callback", "act", "act_after_hold"]
    hold_s: int
    platform: str | None
    has_credentials: bool
    settings: dict[str, Any]
    operations: dict[str, dict[str, str | None]]
    offers: dict[str, dict[str, Any]]
    customary: list[dict[str, str]]
    configured_at: datetime | None
    last_done_at: datetime | None
    last_failed_at: datetime | None
    last_error: str | None
    detail: str | None
    quiet_until: datetime | None
    last: list[PlatformActionOut]


class ActorTestOut(BaseModel):
    """Whether the credentials hold and may do what is needed, from a call that changes nothing."""

    ok: bool
    reason: str | None
    detail: str | None
    status: int | None
