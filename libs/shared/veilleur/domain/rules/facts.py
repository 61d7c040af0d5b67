"""The facts of one item, the same for every rule set: what its sender says, and what was gathered about it.

A field that was not sent or gathered is absent from `fields`: unknown, never 0 or empty. What costs time to find out is
found out when a rule first asks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache

from veilleur.domain.rules.schema import (
    FIELDS,
    FUNCTIONS,
    GATHERED_CALLS,
    FieldType,
    find_field,
    fits_type,
    split_call,
    type_field,
)
from veilleur.domain.rules.sent import (
    clean,
    describe_author,
    describe_context,
    describe_item,
    read_language,
    read_media,
    read_metadata,
    read_object,
    read_text,
)
from veilleur.domain.rules.signals.detector import UNDETERMINED
from veilleur.domain.rules.signals.hashes import MediaHashes
from veilleur.domain.rules.signals.language import detect_language
from veilleur.domain.rules.signals.links import Link, count_shorteners, find_links
from veilleur.domain.rules.signals.near_dup import fuzzy_keys, near_dup_key
from veilleur.domain.rules.signals.pii import count_emails, count_ibans, count_phones
from veilleur.domain.rules.signals.shape import measure_shape
from veilleur.domain.rules.signals.text import TextKeys
from veilleur.kernel.lazy import lazy

NOTHING: Mapping[str, object] = {}


class ItemFacts:
    """`fields` by their name in the schema, and counters as `counter('name')`; `now` is when the item is judged."""

    def __init__(self, item: Mapping[str, object], now: datetime, given: Mapping[str, object]) -> None:
        self.item = item
        self.now = now
        self.given = given
        self.text = clean(read_text(item.get("text")) or "")
        self._known = dict(given)
        self._read: set[FieldReader] = set()

    @property
    def fields(self) -> Mapping[str, object]:
        return _Fields(self)

    def read_fields(self, readers: Iterable["FieldReader"]) -> Mapping[str, object]:
        """What these groups of fields say, None for what they don't; what was given comes first."""
        fresh = [reader for reader in readers if reader not in self._read]
        if fresh:
            self._read.update(fresh)
            for reader in fresh:
                self._known.update(reader(self))
            self._known.update(self.given)
        return self._known

    @lazy
    def keys(self) -> TextKeys:
        return TextKeys(self.text)

    @lazy
    def languages(self) -> tuple[str, ...]:
        """The client's."""
        known = self.given.get("client.languages")
        return tuple(map(str, known)) if isinstance(known, list) else ()

    @lazy
    def links(self) -> tuple[Link, ...]:
        return find_links(self.text)

    @lazy
    def media(self) -> tuple[MediaHashes, ...]:
        return read_media(self.item)


def item_facts(item: Mapping[str, object], now: datetime, gathered: Mapping[str, object] = NOTHING) -> ItemFacts:
    """The facts of an item in the shape of the contract.

    `gathered` holds what the item does not say itself, by a field's name or a call as it is written: `author.strikes`,
    `provider.toxicity`, `counter('posts_10m')`, `media('known')`, `source.id`, `client.languages`. Without the
    client's languages the language of a text is not detected.

    Total: whatever is missing or of another type is unknown. Characters that are none (lone surrogates) are read as
    U+FFFD, which keeps every place in the text.
    """
    return ItemFacts(item, now, _read_given(gathered))


def lay_over(facts: ItemFacts, fields: Mapping[str, object]) -> ItemFacts:
    """The facts with some fields replaced, for a rule's own tests."""
    return ItemFacts(facts.item, facts.now, {**facts.given, **fields})


class _Fields(Mapping[str, object]):
    """The fields of an item, each read with its group when it is first asked for."""

    def __init__(self, facts: ItemFacts) -> None:
        self._facts = facts

    def __getitem__(self, name: str) -> object:
        value = self._facts.read_fields(choose_readers([name]))[name]
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name, value in self._facts.read_fields(_GROUPS).items() if value is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


FieldReader = Callable[[ItemFacts], Mapping[str, object]]
"""Finds out a group of fields together."""


def choose_readers(names: Iterable[str]) -> tuple[FieldReader, ...]:
    """The readers it takes to know these fields, as far as the item tells them."""
    return tuple(dict.fromkeys(_READERS[name] for name in names if name in _READERS))


def _read_given(gathered: Mapping[str, object]) -> dict[str, object]:
    """What has a name and the type that belongs to it; whole numbers do for decimal ones."""
    given: dict[str, object] = {}
    for name, value in gathered.items():
        kind = type_given(name)
        if kind is FieldType.DOUBLE and type(value) is int:
            given[name] = float(value)
        elif kind is not None and fits_type(value, kind):
            given[name] = value
    return given


@lru_cache(maxsize=10_000)
def type_given(name: str) -> FieldType | None:
    """The type of a fact that may be handed in, by its name; None for a name that means nothing."""
    if find_field(name) == name:
        return type_field(name)
    call = split_call(name)
    return FUNCTIONS[call[0]] if call is not None and call[0] in GATHERED_CALLS else None


def _describe_links(facts: ItemFacts) -> Mapping[str, object]:
    if not facts.links:
        return _NO_LINKS
    return {
        "links.count": len(facts.links),
        "links.shorteners": count_shorteners(facts.links),
        "links.hosts": list(dict.fromkeys(link.host for link in facts.links)),
        "links.domains": list(dict.fromkeys(link.domain for link in facts.links)),
    }


_NO_LINKS: Mapping[str, object] = {"links.count": 0, "links.shorteners": 0, "links.hosts": [], "links.domains": []}


def _describe_language(facts: ItemFacts) -> dict[str, object]:
    detected = detect_language(facts.text, facts.languages)
    said = read_language(facts.item.get("language"))
    return {"item.lang_detected": detected, "item.lang": detected if said == UNDETERMINED else said}


def _read_copies(facts: ItemFacts) -> dict[str, object]:
    return {"item.near_dup": near_dup_key(facts.keys.soft)}


def _read_fuzzy_copies(facts: ItemFacts) -> dict[str, object]:
    return {"item.near_dup_fuzzy": fuzzy_keys(facts.keys.soft)}


def _read_shape(facts: ItemFacts) -> dict[str, object]:
    shape = measure_shape(facts.text)
    return {"item.letters": shape.letters, "item.words": shape.words, "item.upper_ratio": shape.upper_ratio}


def _read_item(facts: ItemFacts) -> dict[str, object]:
    return {"item.text": facts.text, "item.length": len(facts.text), **describe_item(facts.item)}


def _read_author(facts: ItemFacts) -> dict[str, object]:
    return describe_author(read_object(facts.item.get("author")), facts.now)


def _read_context(facts: ItemFacts) -> dict[str, object]:
    return describe_context(read_object(facts.item.get("context")))


def _read_metadata(facts: ItemFacts) -> dict[str, object]:
    return {"metadata": read_metadata(read_object(facts.item.get("metadata")))}


def _read_source(facts: ItemFacts) -> dict[str, object]:
    return {"source.id": read_text(facts.item.get("source_id"))}


def _read_phones(facts: ItemFacts) -> dict[str, object]:
    return {"pii.phones": count_phones(facts.text, facts.languages)}


def _read_addresses(facts: ItemFacts) -> dict[str, object]:
    return {"pii.emails": count_emails(facts.text), "pii.ibans": count_ibans(facts.text)}


_GROUPS: Mapping[FieldReader, tuple[str, ...]] = {
    _describe_language: ("item.lang", "item.lang_detected"),
    _read_copies: ("item.near_dup",),
    _read_fuzzy_copies: ("item.near_dup_fuzzy",),
    _read_shape: ("item.letters", "item.words", "item.upper_ratio"),
    _read_phones: ("pii.phones",),
    _read_addresses: ("pii.emails", "pii.ibans"),
    _read_source: ("source.id",),
    _read_metadata: ("metadata",),
    _describe_links: tuple(name for name in FIELDS if name.startswith("links.")),
    _read_author: tuple(name for name in FIELDS if name.startswith("author.")),
    _read_context: tuple(name for name in FIELDS if name.startswith("context.")),
    _read_item: ("item.text", "item.length", "item.kind", "item.media_count"),
}
_READERS = {name: reader for reader, names in _GROUPS.items() for name in names}
