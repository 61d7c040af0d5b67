"""The shipped word lists against what people do to get a word past them, and against texts that mean no harm."""

import json
import re
import unicodedata
from pathlib import Path

import pytest
import yaml

from veilleur.domain.rules.document import PhraseList
from veilleur.domain.rules.signals.light import lighten
from veilleur.domain.rules.signals.phrases import index_phrases
from veilleur.domain.rules.signals.text import TextKeys

SAMPLES = Path(__file__).parents[3] / "samples"
LEET = str.maketrans({"a": "4", "e": "3", "i": "1", "o": "0", "s": "$", "t": "7"})
CYRILLIC = str.maketrans({"a": "а", "c": "с", "e": "е", "o": "о", "p": "р", "x": "х"})


def at_vowel(text, between):
    return re.sub(r"(?<=[aeiouy])(?=[a-z])", between, text, count=1)


def each_word(change):
    return lambda text: " ".join(change(word) for word in text.split(" "))


TRANSFORMS = {
    "capitals": lambda text: "".join(letter.upper() if place % 2 else letter for place, letter in enumerate(text)),
    "leet": lambda text: text.translate(LEET),
    "cyrillic": lambda text: text.translate(CYRILLIC),
    "full width": lambda text: "".join(chr(ord(letter) + 0xFEE0) if "a" <= letter <= "z" else letter for letter in text),
    "mathematical": lambda text: "".join(chr(0x1D41A + ord(letter) - 97) if "a" <= letter <= "z" else letter for letter in text),
    "circled": lambda text: "".join(chr(0x24D0 + ord(letter) - 97) if "a" <= letter <= "z" else letter for letter in text),
    "zero width": lambda text: at_vowel(text, "\u200b"),
    "soft hyphen": lambda text: at_vowel(text, "\u00ad"),
    "stacked marks": lambda text: "".join(letter + "\u0335\u0301" if letter.isalpha() else letter for letter in text),
    "drawn out": lambda text: re.sub(r"([aeiouy])", r"\1\1\1\1", text, count=1),
    "dotted": each_word(".".join),
    "spaced": each_word(" ".join),
}  # fmt: skip


def plain(text):
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).replace("œ", "oe")


def load_lists():
    for name in ("forum-fr", "videos-en"):
        document = yaml.safe_load((SAMPLES / "rules" / f"{name}.yaml").read_text(encoding="utf-8"))
        for one in document["lists"].values():
            if one.get("kind", "phrases") == "phrases":
                yield from one["entries"]


WORDS = sorted({plain(entry) for entry in load_lists()})
WORDS = [word for word in WORDS if re.fullmatch("[a-z]{4,}", word)]
INDEX = index_phrases([PhraseList("words", "word", "hard", tuple(WORDS))])


def is_caught(text):
    return INDEX.find_phrases(TextKeys(text)).count("words") > 0


def test_there_are_enough_words_to_tell_anything():
    assert len(WORDS) > 150
    assert len(TRANSFORMS) == 12


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_disguised_word_is_found_all_the_same(name):
    change = TRANSFORMS[name]
    changed = {word: change(word) for word in WORDS if change(word) != word}
    missed = sorted(word for word, text in changed.items() if not is_caught(f"oui {text} !"))
    assert len(changed) > 100
    assert len(missed) <= 0.05 * len(changed), missed


def test_undoing_disguises_finds_next_to_nothing_more_in_texts_that_mean_no_harm():
    soft = index_phrases([PhraseList("words", "word", "soft", tuple(WORDS))])
    texts = [
        row["item"]["text"]
        for name in ("forum-fr", "videos-en")
        for line in (SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        if (row := json.loads(line))["label"] == "clean"
    ]
    extra = [text for text in texts if is_caught(text) and not soft.find_phrases(TextKeys(text)).count("words")]
    assert len(texts) > 300
    assert len(extra) <= 0.003 * len(texts), extra


@pytest.mark.parametrize(
    "text",
    ["مرحبا بالعالم، كيف حالك؟", "Привет, как дела? Ёлка и йод", "Γειά σου Κόσμε", "שלום עולם", "สวัสดีชาวโลก", "你好，世界", "안녕하세요 세계", "नमस्ते दुनिया"],
)  # fmt: skip
def test_native_texts_stay_as_they_are_and_hide_nothing(text):
    keys = TextKeys(text)
    assert [letter for letter in lighten(text) if letter.isalpha()] == [
        letter for letter in unicodedata.normalize("NFC", text) if letter.isalpha()
    ]
    assert keys.hard is None
