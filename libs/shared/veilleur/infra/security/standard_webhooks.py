"""Standard Webhooks 1.0.0, symmetric signatures (`v1`), for what comes in and what goes out.

Signed are the bytes `{webhook-id}.{webhook-timestamp}.{body}` with HMAC-SHA256. The id may not hold a dot and the
timestamp is digits only, so that no byte can move from one part into the next.

Whatever a stranger puts into the headers ends in `Unauthenticated`, never in another exception.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac
import re
import secrets as randomness
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NoReturn

from veilleur.kernel.errors import InputError, Invalid, Unauthenticated
from veilleur.kernel.messages import Message, msg

TOLERANCE_S = 300
"""How far the sender's clock may be from ours, either way."""

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"


def verify_webhook(raw: bytes, headers: Mapping[str, str], secrets: Sequence[bytes], now: datetime) -> str:
    """The `webhook-id` of a body that one of `secrets` has signed.

    `headers` is looked up with lower-case names. Every secret is tried against every signature, whether or not an
    earlier one fits. No secret at all costs as much as one and never fits.

    Raises `Unauthenticated` with slug `bad-signature`. Only a missing header and a clock that is off are told apart,
    both known to the sender beforehand; everything about the signature itself has one and the same answer.
    """
    message_id, timestamp, signatures = (
        headers.get(name, "") for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)
    )
    if not (message_id and timestamp and signatures):
        _refuse(msg("The headers webhook-id, webhook-timestamp and webhook-signature are all needed"))
    if not (_MESSAGE_ID.fullmatch(message_id) and _TIMESTAMP.fullmatch(timestamp)):
        _refuse(_NO_MATCH)
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
        _refuse(msg("webhook-timestamp is more than {seconds} seconds away from our clock", seconds=TOLERANCE_S))
    content = f"{message_id}.{timestamp}.".encode() + raw
    given = _read_signatures(signatures)
    fits = False
    for secret in secrets or (_NOBODYS_SECRET,):
        expected = _sign(secret, content)
        for signature in given:
            fits |= hmac.compare_digest(expected, signature)
    if not (fits and secrets):
        _refuse(_NO_MATCH)
    return message_id


def verify_dummy(raw: bytes, headers: Mapping[str, str], now: datetime) -> None:
    """The work of `verify_webhook` for a source that does not exist, so that time does not tell which ones do."""
    try:
        verify_webhook(raw, headers, (), now)
    except Unauthenticated:
        return


def sign_webhook(body: bytes, message_id: str, timestamp: int, secrets: Sequence[bytes]) -> dict[str, str]:
    """The three headers of one attempt, with one signature for every live secret.

    `message_id` stays the same over attempts, `timestamp` is this attempt's Unix time in seconds. Raises `ValueError`
    for an id outside `[A-Za-z0-9_-]{1,128}` and for no secret.
    """
    if not _MESSAGE_ID.fullmatch(message_id) or not secrets:
        raise ValueError("a webhook needs an id without dots, and a secret")
    content = f"{message_id}.{timestamp}.".encode() + body
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: " ".join(f"v1,{_sign(secret, content).decode()}" for secret in secrets),
    }


def new_webhook_secret() -> str:
    """`whsec_` and the base64 of 32 random bytes."""
    return _PREFIX + base64.b64encode(randomness.token_bytes(32)).decode()


def parse_webhook_secret(text: str, pointer: str) -> bytes:
    """The key behind a `whsec_…` text: 24 to 64 bytes.

    Raises `Invalid` at `pointer`. A secret that was pasted in another form would be found out only by its signatures
    never fitting, so the answer says which form it has.
    """
    text = text.strip()
    if not text.startswith(_PREFIX):
        _refuse_secret(pointer, _name_form(text))
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        _refuse_secret(pointer, msg("what follows whsec_ is not standard base64, padding included"))
    if not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        _refuse_secret(pointer, msg("the key has {length} bytes; 24 to 64 are allowed", length=len(key)))
    return key


_PREFIX = "whsec_"
_SHORTEST_KEY, _LONGEST_KEY = 24, 64
_MOST_SIGNATURES = 32
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v1,([A-Za-z0-9+/]{43}=)")
_NO_MATCH = msg("The signature does not match")
_NOBODYS_SECRET = randomness.token_bytes(32)


def _refuse(detail: Message) -> NoReturn:
    raise Unauthenticated(detail, slug="bad-signature")


def _sign(secret: bytes, content: bytes) -> bytes:
    return base64.b64encode(hmac.digest(secret, content, "sha256"))


def _read_signatures(header: str) -> list[bytes]:
    """The `v1` signatures, still in base64.

    They are compared as text: decoding would let several spellings of the last character pass for the same signature.
    """
    found = (_SIGNATURE.fullmatch(part) for part in header.split(" ", _MOST_SIGNATURES)[:_MOST_SIGNATURES])
    return [match[1].encode() for match in found if match]


def _name_form(text: str) -> Message:
    if text.startswith("v1,whsec_"):
        return msg("leave out the v1, in front: a secret starts with whsec_")
    if text.startswith(("whpk_", "whsk_", "v1a,")):
        return msg("this is an ed25519 key; a shared secret is needed, which starts with whsec_")
    return msg("a secret starts with whsec_, followed by base64")


def _refuse_secret(pointer: str, detail: Message) -> NoReturn:
    hint = msg("copy it whole from where it was made, or leave it out and one is made for you")
    raise Invalid(msg("The webhook secret can't be used"), errors=[InputError(pointer, detail, hint)])
