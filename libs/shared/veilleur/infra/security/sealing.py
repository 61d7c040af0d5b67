"""Columns sealed at rest with AES-256-GCM.

A sealed value is one version byte, the length of the key id, the key id, a nonce of 12 bytes, then ciphertext and tag.
It opens only in the place it was sealed for: the place is bound as additional data, by convention
`agency|table|column|row`, so that a value copied into another row or another agency stays shut.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class SealBroken(Exception):  # noqa: N818
    """A sealed value does not open: an unknown key, another place, altered bytes. Our fault, never a caller's."""


class Sealer:
    """Seals with one key and opens with all it knows, so that keys can be changed without rewriting what is stored.

    A random nonce is safe for 2^32 values a key (NIST SP 800-38D, 8.3).
    """

    __slots__ = ("_ciphers", "_current")

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        """`keys` by id (1 to 255 bytes of UTF-8), 32 bytes each; `current` names the one to seal with.

        Raises `ValueError`, which never repeats a key.
        """
        if current not in keys:
            raise ValueError(f"there is no key {current!r} to seal with")
        for key_id, key in keys.items():
            if len(key) != _KEY_LENGTH or not 1 <= len(key_id.encode()) <= _LONGEST_KEY_ID:
                raise ValueError(f"key {key_id!r} must have a short id and exactly {_KEY_LENGTH} bytes")
        self._ciphers = {key_id.encode(): AESGCM(key) for key_id, key in keys.items()}
        self._current = current.encode()

    @classmethod
    def from_master_key(cls, text: str, *retired: str) -> "Sealer":
        """A sealer from base64 texts of 32 bytes: the key to seal with, and those that may still be met.

        A key's id is taken from the key itself, so that changing keys needs no other setting.
        """
        keys = [_read_master_key(each) for each in (text, *retired)]
        return cls({_name_key(key): key for key in keys}, _name_key(keys[0]))

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        return self._current.decode()

    @property
    def key_ids(self) -> frozenset[str]:
        return frozenset(key_id.decode() for key_id in self._ciphers)

    def extend(self, keys: Mapping[str, bytes], current: str | None = None) -> "Sealer":
        """A sealer that opens with these keys as well, and seals with `current` of them."""
        if current is not None and current not in keys:
            raise ValueError(f"there is no key {current!r} to seal with")
        return _Extended(
            self._ciphers | {key_id.encode(): AESGCM(key) for key_id, key in keys.items()},
            self._current if current is None else current.encode(),
        )

    def seal(self, plaintext: bytes, aad: str) -> bytes:
        """`plaintext` sealed for the place `aad`; two calls never give the same bytes."""
        header = bytes((_VERSION, len(self._current))) + self._current
        nonce = os.urandom(_NONCE_LENGTH)
        return header + nonce + self._ciphers[self._current].encrypt(nonce, plaintext, header + aad.encode())

    def open(self, blob: bytes, aad: str) -> bytes:
        """What was sealed for the place `aad`. Raises `SealBroken`."""
        start = 2 + blob[1] if len(blob) > 1 else 0
        if not start or blob[0] != _VERSION or len(blob) < start + _NONCE_LENGTH + _TAG_LENGTH:
            raise SealBroken("this is not a sealed value")
        header, nonce, ciphertext = blob[:start], blob[start : start + _NONCE_LENGTH], blob[start + _NONCE_LENGTH :]
        cipher = self._ciphers.get(header[2:])
        if cipher is None:
            raise SealBroken(f"sealed with a key that is not known here: {header[2:].decode(errors='replace')}")
        try:
            return cipher.decrypt(nonce, ciphertext, header + aad.encode())
        except InvalidTag:
            raise SealBroken(f"sealed for another place than {aad}, or altered") from None


class _Extended(Sealer):
    """A sealer of ciphers that are there already."""

    __slots__ = ()

    def __init__(self, ciphers: Mapping[bytes, AESGCM], current: bytes) -> None:
        self._ciphers = dict(ciphers)
        self._current = current


def read_key_id(blob: bytes) -> str:
    """The id of the key that a sealed value was sealed with."""
    return blob[2 : 2 + blob[1]].decode(errors="replace") if len(blob) > 1 else ""


_VERSION = 1
_KEY_LENGTH = 32
_LONGEST_KEY_ID = 255
_NONCE_LENGTH = 12
_TAG_LENGTH = 16


def _read_master_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_LENGTH:
        raise ValueError(f"a master key is the base64 of exactly {_KEY_LENGTH} bytes (openssl rand -base64 32)")
    return key


def _name_key(key: bytes) -> str:
    return hashlib.sha256(b"veilleur key id\0" + key).hexdigest()[:8]
