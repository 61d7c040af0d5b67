"""Both detectors read what the other reads, so that a client's rules do not depend on the machine."""

import pytest

from veilleur.domain.rules.signals.detector import HAS_ELDC, make_eldc, make_langid

MAKERS = [pytest.param(make_eldc, id="eldc", marks=pytest.mark.skipif(not HAS_ELDC, reason="no wheel here"))]
try:
    import py3langid  # noqa: F401 - installed where eldc is not
except ImportError:
    HAS_LANGID = False
else:
    HAS_LANGID = True
MAKERS.append(
    pytest.param(make_langid, id="py3langid", marks=pytest.mark.skipif(not HAS_LANGID, reason="not installed"))
)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Bonjour tout le monde, comment allez-vous ce matin ?", "fr"),
        ("This is the worst video I have ever watched", "en"),
        ("Das ist wirklich eine sehr gute Idee von dir", "de"),
        ("12345 !!!", "und"),
        ("", "und"),
    ],
)
def test_a_text_is_read_as_one_of_the_languages_looked_for(make, text, language):
    assert make(frozenset({"de", "en", "fr"})).detect(text) == language
