"""Secrets handed out to callers: API keys, client secrets of OAuth 2, login codes of members.

All have one shape: a prefix that says what it is, 32 random base62 characters (190 bits) and 6 that check the rest.
The prefix lets secret scanners find a leaked one, the check turns a typo away without a look at the database. With
that much randomness a plain SHA-256 is stored; a slow password hash would protect nothing more.
"""

import hashlib
import re
import secrets
import zlib

SHOWN = 16
"""Characters of a key that may be shown and logged: the prefix and the first 8 random ones."""


def new_api_key(*, test: bool = False) -> str:
    """`vl_live_…`, or `vl_test_…` for a key whose items reach nobody; 46 characters."""
    return _issue("vl_test_" if test else "vl_live_")


def new_client_secret() -> str:
    """`vl_secret_…`: the secret of an OAuth 2 client."""
    return _issue("vl_secret_")


def new_login_code() -> str:
    """`vl_code_…`: what a member trades for a token, once."""
    return _issue("vl_code_")


def new_refresh_token() -> str:
    """`vl_refresh_…`: what a member trades for the next access token, once."""
    return _issue("vl_refresh_")


def is_api_key(text: str) -> bool:
    """Whether prefix, length and check fit: a key that was given out here once, mistyped nowhere."""
    return _API_KEY.fullmatch(text) is not None and _check(text[:-_CHECK_LENGTH]) == text[-_CHECK_LENGTH:]


def hash_api_key(text: str) -> bytes:
    """What is stored and looked up in the place of a key: SHA-256, 32 bytes."""
    return hash_secret(text)


def hash_secret(text: str) -> bytes:
    """SHA-256 of any text a caller presents as a secret, 32 bytes; only for secrets as random as the ones made here."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def show_prefix(text: str) -> str:
    """The part of a key that lists and logs may name it by."""
    return text[:SHOWN]


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LENGTH = 32
_CHECK_LENGTH = 6  # 62^6 is the first power above 2^32
_API_KEY = re.compile(rf"vl_(?:live|test)_[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECK_LENGTH}}}")


def _issue(prefix: str) -> str:
    body = prefix + "".join(secrets.choice(_BASE62) for _ in range(_RANDOM_LENGTH))
    return body + _check(body)


def _check(body: str) -> str:
    """CRC-32 in base62. It covers the prefix too, so that a live key can't be turned into a test key by hand."""
    value = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECK_LENGTH):
        value, digit = divmod(value, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
