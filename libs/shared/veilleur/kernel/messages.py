"""Sentences for people, in English and French.

A message is written once, in English, where it is raised: `msg("{name} is taken", name=slug)`. Its French text stands
in `locale/fr/` under the English template; a test fails for a template without one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from veilleur.kernel.french import FRENCH

Language = Literal["en", "fr"]


@dataclass(frozen=True, slots=True)
class Message:
    """A template with its values; `str()` gives English, `render("fr")` French."""

    template: str
    values: dict[str, object] = field(default_factory=dict)

    def render(self, language: Language) -> str:
        template = FRENCH.get(self.template, self.template) if language == "fr" else self.template
        values = {name: _render_value(value, language) for name, value in self.values.items()}
        return template.format(**values) if values else template

    def __str__(self) -> str:
        return self.render("en")


def msg(template: str, /, **values: object) -> Message:
    return Message(template, values)


def choose_language(accept_language: str | None) -> Language:
    """The first of `fr` and `en` in an `Accept-Language` header by weight; English where neither stands."""
    weighted: list[tuple[float, int, Language]] = []
    for position, part in enumerate((accept_language or "").split(",")[:20]):
        tag, _, parameter = part.strip().partition(";")
        weight = _read_weight(parameter)
        primary = tag.split("-")[0].lower()
        if primary == "fr" and weight > 0:
            weighted.append((-weight, position, "fr"))
        elif primary == "en" and weight > 0:
            weighted.append((-weight, position, "en"))
    return min(weighted)[2] if weighted else "en"


def _read_weight(parameter: str) -> float:
    try:
        return float(parameter.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0


def _render_value(value: object, language: Language) -> object:
    if isinstance(value, Message):
        return value.render(language)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return ", ".join(str(_render_value(part, language)) for part in value)
    return value
