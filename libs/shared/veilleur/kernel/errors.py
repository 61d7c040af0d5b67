"""Everything that can go wrong for a caller, as one tree.

Problem
 ├─ Invalid          400 / 422  the request can't be understood or accepted; `errors` says where and how to mend it
 ├─ TooLarge         413        the body is beyond the limit of its route
 ├─ Unsupported      415        the body is encoded in a way that is not read here
 ├─ Unauthenticated  401        no credential, or one that does not hold
 ├─ Forbidden        403        a good credential without the right to do this
 ├─ NotFound         404        nothing of that id is visible to the caller
 ├─ Conflict         409        the state has moved on
 ├─ PreconditionFailed 412      `If-Match` names a version that is no longer the current one
 ├─ Gone             410        it was here and was erased
 ├─ TooMany          429        a limit is reached; `retry_after` in seconds
 ├─ NotInstalled     501        this installation lacks an optional part
 └─ Unavailable      503        a part is down; nothing was stored; `retry_after` in seconds

Raised by the domain, rendered once as RFC 9457 `application/problem+json`. The `slug` ends up in
`urn:veilleur:problem:<slug>`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from veilleur.kernel.messages import Message, msg


@dataclass(frozen=True, slots=True)
class InputError:
    """One mistake in an input: a JSON Pointer (RFC 6901) to it, what is wrong, and how to mend it."""

    pointer: str
    detail: Message
    hint: Message | None = None
    line: int | None = None
    column: int | None = None


class Problem(Exception):  # noqa: N818 - the field's word (RFC 9457)
    """Base of the tree; never raised itself."""

    status: ClassVar[int] = 500
    default_slug: ClassVar[str] = "internal"
    title: ClassVar[Message] = msg("Something went wrong on our side")

    def __init__(
        self,
        detail: Message,
        *,
        slug: str | None = None,
        errors: Sequence[InputError] = (),
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(str(detail))
        self.detail = detail
        self.slug = slug or self.default_slug
        self.errors = tuple(errors)
        self.extra = dict(extra or {})


class Invalid(Problem):
    """422: JSON that reads well and says something that can't be accepted."""

    status = 422
    default_slug = "invalid"
    title = msg("The request has mistakes")


class Malformed(Invalid):
    """400: bytes that are not the JSON this service accepts."""

    status = 400
    default_slug = "malformed-json"
    title = msg("The body is not readable JSON")


class TooLarge(Problem):
    status = 413
    default_slug = "too-large"
    title = msg("The body is too large")


class Unsupported(Problem):
    status = 415
    default_slug = "unsupported-media"
    title = msg("The body is in a form that is not read here")


class Unauthenticated(Problem):
    status = 401
    default_slug = "unauthenticated"
    title = msg("Not authenticated")


class Forbidden(Problem):
    status = 403
    default_slug = "forbidden"
    title = msg("Not allowed")


class NotFound(Problem):
    status = 404
    default_slug = "not-found"
    title = msg("Not found")


class Conflict(Problem):
    status = 409
    default_slug = "conflict"
    title = msg("The state has moved on")


class Gone(Problem):
    status = 410
    default_slug = "gone"
    title = msg("No longer here")


class PreconditionFailed(Problem):
    status = 412
    default_slug = "precondition-failed"
    title = msg("Somebody else changed it first")


class TooMany(Problem):
    status = 429
    default_slug = "too-many"
    title = msg("Too many requests")

    def __init__(self, detail: Message, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class NotInstalled(Problem):
    status = 501
    default_slug = "not-installed"
    title = msg("Not installed here")


class Unavailable(Problem):
    status = 503
    default_slug = "unavailable"
    title = msg("Not available just now")

    def __init__(self, detail: Message, *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
