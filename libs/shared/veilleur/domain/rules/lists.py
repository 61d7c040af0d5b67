"""Reading the lists of a rule set: phrases, domains, hashes of images, and lists of the agency by their code."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from veilleur.domain.rules.document import MAX_PHRASES, DomainList, HashList, PhraseList
from veilleur.domain.rules.findings import Mistake, suggest_name
from veilleur.domain.rules.reading import (
    Place,
    read_choice,
    read_fields,
    read_integer,
    read_items,
    read_name,
    read_named,
    read_text,
)
from veilleur.domain.rules.signals.links import read_domain
from veilleur.domain.rules.signals.phrases import fold_phrase
from veilleur.kernel.lazy import lazy
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json, canonical_digest

MAX_LISTS = 100
MAX_PHRASE = 200
MAX_HASHES = 20_000
"""Of all lists together: a PDQ hash is compared with each."""

MAX_DISTANCE = 64
USUAL_DISTANCE = 31
"""Bits of 256 in which two PDQ hashes of one image usually differ at most."""

SharedLists = Mapping[str, Mapping[str, Json]]
"""The agency's lists: documents in the form of a list of a rule set, by code."""

AnyList = PhraseList | DomainList | HashList


class ListDocument(dict[str, Json]):
    """A shared list as it is kept; what it says is read once, however many rule sets refer to it."""

    @lazy
    def digest(self) -> str:
        return digest_list(self)

    @lazy
    def reading(self) -> tuple[AnyList | None, Message | None]:
        """The list, and the first mistake it has."""
        mistakes: list[Mistake] = []
        one = _read_list("", Place(dict(self), (), mistakes))
        return one, mistakes[0].message if mistakes else None


@dataclass(frozen=True, slots=True)
class Lists:
    """`shared`: the digests, by code, of the agency's lists among them."""

    phrases: tuple[PhraseList, ...] = ()
    domains: tuple[DomainList, ...] = ()
    hashes: tuple[HashList, ...] = ()
    shared: Mapping[str, str] = field(default_factory=dict)


NO_LISTS = Lists()


def read_lists(place: Place, shared: SharedLists) -> Lists:
    found: list[AnyList] = []
    digests: dict[str, str] = {}
    for name, member in read_named(place, MAX_LISTS):
        kind = member.value.get("kind") if isinstance(member.value, dict) else None
        one = _resolve_list(name, member, shared, digests) if kind == "shared" else _read_list(name, member)
        found += [] if one is None else [one]
    lists = Lists(
        phrases=tuple(one for one in found if isinstance(one, PhraseList)),
        domains=tuple(one for one in found if isinstance(one, DomainList)),
        hashes=tuple(one for one in found if isinstance(one, HashList)),
        shared=digests,
    )
    return _bound_lists(place, lists)


def check_list(document: object) -> list[Mistake]:
    """What is wrong with a list that is to be shared."""
    mistakes: list[Mistake] = []
    place = Place(document, (), mistakes)
    one = _read_list("list", place)
    if one is not None:
        _bound_lists(place, _wrap(one))
    return mistakes


def digest_list(document: Mapping[str, Json]) -> str:
    return canonical_digest(dict(document)).hex()


def list_shared_codes(document: object) -> frozenset[str]:
    """The codes of the agency's lists that a rule set's document refers to, sound or not."""
    lists = document.get("lists") if isinstance(document, dict) else None
    members = lists.values() if isinstance(lists, dict) else ()
    codes = (one.get("list") for one in members if isinstance(one, dict) and one.get("kind") == "shared")
    return frozenset(code for code in codes if isinstance(code, str))


_Kind = Literal["phrases", "domains", "hashes"]
_KINDS: Sequence[Literal["phrases", "domains", "hashes", "shared"]] = ("phrases", "domains", "hashes", "shared")
_OWN_FIELDS: Mapping[str, tuple[str, ...]] = {
    "phrases": ("kind", "entries", "match", "fold", "except"),
    "domains": ("kind", "entries"),
    "hashes": ("kind", "entries", "hash", "max_distance"),
}
_ALL_FIELDS = tuple(dict.fromkeys(name for names in _OWN_FIELDS.values() for name in names))
_MATCHES: Sequence[Literal["word", "substring"]] = ("word", "substring")
_FOLDS: Sequence[Literal["soft", "hard"]] = ("soft", "hard")
_HASHES: Sequence[Literal["pdq", "sha256"]] = ("pdq", "sha256")
_HEX = re.compile(r"[0-9a-fA-F]{64}")


def _resolve_list(name: str, place: Place, shared: SharedLists, digests: dict[str, str]) -> AnyList | None:
    fields = read_fields(place, ("kind", "list"), required=["list"])
    code = read_name(fields["list"]) if "list" in fields else None
    if code is None:
        return None
    if code not in shared:
        hint = suggest_name(code, shared) or (msg("known here: {names}", names=sorted(shared)[:20]) if shared else None)
        fields["list"].complain(msg("{name} is not a list of this agency", name=code), hint, slug="unknown-list")
        return None
    held = shared[code]
    document = held if isinstance(held, ListDocument) else ListDocument(held)
    one, mistake = document.reading
    if mistake is not None or one is None:
        reason = mistake or msg("must be an object")
        fields["list"].complain(
            msg("the agency's list {name} has mistakes: {reason}", name=code, reason=reason), slug="shared-list"
        )
        return None
    digests[code] = document.digest
    return replace(one, name=name)


def _read_list(name: str, place: Place) -> AnyList | None:
    if isinstance(place.value, dict) and place.value.get("kind") == "shared":
        place.complain(msg("a shared list holds entries, it can't refer to another"), slug="shared-list")
        return None
    fields = read_fields(place, _ALL_FIELDS, required=["entries"])
    if not isinstance(place.value, dict):
        return None
    kind = read_choice(fields["kind"], _KINDS) if "kind" in fields else "phrases"
    if kind is None or kind == "shared":
        return None
    for field_name in [field_name for field_name in fields if field_name not in _OWN_FIELDS[kind]]:
        fields.pop(field_name).complain(
            msg("a list of {kind} has no {name}", kind=kind, name=field_name), slug="unknown-field", at_key=True
        )
    return _READERS[kind](name, fields)


def _read_phrase_list(name: str, fields: dict[str, Place]) -> PhraseList:
    match = read_choice(fields["match"], _MATCHES) if "match" in fields else None
    fold = read_choice(fields["fold"], _FOLDS) if "fold" in fields else None
    return PhraseList(
        name=name,
        match=match or "word",
        fold=fold or "soft",
        entries=_read_phrases(fields["entries"]) if "entries" in fields else (),
        exceptions=_read_phrases(fields["except"]) if "except" in fields else (),
    )


def _read_phrases(place: Place) -> tuple[str, ...]:
    phrases: list[str] = []
    for item in read_items(place, MAX_PHRASES):
        text = read_text(item, MAX_PHRASE)
        if text is None:
            continue
        if fold_phrase(text):
            phrases.append(text)
        else:
            item.complain(msg("has no letter, digit or symbol to look for"), slug="empty")
    return tuple(phrases)


def _read_domain_list(name: str, fields: dict[str, Place]) -> DomainList:
    entries: list[str] = []
    for item in read_items(fields["entries"], MAX_PHRASES) if "entries" in fields else []:
        text = read_text(item, 253)
        if text is None:
            continue
        if read_domain(text):
            entries.append(text)
        else:
            item.complain(
                msg("is not a domain name"), msg("write it like {example}", example="example.com"), slug="domain"
            )
    return DomainList(name, tuple(entries))


def _read_hash_list(name: str, fields: dict[str, Place]) -> HashList:
    kind = (read_choice(fields["hash"], _HASHES) if "hash" in fields else None) or "pdq"
    distance = USUAL_DISTANCE if kind == "pdq" else 0
    if "max_distance" in fields:
        if kind == "sha256":
            fields["max_distance"].complain(
                msg("{name} compares whole: near ones are not alike", name="sha256"), slug="unknown-field", at_key=True
            )
        else:
            distance = read_integer(fields["max_distance"], 0, MAX_DISTANCE) or 0
    entries: list[str] = []
    for item in read_items(fields["entries"], MAX_HASHES) if "entries" in fields else []:
        text = read_text(item, 64)
        if text is not None and not _HEX.fullmatch(text):
            item.complain(msg("is not a hash of 64 hexadecimal digits"), slug="hash")
        elif text is not None:
            entries.append(text.lower())
    return HashList(name, kind, distance, tuple(entries))


_READERS: Mapping[_Kind, Callable[[str, dict[str, Place]], AnyList]] = {
    "phrases": _read_phrase_list,
    "domains": _read_domain_list,
    "hashes": _read_hash_list,
}


def _wrap(one: AnyList) -> Lists:
    if isinstance(one, PhraseList):
        return Lists(phrases=(one,))
    return Lists(domains=(one,)) if isinstance(one, DomainList) else Lists(hashes=(one,))


def _bound_lists(place: Place, lists: Lists) -> Lists:
    phrases = sum(len(one.entries) + len(one.exceptions) for one in lists.phrases)
    if phrases > MAX_PHRASES:
        place.complain(
            msg("the lists hold {count} phrases; at most {limit} are allowed", count=phrases, limit=MAX_PHRASES),
            slug="too-many",
        )
        lists = replace(lists, phrases=())
    hashes = sum(len(one.entries) for one in lists.hashes)
    if hashes > MAX_HASHES:
        place.complain(
            msg("the lists hold {count} hashes; at most {limit} are allowed", count=hashes, limit=MAX_HASHES),
            slug="too-many",
        )
        lists = replace(lists, hashes=())
    return lists
