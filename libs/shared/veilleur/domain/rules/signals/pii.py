"""Personal data in a text: telephone numbers, e-mail addresses, bank accounts. Only counted, never kept.

A number is a number of instances found; where a text is longer than what was read and nothing was found, it is unknown.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import re2

REACH = 10_000
"""Characters that are read."""

MAX_FOUND = 50
"""…and instances that are counted."""


def count_phones(text: str, languages: Sequence[str]) -> int | None:
    """Numbers that can exist, written as in the countries of these languages or with their country's code."""
    seen = text[:REACH]
    if not _DIGITS.search(seen):
        return _tell(0, text)
    regions = [_REGIONS[language] for language in languages if language in _REGIONS] or ["ZZ"]
    places = {(match.start, match.end) for region in regions[:_MAX_REGIONS] for match in _match_phones(seen, region)}
    return _tell(len(places), text)


def count_emails(text: str) -> int | None:
    if "@" not in text and "＠" not in text:
        return 0
    return _tell(_count(_EMAIL.finditer(text[:REACH])), text)


def count_ibans(text: str) -> int | None:
    """Account numbers of the right length for their country and with a right checksum (ISO 13616)."""
    seen = text[:REACH]
    return _tell(_count(match for match in _IBAN.finditer(seen) if _is_iban(seen[match.start() :])), text)


class _Match(Protocol):
    start: int
    end: int


_MAX_REGIONS = 4
_MAX_TRIES = 200
"""Stretches of digits that the matcher may try in vain before it gives up."""

_REGIONS = {
    "ar": "MA", "bg": "BG", "ca": "ES", "cs": "CZ", "da": "DK", "de": "DE", "el": "GR", "en": "GB", "es": "ES",
    "et": "EE", "fi": "FI", "fr": "FR", "he": "IL", "hr": "HR", "hu": "HU", "it": "IT", "ja": "JP", "ko": "KR",
    "lt": "LT", "lv": "LV", "nl": "NL", "no": "NO", "pl": "PL", "pt": "PT", "ro": "RO", "ru": "RU", "sk": "SK",
    "sl": "SI", "sr": "RS", "sv": "SE", "tr": "TR", "uk": "UA", "zh": "CN",
}  # fmt: skip
"""Where numbers without a country's code are taken to be from."""

_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20,
    "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27, "LI": 21,
    "LT": 20, "LU": 20, "LV": 21, "MA": 28, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "QA": 29,
    "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24, "TR": 26, "UA": 29,
}  # fmt: skip
"""Characters of an IBAN by country, from the IBAN registry."""

_DIGITS = re2.compile(r"\pN(?:[^\pL\pN\n]{0,3}\pN){6,}")
_EMAIL = re2.compile(r"[\pL\pN][\pL\pN._%+-]*[@＠](?:[\pL\pN-]+[.．])+\pL{2,}")
_IBAN = re2.compile(r"\b[A-Za-z]{2}\d\d[ \x{a0}-]?[A-Za-z0-9]{4}")
_IBAN_SEPARATORS = {ord(separator): None for separator in " \u00a0-"}


def _match_phones(text: str, region: str) -> Iterator[_Match]:
    from phonenumbers import PhoneNumberMatcher  # noqa: PLC0415 - loaded for the first digits: it takes its time

    yield from PhoneNumberMatcher(text, region, max_tries=_MAX_TRIES)


def _count(found: Iterator[object]) -> int:
    return sum(1 for _, _ in zip(range(MAX_FOUND), found, strict=False))


def _tell(count: int, text: str) -> int | None:
    return None if count == 0 and len(text) > REACH else count


def _is_iban(written: str) -> bool:
    """Whether a text starts with an account number; what follows it may touch it only by a sign."""
    length = _LENGTHS.get(written[:2].upper(), 0)
    account = written[: 2 * length].translate(_IBAN_SEPARATORS)[:length]
    if len(account) != length or not length or not account.isascii() or not account.isalnum():
        return False
    digits = "".join(str(int(character, 36)) for character in account[4:] + account[:4])
    return int(digits) % 97 == 1
