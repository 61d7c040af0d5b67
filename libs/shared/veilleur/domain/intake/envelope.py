"""What a client may send, as types; pure.

Shapes and limits are those of the public contract. `read_item` keeps the item as it was sent (times and numbers
untouched), because spans, digests and replays refer to what was sent.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from veilleur.infra.validation import invalid_from_pydantic
from veilleur.kernel.clock import has_instant
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import canonical_bytes

EventType = Literal["item.created", "item.updated", "item.deleted", "item.reported"]
Kind = Literal["post", "comment", "message", "review", "profile", "listing", "media", "account", "other"]
ReportSource = Literal["user", "trusted_flagger", "authority", "platform"]

EVENT_TYPES = ("item.created", "item.updated", "item.deleted", "item.reported")
NOT_YET = ("appeal.created",)

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def _require_rfc3339(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError(msg("must be an RFC 3339 time with its offset, such as 2026-11-22T10:00:00Z"))
    return value


def _require_instant(value: datetime) -> datetime:
    if not has_instant(value):
        raise ValueError(msg("lies before the year 1 or after 9999 in UTC"))
    return value


Timestamp = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_require_rfc3339), AfterValidator(_require_instant)
]
ExternalId = Annotated[str, Field(min_length=1, max_length=256)]
Url = Annotated[str, Field(min_length=1, max_length=2_048)]
Scalar = Annotated[str, Field(max_length=2_000)] | int | float | bool | None


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AuthorIn(Shape):
    external_id: ExternalId
    display_name: str | None = Field(default=None, max_length=256)
    created_at: Timestamp | None = None
    trust: str | None = Field(default=None, max_length=64)


class ParentIn(Shape):
    external_id: ExternalId
    text: str | None = Field(default=None, max_length=50_000)
    author: AuthorIn | None = None


class ContextIn(Shape):
    channel: str | None = Field(default=None, max_length=256)
    thread_id: str | None = Field(default=None, max_length=256)
    title: str | None = Field(default=None, max_length=1_000)
    parent: ParentIn | None = None


class MediaIn(Shape):
    url: Url
    type: Literal["image", "video", "audio", "file"] = "image"
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")
    pdq: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")


class ItemIn(Shape):
    """An item as the contract shapes it."""

    external_id: ExternalId
    revision: int | None = Field(default=None, ge=1, le=2_147_483_647)
    kind: Kind = "comment"
    text: str | None = Field(default=None, max_length=50_000)
    language: str | None = Field(default=None, pattern=r"^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$", max_length=35)
    url: Url | None = None
    created_at: Timestamp | None = None
    author: AuthorIn | None = None
    context: ContextIn | None = None
    media: list[MediaIn] | None = Field(default=None, max_length=50)
    metadata: dict[Annotated[str, Field(max_length=128)], Scalar] | None = Field(default=None, max_length=50)

    @model_validator(mode="after")
    def _require_content(self) -> Self:
        if not self.text and not self.media:
            raise ValueError(msg("an item needs `text` or `media`"))
        return self


class DeletionIn(Shape):
    """The item is gone on the client's side."""

    external_id: ExternalId
    revision: int | None = Field(default=None, ge=1, le=2_147_483_647)


class ReporterIn(Shape):
    external_id: ExternalId


class ReportIn(Shape):
    """Who pointed at the item, and why."""

    source: ReportSource
    reason: str = Field(min_length=1, max_length=256)
    detail: str | None = Field(default=None, max_length=10_000)
    reporter: ReporterIn | None = None


class ReportedIn(Shape):
    """A report; the item's own fields may come along, and must where the item is not known yet."""

    model_config = ConfigDict(extra="allow")

    external_id: ExternalId
    report: ReportIn


class EnvelopeIn(Shape):
    """A Standard Webhooks body: `{"type", "timestamp", "data"}`."""

    type: EventType
    timestamp: Timestamp | None = None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class InboundItem:
    """An item ready to be stored. `body` is what was sent, without identity and revision; `written` its JSON text."""

    external_id: str
    revision: int | None
    kind: str
    language: str | None
    author_external_id: str | None
    thread_id: str | None
    text_key: int | None
    body: dict[str, Any]
    written: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class InboundDeletion:
    external_id: str
    revision: int | None


@dataclass(frozen=True, slots=True)
class InboundReport:
    """A report; `item` is the content that came along, `pointer` where the report stood in its body."""

    external_id: str
    source: str
    reason: str
    detail: str | None
    reporter: str | None
    item: InboundItem | None
    pointer: str


InboundEvent = InboundItem | InboundDeletion | InboundReport


def read_envelope(payload: object) -> tuple[str, InboundEvent]:
    """The event type and the event of a Standard Webhooks body; `Invalid` lists every mistake."""
    if isinstance(payload, dict):
        _refuse_not_yet(payload.get("type"), "/type")
    try:
        envelope = _validate(EnvelopeIn, payload, "")
    except Invalid as invalid:
        kind, data = (payload.get("type"), payload.get("data")) if isinstance(payload, dict) else (None, None)
        raise Invalid(invalid.detail, errors=[*invalid.errors, *_find_mistakes(str(kind), data, "/data")]) from None
    return envelope.type, read_event(envelope.type, envelope.data, "/data")


def read_event(event_type: str, data: Mapping[str, Any], pointer: str) -> InboundEvent:
    """One event of a type that is served; pointers of mistakes start at `pointer`."""
    if event_type == "item.deleted":
        deletion = _validate(DeletionIn, data, pointer)
        return InboundDeletion(deletion.external_id, deletion.revision)
    if event_type == "item.reported":
        return _read_report(data, pointer)
    return read_item(data, pointer)


def read_bulk_event(raw: Mapping[str, Any], pointer: str) -> InboundEvent:
    """One entry of a bulk call: an item, or an event when it says its `type`."""
    event_type = raw.get("type", "item.created")
    _refuse_not_yet(event_type, f"{pointer}/type")
    if event_type not in EVENT_TYPES:
        error = InputError(f"{pointer}/type", msg("not an event type"), msg("allowed: {codes}", codes=EVENT_TYPES))
        raise Invalid(
            msg("The event has mistakes"), errors=[error, *_find_mistakes("item.created", _without_type(raw), pointer)]
        )
    return read_event(event_type, _without_type(raw), pointer)


def read_item(data: Mapping[str, Any], pointer: str) -> InboundItem:
    """Check one item against the contract; pointers of mistakes start at `pointer`."""
    item = _validate(ItemIn, data, pointer)
    body = {name: value for name, value in data.items() if name not in ("external_id", "revision")}
    body.setdefault("kind", item.kind)
    canonical = canonical_bytes(body)
    return InboundItem(
        external_id=item.external_id,
        revision=item.revision,
        kind=item.kind,
        language=item.language,
        author_external_id=item.author.external_id if item.author else None,
        thread_id=item.context.thread_id if item.context else None,
        text_key=text_key(item.text) if item.text else None,
        body=body,
        written=canonical.decode(),
        digest=sha256(canonical).digest(),
    )


def text_key(text: str) -> int | None:
    """A key that texts share when they differ in case, spacing and punctuation only; none for a text of no letters."""
    letters = "".join(filter(str.isalnum, text.casefold()))
    return int.from_bytes(blake2b(letters.encode(), digest_size=8).digest(), signed=True) if letters else None


def _refuse_not_yet(event_type: object, pointer: str) -> None:
    if event_type in NOT_YET:
        raise Invalid(
            msg("{type} is not served yet", type=event_type),
            slug="not-yet",
            errors=[InputError(pointer, msg("{type} is not served yet", type=event_type))],
        )


def _read_report(data: Mapping[str, Any], pointer: str) -> InboundReport:
    reported = _validate(ReportedIn, data, pointer)
    content = {name: value for name, value in data.items() if name != "report"}
    report = reported.report
    return InboundReport(
        external_id=reported.external_id,
        source=report.source,
        reason=report.reason,
        detail=report.detail,
        reporter=report.reporter.external_id if report.reporter else None,
        item=read_item(content, pointer) if len(content) > 1 else None,
        pointer=pointer,
    )


def _without_type(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name != "type"}


def _find_mistakes(event_type: str, data: object, pointer: str) -> Sequence[InputError]:
    """The mistakes of what an envelope carries, when the envelope has some of its own."""
    if not isinstance(data, dict):
        return ()
    try:
        read_event(event_type, data, pointer)
    except Invalid as invalid:
        return invalid.errors
    return ()


def _validate(shape: type[Any], value: object, pointer: str) -> Any:
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise invalid_from_pydantic(error.errors(include_url=False), prefix=pointer, document=value) from None
