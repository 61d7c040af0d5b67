"""What a platform offers that is asked instead of waiting to be told. Pure: calls are yielded, replies are sent in.

A reading ends well wherever it is cut off: what was read until then is kept, with how far it went.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field

from veilleur.domain.intake.envelope import InboundEvent
from veilleur.domain.intake.sources.protocol import Known
from veilleur.domain.intake.sources.settings import Settings
from veilleur.infra.outbound.dial import OutboundError
from veilleur.infra.outbound.http import Call, Reply
from veilleur.infra.outbound.oauth import TokenEndpoint
from veilleur.infra.outbound.steps import Steps
from veilleur.kernel.errors import Malformed
from veilleur.kernel.mended_json import mended_loads
from veilleur.kernel.strict_json import Json

Token = Annotated[str, Field(pattern=r"^[!-~]{8,2048}$")]


class Grant(Settings):
    """An app's identity, and the refresh token of the account that moderates."""

    client_id: Token
    client_secret: Token
    refresh_token: Token


class PollShape(Settings):
    """What an owner gives so that a platform is asked every `every_s` seconds."""

    sealed: ClassVar[str]
    """The field that is never shown again: a key, or a grant."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A poll as a platform's reader sees it; `cursor` is None at the very first, `marks` are the reader's own."""

    url: str
    username: str
    secrets: Mapping[str, Any]
    settings: Mapping[str, Any]
    known: Known
    cursor: int | None
    marks: Mapping[str, Any]
    present: datetime


@dataclass(frozen=True, slots=True)
class Polled:
    """What was read and how far; or the reason that no more was, and how long the platform wants to be left alone."""

    events: Sequence[InboundEvent] = ()
    cursor: int | None = None
    error: str | None = None
    marks: Mapping[str, Any] = field(default_factory=dict)
    after_s: int = 0


@dataclass(frozen=True, slots=True)
class Poller:
    """`url` is where a platform is that has one address for all."""

    shape: type[PollShape]
    read: Callable[[Asking], Steps[Polled]]
    tokens: TokenEndpoint | None = None
    url: str = ""


class RefusedError(Exception):
    """The platform said no, or nothing that can be read."""

    def __init__(self, reason: str, after_s: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s


FAILURES = (RefusedError, OutboundError)


def fetch(call: Call, judge: Callable[[Reply], None] | None = None) -> Steps[tuple[Json, Reply]]:
    """A page; `judge` may know more of an answer than its status."""
    reply = yield call
    if reply.status == 401:
        raise RefusedError("unauthorized")
    if judge is not None:
        judge(reply)
    if reply.status != 200:
        wait = reply.headers.get("retry-after", "")
        raise RefusedError(f"http {reply.status}", int(wait[:6]) if wait.isdecimal() else 0)
    try:
        return mended_loads(reply.body), reply
    except Malformed:
        raise RefusedError("not json") from None


def explain_failure(error: Exception) -> tuple[str, int]:
    """A word for why a reading ended early, and how long to wait."""
    if isinstance(error, RefusedError):
        return error.reason, error.after_s
    return (error.reason if isinstance(error, OutboundError) else "fault"), 0
