"""How long a connection may take to say what it wants, and how much it may say before we know who speaks.

A socket that sends a byte now and then costs an attacker nothing and us a place (slowloris). uvicorn has a deadline for
neither headers nor bodies, and reads headers of any size. Here the head of a request is whole within `head_s`, and a
body keeps up with `slowest_body` bytes a second after `body_s` of grace; whatever does not is told 408, or 431, and
closed. Time during which it is we who don't read counts for nobody.
"""

from asyncio import TimerHandle, Transport
from typing import Any, ClassVar, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

KIB = 1024

_TOO_SLOW = b"408 Request Timeout"
_TOO_LARGE = b"431 Request Header Fields Too Large"


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 with deadlines and caps."""

    head_s: ClassVar[float] = 5.0
    body_s: ClassVar[float] = 15.0
    slowest_body: ClassVar[int] = 32 * KIB
    head_bytes: ClassVar[int] = 32 * KIB
    head_fields: ClassVar[int] = 100

    _deadline: TimerHandle | None = None
    _phase: Literal["head", "body", "idle", "refused"] = "head"
    _seen = 0
    """Bytes of the head, or of the body, that is being read."""
    _body_since = 0.0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._set_deadline(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._phase == "refused":
            return
        self._seen += len(data)
        super().data_received(data)
        if self._phase == "head" and self._seen > self.head_bytes:
            self._refuse(_TOO_LARGE)
        elif self._phase == "idle" and self._is_answered():
            # Empty lines between requests begin no request, and have put uvicorn's own deadline aside.
            self._expect_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._phase != "head":
            self._expect_head()

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.head_bytes or len(self.headers) > self.head_fields:
            self._refuse(_TOO_LARGE)
            return
        self._phase, self._seen, self._body_since = "body", 0, self.loop.time()
        self._set_deadline(self.body_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._phase != "refused":
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._phase != "refused":
            self._phase = "idle"
            self._set_deadline(None)
            super().on_message_complete()

    def _expect_head(self) -> None:
        self._phase, self._seen = "head", 0
        self._set_deadline(self.head_s)

    def _judge(self) -> None:
        """Whoever is slow but keeps up goes on; so does who waits for us."""
        left = 0.0
        if self._phase == "body":
            left = self._body_since + self.body_s + self._seen / self.slowest_body - self.loop.time()
        if left > 0 or self.flow.read_paused:
            self._set_deadline(max(left, 1.0))
        else:
            self._refuse(_TOO_SLOW)

    def _refuse(self, status: bytes) -> None:
        """Close; say why where nobody has begun to answer."""
        self._set_deadline(None)
        self._phase = "refused"
        if self.transport.is_closing():
            return
        if self._is_answered() or not self.cycle.response_started:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()

    def _is_answered(self) -> bool:
        """Before its first request uvicorn has no cycle, whatever its types say."""
        cycle: Any = self.cycle
        return cycle is None or bool(cycle.response_complete)

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._judge)
