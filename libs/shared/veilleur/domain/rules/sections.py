"""Reading the parts of a rule set that rules refer to: patterns and parameters."""

import re

from veilleur.domain.rules.document import MAX_PATTERNS, Param
from veilleur.domain.rules.reading import Place, read_named, read_text
from veilleur.kernel.messages import msg

MAX_PARAMS = 200
MAX_PARAM = 200
MAX_PATTERN = 1_000


def read_patterns(place: Place) -> dict[str, str]:
    """RE2 sources by name; whether RE2 reads them is checked apart."""
    texts = {name: read_text(member, MAX_PATTERN) for name, member in read_named(place, MAX_PATTERNS)}
    return {name: text for name, text in texts.items() if text is not None}


def read_params(place: Place) -> dict[str, Param]:
    """Constants by name: whole or decimal numbers, text, true or false."""
    params: dict[str, Param] = {}
    for name, member in read_named(place, MAX_PARAMS):
        value = member.value
        if not _PARAM_NAME.fullmatch(name):
            member.complain(
                msg("a parameter's name may hold letters without accents, digits and _ only"), slug="name", at_key=True
            )
        elif isinstance(value, str):
            if read_text(member, MAX_PARAM, empty=True) is not None:
                params[name] = value
        elif isinstance(value, float) and abs(value) >= _MAX_DECIMAL:
            member.complain(msg("is too large for a decimal number"), slug="range")
        elif isinstance(value, bool | int | float):
            params[name] = value
        else:
            member.complain(msg("must be a number, text, true or false"), slug="type")
    return params


_PARAM_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

_MAX_DECIMAL = 1e15
"""Beyond it a database may give `1e16` back as a whole number, and the parameter would change its type."""
