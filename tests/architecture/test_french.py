"""Every sentence for people stands in both languages, with the same values in it."""

import ast
import json
from importlib.resources import files

from tests.architecture.sources import list_calls, list_fields
from veilleur.kernel.french import FRENCH

FOREIGN_WORDS = {
    "veilleur/kernel/messages.py": "msg() itself",
    "veilleur_api/problems.py": "the reason phrase of a status that Starlette refuses by itself",
}
"""Files that make a message of something else than a template, each with its reason."""


def list_templates():
    """Every English template of the source, with one place where it stands."""
    found = {}
    for source, call in list_calls("msg", "Message"):
        first = call.args[0]
        if isinstance(first, ast.Constant):
            found.setdefault(first.value, source.where(call))
        else:
            assert source.name in FOREIGN_WORDS, f"{source.where(call)} is not a template"
    return found


def load_areas():
    folder = files("veilleur.kernel") / "locale" / "fr"
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in folder.iterdir()}


def test_every_message_has_a_french_text():
    templates = list_templates()
    assert len(templates) > 200
    assert {text: where for text, where in templates.items() if text not in FRENCH} == {}


def test_every_french_text_belongs_to_a_message():
    assert FRENCH.keys() - list_templates().keys() == set()


def test_a_french_text_has_the_values_of_its_message_and_is_not_a_copy_of_it():
    for english, french in FRENCH.items():
        assert list_fields(french) == list_fields(english), english
        assert french.strip(), english
        assert french != english, english


def test_a_message_that_stands_in_two_areas_reads_the_same_in_both():
    seen = {}
    for area, texts in load_areas().items():
        for english, french in texts.items():
            assert seen.setdefault(english, french) == french, (area, english)


def test_every_message_is_given_exactly_the_values_its_template_names():
    for source, call in list_calls("msg"):
        if isinstance(call.args[0], ast.Constant):
            given = {word.arg for word in call.keywords}
            assert given == set(list_fields(call.args[0].value)), source.where(call)
