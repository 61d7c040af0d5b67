"""Reading a document of unknown shape: every reader answers something usable and notes what was wrong on the way."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from veilleur.domain.rules.document import Path
from veilleur.domain.rules.findings import MAX_FINDINGS, Mistake, suggest_name
from veilleur.kernel.messages import Message, msg

Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True, slots=True)
class Place:
    """A value of the document, where it stands, and the notebook all places of one document share."""

    value: object
    path: Path
    mistakes: list[Mistake]

    def complain(
        self, message: Message, hint: Message | None = None, *, slug: str = "invalid", at_key: bool = False
    ) -> None:
        if len(self.mistakes) < MAX_FINDINGS:
            self.mistakes.append(Mistake(self.path, message, hint, slug, at_key=at_key))

    def step(self, step: str | int, value: object) -> "Place":
        return Place(value, (*self.path, step), self.mistakes)


def read_object(place: Place) -> dict[str, Place]:
    """The members of an object by name, in order; none when it is no object."""
    if not isinstance(place.value, dict):
        place.complain(msg("must be an object"), slug="type")
        return {}
    return {name: place.step(name, value) for name, value in place.value.items()}


def read_fields(place: Place, known: Collection[str], required: Collection[str] = ()) -> dict[str, Place]:
    """The members of an object whose fields are given; an unknown one is a mistake, never ignored."""
    members = read_object(place)
    for name in [name for name in members if name not in known]:
        hint = suggest_name(name, known) or msg("known here: {names}", names=sorted(known))
        members.pop(name).complain(
            msg("{name} is not a field here", name=name[:64]), hint, slug="unknown-field", at_key=True
        )
    if isinstance(place.value, dict):
        for name in required:
            if name not in members:
                place.complain(msg("{name} is missing", name=name), slug="missing")
    return members


def read_items(place: Place, limit: int) -> list[Place]:
    if not isinstance(place.value, list):
        place.complain(msg("must be a list"), slug="type")
        return []
    if len(place.value) > limit:
        place.complain(msg("at most {limit} are allowed here", limit=limit), slug="too-many")
        return []
    return [place.step(index, value) for index, value in enumerate(place.value)]


def read_text(place: Place, limit: int, *, empty: bool = False) -> str | None:
    """The text, or None after a complaint. `limit` in code points."""
    value = place.value
    if not isinstance(value, str):
        place.complain(msg("must be text"), slug="type")
        return None
    if len(value) > limit:
        place.complain(msg("is longer than {limit} characters", limit=limit), slug="too-long")
        return None
    if not value.strip() and not empty:
        place.complain(msg("must not be empty"), slug="empty")
        return None
    return value


def read_texts(place: Place, count: int, limit: int) -> tuple[str, ...]:
    texts = (read_text(item, limit) for item in read_items(place, count))
    return tuple(text for text in texts if text is not None)


def read_name(place: Place) -> str | None:
    """A code others refer to: letters, digits and `_ - .`, up to 64."""
    text = read_text(place, 64)
    if text is not None and not _NAME.fullmatch(text):
        place.complain(msg("may hold letters without accents, digits and _ - . only"), slug="name")
        return None
    return text


def read_choice(place: Place, choices: Sequence[Choice]) -> Choice | None:
    for choice in choices:
        if place.value == choice:
            return choice
    hint = suggest_name(place.value, choices) if isinstance(place.value, str) else None
    place.complain(msg("must be one of {choices}", choices=choices), hint, slug="choice")
    return None


def read_integer(place: Place, low: int, high: int) -> int | None:
    value = place.value
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    place.complain(msg("must be a whole number from {low} to {high}", low=low, high=high), slug="range")
    return None


def read_flag(place: Place) -> bool | None:
    if isinstance(place.value, bool):
        return place.value
    place.complain(msg("must be true or false"), slug="type")
    return None


def read_named(place: Place, limit: int) -> list[tuple[str, Place]]:
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


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
