"""The facts of one item, the same for every rule set: what its sender says, and what was gathered about it.

A field that was not sent or gathered is absent from `fields`: unknown, never 0 or empty. What costs time to find out is
found out when a rule first asks.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

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
from veilleur.domain.rules.signals.hashes import MediaHashes
from veilleur.domain.rules.signals.language import UNDETERMINED, detect_language
from veilleur.domain.rules.signals.links import Link, count_shorteners, find_links
from veilleur.domain.rules.signals.near_dup import fuzzy_keys, near_dup_key
from veilleur.domain.rules.signals.pii import count_emails, count_ibans, count_phones
from veilleur.domain.rules.signals.text import TextKeys

NOTHING: Mapping[str, object] = {}


class ItemFacts:
    """`fields` by their name in the schema, and counters as `counter('name')`; `now` is when the item is judged."""

    def __init__(self, item: Mapping[str, object], now: datetime, given: Mapping[str, object]) -> None:
        self.item = item
        self.now = now
        self.given = given
        self.text = clean(read_text(item.get("text")) or "")
        self.fields: Mapping[str, object] = _Fields(self)

    @cached_property
    def keys(self) -> TextKeys:
        return TextKeys(self.text)

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The client's."""
        known = self.given.get("client.languages")
        return tuple(map(str, known)) if isinstance(known, list) else ()

    @cached_property
    def links(self) -> tuple[Link, ...]:
        return find_links(self.text)

    @cached_property
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
    """What was given comes first; the rest is read from the item, a group of fields at a time, when asked for."""

    def __init__(self, facts: ItemFacts) -> None:
        self._facts = facts
        self._known: dict[str, object] = dict(facts.given)
        self._read: set[_Reader] = set()

    def __getitem__(self, name: str) -> object:
        if name not in self._known:
            self._find(name)
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        if name not in self._known:
            self._find(str(name))
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        for name in _READERS:
            self._find(name)
        return iter(self._known)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _find(self, name: str) -> None:
        reader = _READERS.get(name)
        if reader is None or reader in self._read:
            return
        self._read.add(reader)
        for found, value in reader.read(self._facts).items():
            if value is not None:
                self._known.setdefault(found, value)


@dataclass(frozen=True, slots=True)
class _Reader:
    """A group of fields that are found out together."""

    names: tuple[str, ...]
    read: Callable[[ItemFacts], Mapping[str, object]]


def _read_given(gathered: Mapping[str, object]) -> dict[str, object]:
    """What has a name and the type that belongs to it; whole numbers do for decimal ones."""
    given: dict[str, object] = {}
    for name, value in gathered.items():
        kind = type_given(name)
        whole = kind is FieldType.DOUBLE and type(value) is int
        known = float(value) if whole and isinstance(value, int) else value
        if kind is not None and fits_type(known, kind):
            given[name] = known
    return given


def type_given(name: str) -> FieldType | None:
    """The type of a fact that may be handed in, by its name; None for a name that means nothing."""
    if find_field(name) == name:
        return type_field(name)
    call = split_call(name)
    return FUNCTIONS[call[0]] if call is not None and call[0] in GATHERED_CALLS else None


def _describe_links(facts: ItemFacts) -> dict[str, object]:
    return {
        "links.count": len(facts.links),
        "links.shorteners": count_shorteners(facts.links),
        "links.hosts": list(dict.fromkeys(link.host for link in facts.links)),
        "links.domains": list(dict.fromkeys(link.domain for link in facts.links)),
    }


def _describe_language(facts: ItemFacts) -> dict[str, object]:
    detected = detect_language(facts.text, facts.languages)
    said = read_language(facts.item.get("language"))
    return {"item.lang_detected": detected, "item.lang": detected if said == UNDETERMINED else said}


def _list_readers() -> Iterator[_Reader]:
    def prefixed(prefix: str, *besides: str) -> tuple[str, ...]:
        return tuple(name for name in FIELDS if name.startswith(prefix) and name not in besides)

    languages = ("item.lang", "item.lang_detected")
    copies = ("item.near_dup", "item.near_dup_fuzzy")
    yield _Reader(("item.text",), lambda facts: {"item.text": facts.text})
    yield _Reader(languages, _describe_language)
    yield _Reader(("item.near_dup",), lambda facts: {"item.near_dup": near_dup_key(facts.keys.light)})
    yield _Reader(("item.near_dup_fuzzy",), lambda facts: {"item.near_dup_fuzzy": fuzzy_keys(facts.keys.light)})
    yield _Reader(
        prefixed("item.", "item.text", *languages, *copies), lambda facts: describe_item(facts.item, facts.text)
    )
    yield _Reader(prefixed("links."), _describe_links)
    yield _Reader(prefixed("author."), lambda facts: describe_author(read_object(facts.item.get("author")), facts.now))
    yield _Reader(prefixed("context."), lambda facts: describe_context(read_object(facts.item.get("context"))))
    yield _Reader(("metadata",), lambda facts: {"metadata": read_metadata(read_object(facts.item.get("metadata")))})
    yield _Reader(("source.id",), lambda facts: {"source.id": read_text(facts.item.get("source_id"))})
    yield _Reader(("pii.phones",), lambda facts: {"pii.phones": count_phones(facts.text, facts.languages)})
    yield _Reader(("pii.emails",), lambda facts: {"pii.emails": count_emails(facts.text)})
    yield _Reader(("pii.ibans",), lambda facts: {"pii.ibans": count_ibans(facts.text)})


_READERS = {name: reader for reader in _list_readers() for name in reader.names}
