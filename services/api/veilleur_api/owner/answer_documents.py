"""What the owner's calls answer, for the document: each is compared with real answers in tests/contract."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel


class ClientOut(BaseModel):
    """Its version is the ETag."""

    id: str
    slug: str
    name: str
    time_zone: str
    languages: list[str]
    interim: Literal["publish", "withhold"]
    blast_limit_percent: float | None
    calendar: str
    strike_days: int
    default_severity: int
    share_sla: bool
    guaranteed_slots: int | None
    send_after_s: int
    payload_days: int
    house_rules: str
    tone: str
    contacts: list[dict[str, Any]]
    created_at: datetime


class ClientsOut(BaseModel):
    data: list[ClientOut]
    next: str | None


class PolicyOut(BaseModel):
    code: str
    title: str
    titles: dict[str, str]
    definition: str
    examples: list[str]
    severity: int
    default_actions: list[str]
    clause: str | None


class PoliciesOut(BaseModel):
    data: list[PolicyOut]
    next: str | None


class CatalogueActionOut(BaseModel):
    code: str
    title: str
    verdict: Literal["allow", "restrict", "remove"]
    targets: list[Literal["item", "author"]]
    needs_until: bool
    undo: str | None


class CatalogueActionsOut(BaseModel):
    data: list[CatalogueActionOut]
    next: str | None


class SourceOut(BaseModel):
    """`settings` without what is secret; `url` is where its items are posted to."""

    id: str
    kind: str
    name: str
    mode: Literal["live", "test", "observe", "paused"]
    settings: dict[str, Any]
    url: str
    created_at: datetime


class SourcesOut(BaseModel):
    data: list[SourceOut]
    next: str | None


class NewSourceOut(SourceOut):
    """The secret, shown this once, and the steps to take on the other side."""

    secret: str
    setup: list[str]


class CredentialOut(BaseModel):
    """`hint`: the beginning of the key, to know it by."""

    id: str
    kind: Literal["api_key", "oauth_client"]
    name: str
    hint: str
    scopes: list[str]
    test: bool
    created_at: datetime
    revoked_at: datetime | None


class CredentialsOut(BaseModel):
    data: list[CredentialOut]
    next: str | None


class NewCredentialOut(CredentialOut):
    """`secret` is the key, or the secret of the OAuth client; each also under its own name. Shown this once."""

    secret: str
    api_key: str | None = None
    client_id: str | None = None
    client_secret: str | None = None


class MemberRowOut(BaseModel):
    id: str
    email: str
    name: str
    roles: list[str]
    languages: list[str]
    skills: list[str]
    capacity: int
    tier: int
    grade: str | None
    status: str
    active: bool
    created_at: datetime


class MembersOut(BaseModel):
    data: list[MemberRowOut]
    next: str | None


class MemberOut(MemberRowOut):
    """`clients`: whose cases the member may be handed."""

    clients: list[str] | Literal["all"]


class LoginCodeOut(BaseModel):
    """For `POST /oauth/token`, once."""

    code: str
    grant_type: str
    expires_at: datetime


class WorkQueueOut(BaseModel):
    """Its version is the ETag."""

    id: str
    code: str
    name: str
    lease_s: int
    hold_cap_s: int
    skills: list[str]
    languages: list[str]
    tier: int
    relax_percent: int | None


class WorkQueuesOut(BaseModel):
    data: list[WorkQueueOut]
    next: str | None
