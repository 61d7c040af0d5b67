"""Saved replies: their languages and their blanks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.catalogue.macros import BLANKS, check_texts, choose_text, fill_text

TEXTS = {"en": "Hello", "fr": "Bonjour", "pt-BR": "Oi"}


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        (["fr"], "fr"),
        (["fr-CA", "en"], "fr"),
        (["pt", "en"], "pt-BR"),
        (["pt-PT"], "pt-BR"),
        ([None, "fr"], "fr"),
        (["de", "fr"], "fr"),
        (["de"], "en"),
        ([], "en"),
    ],
)
def test_the_reply_speaks_the_nearest_language_it_has(wanted, language):
    assert choose_text(TEXTS, wanted) == (language, TEXTS[language])


def test_blanks_are_filled_and_other_braces_left():
    values = {"author": "Jean", "client": "Forum", "policies": "Spam"}
    assert fill_text("{author}: {policies} {} { client } {client}", values) == "Jean: Spam {} { client } Forum"


@given(st.text())
def test_what_an_author_calls_himself_is_never_read_as_a_blank(name):
    assert fill_text("<{author}>", {"author": name, "client": "secret"}) == f"<{name}>"


def test_a_blank_that_nothing_fills_is_refused_and_told_what_would_be():
    [error] = check_texts({"en": "{author}", "fr": "{nom}"}, "/texts")
    assert error.pointer == "/texts/fr"
    assert all(f"{{{name}}}" in str(error.hint) for name in BLANKS)
