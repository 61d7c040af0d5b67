"""What the file of a platform offers for acting there. Everything in it is pure: an order in, calls and a result out.

An operation is a generator: it yields calls, is sent replies, and returns an `Outcome`. An answer that says the content
is gone already is `done`: what was wanted is so. Refusals are results with a reason, never tried again.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from veilleur.domain.catalogue.models import Verdict
from veilleur.domain.delivery.backoff import read_retry_after
from veilleur.infra.outbound.http import Call, Reply
from veilleur.infra.outbound.oauth import TokenEndpoint
from veilleur.infra.outbound.steps import Steps

Target = Literal["item", "author"]


@dataclass(frozen=True, slots=True)
class Subject:
    """The item an order is about, by what the platform calls it."""

    external_id: str
    author: str | None = None
    author_name: str | None = None
    channel: str | None = None
    thread: str | None = None
    kind: str = "other"
    created_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether the platform itself keeps it back until somebody says."""
        return bool(self.metadata.get("held"))


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done now; `until` ends it where the platform can."""

    subject: Subject
    present: datetime
    until: datetime | None = None
    reason: str | None = None
    """For the platform's own records: the decision's id, never a text of ours."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an order; `reason` is a code of `reasons.py`."""

    state: Literal["done", "refused", "retry"]
    reason: str | None = None
    after_s: int | None = None
    status: int | None = None


DONE = Outcome("done")
GONE = Outcome("done", "already_gone")

Play: TypeAlias = Steps[Outcome]


class Credentials(BaseModel):
    """What an owner gives so that we may act; all of it is sealed, and of it only `shown` is ever seen again."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    shown: ClassVar[tuple[str, ...]] = ()


Token = Annotated[str, Field(pattern=r"^[!-~]{8,2048}$")]
Identifier = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
Site = Annotated[str, Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$", max_length=2_048)]


class OAuthCredentials(Credentials):
    """An app's identity and the refresh token of the account that moderates."""

    shown: ClassVar[tuple[str, ...]] = ("client_id",)

    client_id: Token
    client_secret: Token
    refresh_token: Token
    access_token: Token | None = None
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """Something a platform can do to an item or its author."""

    target: Target
    perform: Callable[[Any, Order], Play]
    undo: str | None = None
    """The operation that takes it back; None: the platform can't."""
    removes: bool = False
    """The content is then gone there: the platform will say so, as it says what authors do."""
    ends: bool = False
    """The platform ends it at `until` by itself; otherwise it is taken back then."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Acting on one platform."""

    credentials: type[Credentials]
    operations: Mapping[str, Operation]
    defaults: Mapping[tuple[Verdict, Target], str]
    """What is done for an action of the catalogue with this verdict and target, unless the owner says otherwise. What
    is decided about an item without an action counts by the decision's own verdict; `allow` then frees what is held."""
    probe: Callable[[Any], Play]
    """A call that changes nothing and tells whether the credentials hold."""
    tokens: TokenEndpoint | None = None
    """Where access tokens are renewed; None: they do not run out."""


def send_json(method: str, url: str, headers: Mapping[str, str], body: Any = None) -> Call:
    if body is None:
        return Call(method, url, headers, b"" if method in {"POST", "PUT", "PATCH"} else None)
    return Call(method, url, {**headers, "content-type": "application/json"}, json.dumps(body).encode())


def read_json(reply: Reply) -> Any:
    """The answer's document; an empty one when there is none."""
    try:
        return json.loads(reply.body)
    except ValueError:
        return {}


def pick(document: Any, *path: str | int) -> Any:
    """What stands at a path, or None."""
    for step in path:
        try:
            document = document[step]
        except (LookupError, TypeError):
            return None
    return document


def judge(reply: Reply, present: datetime, *, gone: Outcome | None = None) -> Outcome:
    """What a status means where the platform says no more; `gone` is what a 404 stands for, a refusal without it."""
    if 200 <= reply.status < 300:
        return DONE
    if reply.status in (404, 410):
        return gone or refuse("not_found", reply)
    if reply.status == 429 or reply.status in (408, 409, 425) or reply.status >= 500:
        return again(reply, present)
    return refuse({401: "unauthorized", 403: "forbidden"}.get(reply.status, "rejected"), reply)


def refuse(reason: str, reply: Reply | None = None) -> Outcome:
    return Outcome("refused", reason, status=None if reply is None else reply.status)


def again(reply: Reply, present: datetime, after_s: float | None = None) -> Outcome:
    """Later, when the platform says or as the schedule has it."""
    asked = read_retry_after(reply.headers.get("retry-after"), present) if after_s is None else int(after_s) + 1
    reason = "rate_limited" if reply.status == 429 else "unavailable"
    return Outcome("retry", reason, asked, reply.status)


def seconds_left(order: Order) -> int | None:
    """From now to the end that is wanted; None: for good."""
    return None if order.until is None else max(1, round((order.until - order.present).total_seconds()))


def to_unix(instant: datetime) -> int:
    return int(instant.astimezone(UTC).timestamp())
