"""Keys that copies of a text share. They are opaque: to be compared and counted, never read."""

import re
from hashlib import blake2b
from struct import pack

from rensa import RMinHash

FUZZY_LETTERS = 25
"""Fewer letters say too little: many short texts are alike by chance."""

FUZZY_REACH = 2_000
"""Letters that fuzzy keys are made of; what comes after may differ."""

_PERMUTATIONS = 64
_BANDS = 16
_SHINGLE = 4
_SEED = 1


def near_dup_key(soft: str) -> str | None:
    """16 hex digits of the letters of a soft key, without digits or signs; None without letters."""
    letters = soft.encode().translate(None, _ASCII_OTHER) if soft.isascii() else _OTHER.sub("", soft).encode()
    return blake2b(letters, digest_size=8).hexdigest() if letters else None


def fuzzy_keys(soft: str) -> list[str] | None:
    """Bands of a MinHash over four-letter pieces of a soft key.

    Texts nine tenths alike share one almost surely, texts half alike seldom.

    None for texts of fewer than 25 letters.
    """
    letters = _OTHER.sub("", soft)[:FUZZY_REACH]
    if len(letters) < FUZZY_LETTERS:
        return None
    minhash = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
    minhash.update([letters[start : start + _SHINGLE] for start in range(len(letters) - _SHINGLE + 1)])
    packed = pack(f"<{_PERMUTATIONS}I", *minhash.digest())
    size = len(packed) // _BANDS
    bands = (packed[start : start + size] for start in range(0, len(packed), size))
    return [f"{number:x}{blake2b(band, digest_size=7).hexdigest()}" for number, band in enumerate(bands)]


_OTHER = re.compile(r"[\W\d_]+")
_ASCII_OTHER = bytes(code for code in range(128) if _OTHER.match(chr(code)))
