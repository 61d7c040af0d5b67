"""Labelled items as they are sent: a list, or JSON lines; pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from veilleur.domain.intake.envelope import read_item
from veilleur.kernel.errors import InputError, Invalid, Malformed
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import strict_loads

LABELS = ("allow", "restrict", "remove")
MAX_LABELLED = 50_000
MAX_ERRORS = 100

Labelled = tuple[dict[str, Any], str]


def read_labelled(sent: Sequence[object] | str) -> list[Labelled]:
    """`[{"item", "label"}]`; `Invalid` tells every mistake, of JSON lines with the line it stands in."""
    errors: list[InputError] = []
    lines = _read_lines(sent, errors) if isinstance(sent, str) else list(enumerate(sent))
    read = [_read_one(value, f"/labelled/{position}", errors) for position, value in lines]
    if not errors and not 0 < len(read) <= MAX_LABELLED:
        error = msg("must hold 1 to {limit} labelled items", limit=MAX_LABELLED)
        errors.append(InputError("/labelled", error))
    if errors:
        raise Invalid(msg("Some labelled items have mistakes"), errors=errors[:MAX_ERRORS])
    return [one for one in read if one is not None]


def _read_lines(text: str, errors: list[InputError]) -> list[tuple[int, object]]:
    values: list[tuple[int, object]] = []
    for number, line in enumerate(text.split("\n")):
        if line.strip():
            try:
                values.append((number, strict_loads(line.encode())))
            except Malformed as problem:
                errors.append(InputError("/labelled", problem.detail, line=number + 1))
    return values


def _read_one(value: object, pointer: str, errors: list[InputError]) -> Labelled | None:
    if not isinstance(value, Mapping) or value.keys() != {"item", "label"}:
        errors.append(InputError(pointer, msg("must have `item` and `label`, and nothing else")))
        return None
    item, label = value["item"], value["label"]
    if label not in LABELS:
        allowed = msg("allowed: {codes}", codes=LABELS)
        errors.append(InputError(f"{pointer}/label", msg("is not a verdict"), allowed))
    if not isinstance(item, dict):
        errors.append(InputError(f"{pointer}/item", msg("must be an object")))
        return None
    try:
        read_item(item, f"{pointer}/item")
    except Invalid as problem:
        errors.extend(problem.errors)
    return item, str(label)
