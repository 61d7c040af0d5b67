import json
import string
from importlib.resources import files

import pytest

from veilleur.kernel.french import FRENCH
from veilleur.kernel.messages import choose_language, msg

AREAS = sorted(
    file.name for file in (files("veilleur.kernel") / "locale" / "fr").iterdir() if file.name.endswith(".json")
)


def list_fields(template):
    return sorted(name for _, name, _, _ in string.Formatter().parse(template) if name is not None)


@pytest.mark.parametrize("area", AREAS)
def test_french_texts_have_the_values_of_their_templates(area):
    texts = json.loads((files("veilleur.kernel") / "locale" / "fr" / area).read_text(encoding="utf-8"))
    assert texts
    for english, french in texts.items():
        assert list_fields(english) == list_fields(french), english
        assert FRENCH[english]


def test_values_are_put_in_and_lists_joined():
    message = msg("must be one of: {expected}", expected=["a", msg("is required")])
    assert str(message) == "must be one of: a, is required"
    assert message.render("fr") == "doit être l'une des valeurs suivantes : a, est obligatoire"


def test_braces_in_values_are_only_text():
    assert str(msg("is not accepted: {reason}", reason="{0} {x}")) == "is not accepted: {0} {x}"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("fr", "fr"),
        ("fr-CA, en;q=0.5", "fr"),
        ("en;q=0.5, fr;q=0.9", "fr"),
        ("en, fr", "en"),
        ("fr;q=0, en;q=0.1", "en"),
        ("de, ja", "en"),
        ("fr;q=x, en;q=0.1", "en"),
        (",;,;;q", "en"),
    ],
)
def test_the_language_is_the_heaviest_of_the_two_we_speak(header, language):
    assert choose_language(header) == language
