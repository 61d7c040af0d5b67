"""Shapes of the owner's providers."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from veilleur_api.owner.documents import Shape

ProviderKind = Literal["openai", "mistral", "azure", "google", "chat_guard", "http"]
ProviderName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Secret = Annotated[str, Field(min_length=1, max_length=4_000, pattern=r"^[\x21-\x7e]+$")]
Timeout = Annotated[float, Field(ge=0.1, le=10)]
Budget = Annotated[int, Field(ge=0, le=1_000_000_000)]
ClientIds = Annotated[list[str], Field(max_length=1_000)]
ShownText = Annotated[str, Field(min_length=1, max_length=50_000)]


class ProviderIn(Shape):
    """`settings` are those of the kind. `clients`: whose content it may see; nobody's unless listed.

    `daily_budget`: calls a day (UTC) and client; null for no limit. The secret is sealed and never shown again.
    """

    kind: ProviderKind
    name: ProviderName
    settings: dict[str, Any] = Field(default_factory=dict)
    secret: Secret | None = None
    timeout_s: Timeout = 3.0
    daily_budget: Budget | None = 10_000
    clients: ClientIds = Field(default_factory=list)


class ProviderPatch(Shape):
    """What is left out stays; `settings` and `clients` replace the old ones; a `secret` of null is forgotten."""

    settings: dict[str, Any] | None = None
    secret: Secret | None = None
    timeout_s: Timeout | None = None
    daily_budget: Budget | None = None
    clients: ClientIds | None = None


class ProviderTestIn(Shape):
    """One text to be sent to the provider, now."""

    text: ShownText
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = None


class DayOut(Shape):
    calls: int
    failures: int
    cached: int
    refused: int


class ProviderOut(Shape):
    """`state`: `closed` in order; `open` left alone after failures in a row; `half_open` about to be tried again.

    `today` (UTC, all clients): calls begun, of these failed; texts answered from memory; calls not made, for want of
    budget or because the provider was left alone.
    """

    id: str
    kind: ProviderKind
    name: ProviderName
    settings: dict[str, Any]
    has_secret: bool
    timeout_s: float
    daily_budget: int | None
    clients: list[str]
    categories: list[str]
    state: Literal["closed", "open", "half_open"]
    failures_in_a_row: int
    last_error: str | None
    last_failed_at: datetime | None
    today: DayOut
    created_at: datetime


class ProvidersOut(Shape):
    data: list[ProviderOut]
    next: str | None


class ProviderTestOut(Shape):
    """`facts` are the scores as rules read them; `error`: a word such as `timeout` or `http_401`."""

    ok: bool
    milliseconds: int
    scores: dict[str, float] | None
    facts: dict[str, float] | None
    error: str | None
