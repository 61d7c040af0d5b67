"""Reading a JSON form and telling everything that is wrong with it at once, not the first thing only."""

from collections.abc import Collection
from dataclasses import dataclass, field

from veilleur.kernel.errors import InputError
from veilleur.kernel.messages import Message, msg


@dataclass(slots=True)
class Mistakes:
    """What has been found wrong so far; a reader adds to it and goes on."""

    found: list[InputError] = field(default_factory=list)

    def add(self, pointer: str, detail: Message, hint: Message | None = None) -> None:
        self.found.append(InputError(pointer, detail, hint))


def point_to(pointer: str, key: object) -> str:
    """The JSON Pointer (RFC 6901) one step further down."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def read_fields(
    document: object, pointer: str, mistakes: Mistakes, *, required: Collection[str], optional: Collection[str] = ()
) -> dict[str, object]:
    """The known fields of an object; missing and unknown ones, or no object at all, are mistakes."""
    if not isinstance(document, dict):
        mistakes.add(pointer, msg("must be an object"), msg("fields: {names}", names=[*required, *optional]))
        return {}
    for name in required:
        if name not in document:
            mistakes.add(point_to(pointer, name), msg("is missing"))
    fields: dict[str, object] = {}
    for name, value in document.items():
        if name in required or name in optional:
            fields[name] = value
        else:
            known = [*required, *optional]
            mistakes.add(point_to(pointer, name), msg("is not a known field"), msg("fields: {names}", names=known))
    return fields
