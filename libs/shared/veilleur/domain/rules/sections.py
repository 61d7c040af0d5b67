"""Reading the parts of a rule set that rules refer to: lists, patterns, parameters."""

import re
from collections.abc import Sequence
from typing import Literal

from veilleur.domain.rules.document import MAX_PATTERNS, MAX_PHRASES, DomainList, Param, PhraseList
from veilleur.domain.rules.reading import (
    Place,
    read_choice,
    read_fields,
    read_items,
    read_name,
    read_object,
    read_text,
    refuse_not_yet,
)
from veilleur.domain.rules.signals.links import read_domain
from veilleur.domain.rules.signals.phrases import fold_phrase
from veilleur.kernel.messages import msg

MAX_LISTS = 100
MAX_PARAMS = 200
MAX_PHRASE = 200
MAX_PATTERN = 1_000


def read_lists(place: Place) -> tuple[tuple[PhraseList, ...], tuple[DomainList, ...]]:
    phrases: list[PhraseList] = []
    domains: list[DomainList] = []
    members = _read_named(place, MAX_LISTS)
    for name, member in members:
        fields = read_fields(member, _LIST_FIELDS, required=["entries"])
        kind = read_choice(fields["kind"], _KINDS) if "kind" in fields else "phrases"
        refuse_not_yet(fields, ["ref"])
        if kind == "hashes":
            fields["kind"].complain(
                msg("{name} is part of the format but can't run yet", name="hashes"), slug="not-yet"
            )
        elif kind == "domains":
            domains.append(_read_domain_list(name, fields))
        else:
            phrases.append(_read_phrase_list(name, fields))
    total = sum(len(phrase_list.entries) + len(phrase_list.exceptions) for phrase_list in phrases)
    if total > MAX_PHRASES:
        place.complain(
            msg("the lists hold {count} phrases; at most {limit} are allowed", count=total, limit=MAX_PHRASES),
            slug="too-many",
        )
        return (), tuple(domains)
    return tuple(phrases), tuple(domains)


def read_patterns(place: Place) -> dict[str, str]:
    """RE2 sources by name; whether RE2 reads them is checked apart."""
    texts = {name: read_text(member, MAX_PATTERN) for name, member in _read_named(place, MAX_PATTERNS)}
    return {name: text for name, text in texts.items() if text is not None}


def read_params(place: Place) -> dict[str, Param]:
    """Constants by name: whole or decimal numbers, text, true or false."""
    params: dict[str, Param] = {}
    for name, member in _read_named(place, MAX_PARAMS):
        value = member.value
        if not _PARAM_NAME.fullmatch(name):
            member.complain(
                msg("a parameter's name may hold letters without accents, digits and _ only"), slug="name", at_key=True
            )
        elif isinstance(value, str):
            if read_text(member, MAX_PHRASE, empty=True) is not None:
                params[name] = value
        elif isinstance(value, float) and abs(value) >= _MAX_DECIMAL:
            member.complain(msg("is too large for a decimal number"), slug="range")
        elif isinstance(value, bool | int | float):
            params[name] = value
        else:
            member.complain(msg("must be a number, text, true or false"), slug="type")
    return params


_KINDS: Sequence[Literal["phrases", "domains", "hashes"]] = ("phrases", "domains", "hashes")
_LIST_FIELDS = ("kind", "match", "fold", "entries", "except", "ref")
_PHRASE_FIELDS = ("match", "fold", "except")
_PARAM_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

_MAX_DECIMAL = 1e15
"""Beyond it a database may give `1e16` back as a whole number, and the parameter would change its type."""


def _read_named(place: Place, limit: int) -> list[tuple[str, Place]]:
    """The members of an object whose names are given by its author; a bad name is a mistake at the name."""
    members = read_object(place)
    if len(members) > limit:
        place.complain(msg("at most {limit} are allowed here", limit=limit), slug="too-many")
        return []
    named: list[tuple[str, Place]] = []
    for name, member in members.items():
        before = len(place.mistakes)
        read_name(Place(name, member.path, place.mistakes))
        if len(place.mistakes) == before:
            named.append((name, member))
    return named


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
    for field in _PHRASE_FIELDS:
        if field in fields:
            fields[field].complain(
                msg("a list of domains has no {name}", name=field), slug="unknown-field", at_key=True
            )
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


_MATCHES: Sequence[Literal["word", "substring"]] = ("word", "substring")
_FOLDS: Sequence[Literal["soft", "hard"]] = ("soft", "hard")
