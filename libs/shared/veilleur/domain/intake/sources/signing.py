"""Proofs that a delivery is the platform's: HMAC-SHA256 over exact bytes, or a shared word.

Whatever a stranger puts into the headers ends in `Unauthenticated`, never in another exception. Digests are compared as
text in constant time: decoding first would let several spellings pass for the same signature. Every secret is tried,
whether or not an earlier one fits.
"""

import base64
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NoReturn

from veilleur.kernel.errors import Unauthenticated
from veilleur.kernel.messages import Message, msg

NO_MATCH = msg("The signature does not match")

_UNIX_TIME = re.compile(r"[0-9]{1,12}")


def hex_digest(secret: bytes, content: bytes) -> str:
    return hmac.digest(secret, content, "sha256").hex()


def base64_digest(secret: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.digest(secret, content, "sha256")).decode()


def require_digest(
    given: str, secrets: Sequence[bytes], content: bytes, digest: Callable[[bytes, bytes], str] = hex_digest
) -> None:
    """`given` must be what one of the secrets makes of the content."""
    require_word(given, [digest(secret, content) for secret in secrets])


def require_word(given: str, words: Iterable[str | bytes]) -> None:
    """`given` must be one of the words; no word fits nothing."""
    fits = False
    for word in words:
        expected = word if isinstance(word, bytes) else word.encode()
        fits |= hmac.compare_digest(expected, given.encode("utf-8", "surrogateescape"))
    if not fits:
        refuse(NO_MATCH)


def read_header(headers: Mapping[str, str], name: str, prefix: str = "") -> str:
    """The value of a header that must be there, without a prefix that must be there too."""
    value = headers.get(name, "")
    if not value:
        refuse(msg("The header {name} is needed", name=name))
    if not value.startswith(prefix):
        refuse(NO_MATCH)
    return value.removeprefix(prefix)


def require_fresh(timestamp: str, now: datetime, tolerance_s: int) -> None:
    """Unix seconds, digits and nothing else, so that no byte can move between the time and what follows it."""
    if not _UNIX_TIME.fullmatch(timestamp):
        refuse(NO_MATCH)
    if abs(now.timestamp() - int(timestamp)) > tolerance_s:
        refuse(msg("The delivery is more than {seconds} seconds away from our clock", seconds=tolerance_s))


def refuse(detail: Message) -> NoReturn:
    raise Unauthenticated(detail, slug="bad-signature")
