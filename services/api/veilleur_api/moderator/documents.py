"""Shapes of the moderator audience."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from veilleur.domain.review.presence import IdleReason, Status
from veilleur.domain.review.similar import MOST, SimilarBy
from veilleur_api.rulings import RulingIn, Words
from veilleur_api.words import Sentence


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ClaimIn(Shape):
    """I want `hold` cases in hand; wait up to `wait` seconds for the first one."""

    hold: int = Field(default=1, ge=1, le=10)
    wait: int = Field(default=0, ge=0, le=30)
    queues: list[Annotated[str, Field(max_length=64)]] | None = Field(default=None, min_length=1, max_length=50)


class HeldIn(Shape):
    id: str
    fence: int


class HeartbeatIn(Shape):
    assignments: list[HeldIn] = Field(min_length=1, max_length=50)


class ApplyToIn(Shape):
    """Decide what is like this item too: same words, same author or same link, if there are still `expect` of them."""

    by: SimilarBy
    expect: int = Field(ge=0, le=MOST)


class DecisionIn(RulingIn):
    """A verdict about the revision that was looked at. `explanation` leaves the agency, `note` never does.

    `macro` names a saved reply of this client: it becomes the explanation, in the item's language where it has one.
    """

    fence: int
    revision: int
    explanation: Words | None = None
    note: Words | None = None
    macro: Annotated[str, Field(max_length=64)] | None = None
    apply_to: ApplyToIn | None = None
    hold: int | None = Field(default=None, ge=1, le=10)


class CorrectionIn(RulingIn):
    """What shall stand instead. `reason` stays inside the agency."""

    reason: Sentence


class MadeOut(BaseModel):
    """A decision as clients see it, with what only the agency is shown."""

    model_config = ConfigDict(extra="allow")

    id: str
    verdict: Literal["allow", "restrict", "remove"]
    actions: list[dict[str, Any]]
    policies: list[str]
    made_at: datetime
    item_id: str
    client_id: str
    revision: int
    note: str | None
    cause: str | None
    reverses: str | None
    reversed_by: str | None
    correctable_until: datetime | None = None


class MadesOut(BaseModel):
    data: list[MadeOut]
    next: str | None


class FenceIn(Shape):
    fence: int


class QuarantineIn(FenceIn):
    hold_class: Literal["csam", "threat_to_life", "terror"] = Field(alias="class")


class QuarantinedOut(BaseModel):
    """The case is out of my hands. A break is offered: `PUT /moderator/v1/me/status` takes it."""

    case_id: str
    item_id: str
    queue: str
    break_offered: bool


class NoteIn(Shape):
    text: Sentence
    pin: Literal["case", "author"] = "case"


class InHandOut(BaseModel):
    assignments: list[dict[str, Any]]
    reason: IdleReason | None


class OtherItemOut(BaseModel):
    """Without its text while a legal hold keeps it: `quarantined` says which."""

    id: str
    external_id: str
    text: str | None
    quarantined: str | None
    author: str | None
    received_at: datetime
    state: str
    verdict: str | None


class FoundItemOut(OtherItemOut):
    source_id: str
    kind: str
    revision: int
    url: str | None
    language: str | None


class FoundItemsOut(BaseModel):
    data: list[FoundItemOut]
    next: str | None


class SimilarOut(BaseModel):
    """`count` would be decided along, `held` are in others' hands; `more`: only the first 1,000 were looked at."""

    by: SimilarBy
    count: int
    held: int
    more: bool
    samples: list[OtherItemOut]


class BeatOut(BaseModel):
    id: str
    expires_at: datetime | None = None
    item_revision: int | None = None
    problem: dict[str, Any] | None = None


class BeatsOut(BaseModel):
    assignments: list[BeatOut]


class GuideOut(BaseModel):
    version: str
    policies: list[dict[str, Any]]
    default_severity: int
    actions: list[dict[str, Any]]
    macros: list[dict[str, Any]]
    house_rules: str
    tone: str
    contacts: list[dict[str, Any]]


class MeOut(BaseModel):
    id: str
    name: str
    email: str
    roles: list[str]
    languages: list[str]
    skills: list[str]
    capacity: int
    tier: int
    clients: list[str] | Literal["all"]
    held: int
    status: Status
    status_since: datetime
    on_duty: bool


class PlatformActionsOut(BaseModel):
    """What a decision ordered on the platform, and what became of each: `id, operation, state, reason, detail …`."""

    actions: list[dict[str, Any]]
