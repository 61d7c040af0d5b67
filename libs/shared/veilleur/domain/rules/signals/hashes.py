"""Hashes of images against lists of known ones. The hashes come with the item; nothing is fetched here."""

from collections.abc import Sequence
from dataclasses import dataclass

from veilleur.domain.rules.document import HashList


@dataclass(frozen=True, slots=True)
class MediaHashes:
    """What is known of one picture, video or file: 64 hexadecimal digits each, None where it was not told."""

    pdq: str | None
    sha256: str | None
    is_image: bool


@dataclass(frozen=True, slots=True)
class HashIndex:
    """A list ready to be compared with: SHA-256 whole, PDQ (as numbers) up to `max_distance` different bits."""

    name: str
    whole: frozenset[str]
    near: tuple[int, ...]
    max_distance: int

    def find_media(self, media: Sequence[MediaHashes]) -> bool | None:
        """Whether any of the media is on the list; None where one could be whose hash is not known."""
        by_pdq = not self.whole
        hashes = [one.pdq if by_pdq else one.sha256 for one in media if one.is_image or not by_pdq]
        if any(self._holds(known) for known in hashes if known is not None):
            return True
        return None if None in hashes else False

    def _holds(self, known: str) -> bool:
        if self.whole:
            return known in self.whole
        number = int(known, 16)
        return any((number ^ other).bit_count() <= self.max_distance for other in self.near)


def index_hashes(hashes: HashList) -> HashIndex:
    if hashes.hash == "sha256":
        return HashIndex(hashes.name, frozenset(hashes.entries), (), 0)
    near = tuple(dict.fromkeys(int(entry, 16) for entry in hashes.entries))
    return HashIndex(hashes.name, frozenset(), near, hashes.max_distance)
