"""Bodies about identity providers and about the operator's looks."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from veilleur.domain.catalogue.documents import Name
from veilleur.domain.tenancy.bearer import ALGORITHMS
from veilleur.domain.tenancy.models import Role

Text = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2_048)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1_024, pattern=r"^[\x20-\x7e]+$")]
ClaimPath = Annotated[
    str, StringConstraints(pattern=r"^[^.\x00-\x20]{1,100}(\.[^.\x00-\x20]{1,100}){0,9}$|^https?://\S{1,500}$")
]


class IdentityProviderPatch(BaseModel):
    """What may change later: all but the issuer, because identities are its subjects."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name | None = None
    audience: Text | None = Field(default=None, description="`aud` of access tokens that are accepted as bearers")
    algorithms: list[str] | None = Field(default=None, min_length=1, max_length=len(ALGORITHMS))
    jwks_uri: Url | None = Field(default=None, description="without it, what the issuer's metadata name")
    role_claim: ClaimPath | None = Field(default=None, description="where roles stand, such as `realm_access.roles`")
    role_map: dict[Annotated[str, StringConstraints(max_length=255)], Role] | None = Field(
        default=None, max_length=100, description="what that claim calls our roles; it takes roles away, it adds none"
    )
    login_client_id: Text | None = Field(default=None, description="our client id there: people can log in")
    login_secret: Secret | None = None
    active: bool | None = None


class IdentityProviderIn(BaseModel):
    """A provider and what is pinned of it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name
    issuer: Url = Field(description="compared with `iss` character by character")
    audience: Text | None = None
    algorithms: list[str] = Field(default=["RS256"], min_length=1, max_length=len(ALGORITHMS))
    jwks_uri: Url | None = None
    role_claim: ClaimPath | None = None
    role_map: dict[Annotated[str, StringConstraints(max_length=255)], Role] = Field(default={}, max_length=100)
    login_client_id: Text | None = None
    login_secret: Secret | None = None


class IdentityProviderOut(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    issuer: str
    audience: str | None
    algorithms: list[str]
    jwks_uri: str | None
    role_claim: str | None
    role_map: dict[str, str]
    login_client_id: str | None
    has_login_secret: bool
    active: bool
    login_url: str | None


class IdentityProvidersOut(BaseModel):
    data: list[IdentityProviderOut]
    next: str | None


class IdentityOut(BaseModel):
    id: str
    provider: str
    subject: str
    linked_at: datetime


class IdentitiesOut(BaseModel):
    data: list[IdentityOut]


class BreakGlassOut(BaseModel):
    """A look that the operator was granted, open while `ended_at` is null and `expires_at` ahead."""

    id: str
    reason: str
    granted_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_by: str | None


class BreakGlassListOut(BaseModel):
    data: list[BreakGlassOut]
    next: str | None
