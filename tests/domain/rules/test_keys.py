"""The light, soft and hard keys of a text, and the way back from each."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veilleur.domain.rules.signals.hard import harden, harden_phrase
from veilleur.domain.rules.signals.light import lighten, lighten_mapped
from veilleur.domain.rules.signals.soft import soften, soften_lines, soften_mapped
from veilleur.domain.rules.signals.text import TextKeys

NATIVE = [
    "مرحبا بالعالم، كيف حالك اليوم؟",
    "اَلسَّلَامُ عَلَيْكُمْ",
    "Привет, мой дорогой ёж! Объём, подъезд, Її",
    "Добрий ранок, Ґалаґан",
    "Καλημέρα κόσμε, ψάρι",
    "שלום עולם",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
    "你好，世界",
    "안녕하세요",
    "გამარჯობა",
]

MIXED_TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from("aàçé́̈œß ſﬁｃＯ①ⓐ𝓬🅰 \u200b\u200d\ufe0f👍🏽👩‍👧€$@0134.-_'!?\nаеоіјмйё̆αοςΣıİİl"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("text", "light"),
    [
        ("Plain ASCII, untouched: $100 @you!", "Plain ASCII, untouched: $100 @you!"),
        ("ÉTÉ à Noël, cœur, straße, Ørsted, Łódź", "ETE a Noel, coeur, strasse, Orsted, Lodz"),
        ("e\u0301te\u0301", "ete"),
        ("ｗｗｗ．ｅｘａｍｐｌｅ．ｃｏｍ", "www.example.com"),
        ("𝓯𝓾𝓬𝓴 ⓕⓤⓒⓚ 🅵🆄🅲🅺 ᶠᵘᶜᵏ ꜰᴜᴄᴋ", "fuck fuck FUCK fuck fuck"),
        ("f\u200bu\u00adc\u2060k", "fuck"),
        ("ḟ̸̡͓̾ú̷̻c̵̢̓k̶̤̚", "fuck"),
        ("\u202efdp\u202c", "fdp"),
        ("❤️ 👍🏽 👨‍👩‍👧", "❤ 👍 👨👩👧"),
    ],
)
def test_the_light_key_undoes_other_forms_of_letters_and_keeps_case_and_punctuation(text, light):
    assert lighten(text) == light


@pytest.mark.parametrize("text", NATIVE)
def test_native_scripts_are_left_as_they_are_written(text):
    assert lighten(text) == unicodedata.normalize("NFKC", text)
    assert soften(lighten(text)).split() == [
        "".join(letter for letter in word if unicodedata.category(letter)[0] in "LNM").replace("ς", "σ")
        for word in unicodedata.normalize("NFKC", text)
        .lower()
        .replace("،", " ")
        .replace("，", " ")
        .replace(",", " ")
        .split()
    ]
    assert harden(lighten(text)) is None


def test_decomposed_native_letters_are_composed_not_stripped():
    assert lighten(unicodedata.normalize("NFD", "мой ёж أهلا")) == "мой ёж أهلا"
    assert lighten(unicodedata.normalize("NFD", "안녕")) == "안녕"


@pytest.mark.parametrize(
    ("text", "soft"),
    [
        ("  T'es   NUL!! ", " t es nul "),
        ("porte-monnaie/sac", " porte monnaie sac "),
        ("50€ ou 🍆🍑", " 50 € ou 🍆 🍑 "),
        ("ΟΔΟΣ οδος", " οδοσ οδοσ "),
        ("!!!", " "),
        ("", " "),
    ],
)
def test_the_soft_key_is_words_between_single_spaces(text, soft):
    assert soften(lighten(text)) == soft


@pytest.mark.parametrize(
    "text",
    [
        "c0nn4rd", "C0NN4RD!!!", "connnnard", "coooonnnnaaaard", "c o n n a r d", "c.o.n.n.a.r.d", "c-o-n-n-a-r-d",
        "con_nard", "con*nard", "соnnаrd", "cοnnard", "c@nn@rd".replace("@n", "0n"), "ç0ññ4rd", "c.0.n.n.4.r.d",
        "«c0nnard»", "d'c0nnard".removeprefix("d'"), "ｃ０ｎｎａｒｄ",
    ],
)  # fmt: skip
def test_the_hard_key_undoes_disguises(text):
    key = harden(lighten(text))
    assert key is not None
    assert harden_phrase(" connard ") in key.text


@pytest.mark.parametrize(
    "text", ["Il est 14 h 30, le 3 mai.", "U.S.A.", "e.g. this", "rue du 11 novembre", "aa bb 12,50 €", "- a b c -"]
)
def test_what_is_not_disguised_has_no_hard_key(text):
    assert harden(lighten(text)) is None


def test_one_and_l_are_one_letter_of_the_hard_key():
    for disguised in ("sa1ope", "sal0pe", "$alope", "s|alope".replace("s|a", "sa|").replace("|l", "|")):
        key = harden(disguised)
        assert key is not None
        assert harden_phrase(" salope ") in key.text


def test_a_word_of_one_foreign_script_beside_latin_words_is_not_a_disguise():
    assert harden(lighten("the word привет means hello")) is None


@given(MIXED_TEXT)
@settings(max_examples=400, deadline=None)
def test_a_key_and_its_way_back_agree(text):
    mapped = lighten_mapped(text)
    assert mapped.text == lighten(text)
    assert len(mapped.text) == len(mapped.starts) == len(mapped.ends)
    assert all(0 <= start < end <= len(text) for start, end in zip(mapped.starts, mapped.ends, strict=True))
    assert mapped.starts == sorted(mapped.starts)
    soft = soften_mapped(mapped.text)
    assert soft.text == soften(mapped.text)
    assert len(soft.text) == len(soft.starts)
    key = harden(mapped.text)
    if key is not None:
        for word, offset in zip(key.words, key.offsets, strict=True):
            assert key.text[offset : offset + len(word.key)] == word.key
            start, end = key.trace_back((offset, offset + len(word.key)))
            assert 0 <= start < end <= len(mapped.text)


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_keys_of_keys_are_themselves(text):
    soft = soften(lighten(text))
    assert soften(soft) == soft


def traced(text, word):
    """The span of a word of the soft or hard key, as written in the text."""
    keys = TextKeys(text)
    position = keys.soft.find(word)
    if position >= 0:
        start, end = keys.trace_soft((position, position + len(word)))
    else:
        key = harden_phrase(word)
        position = keys.hard.text.index(key)
        start, end = keys.trace_hard((position, position + len(key)))
    return text[start:end]


@pytest.mark.parametrize(
    ("text", "word", "written"),
    [
        ("👨‍👩‍👧 connard 🙂", "connard", "connard"),
        ("مرحبا connard يا", "connard", "connard"),
        ("e\u0301norme\u0301ment be\u0302te !", "bete", "be\u0302te"),
        ("x c̵̢̓o̷n̸nard y", "connard", "c̵̢̓o̷n̸nard"),
        ("oh ❤️ love", "❤", "❤️"),
        ("un 👍🏽 ici", "👍", "👍🏽"),
        ("ﬁls de pute", "fils de pute", "ﬁls de pute"),
        ("œuf cœur", "coeur", "cœur"),
        ("a c0nn4444rd!", "connard", "c0nn4444rd"),
        ("🙂 c . o . n", "c o n", "c . o . n"),
        ("é c-o-n-n-a-r-d é", "connard", "c-o-n-n-a-r-d"),
        ("d'coooonnard, toi", "connard", "coooonnard"),
        ("안녕 c0nnard", "connard", "c0nnard"),
    ],
)
def test_spans_lead_back_to_the_characters_as_written(text, word, written):
    assert traced(text, word) == written


@pytest.mark.parametrize(
    "text",
    ["a" + "\u0301\u0323" * 25_000, "a" * 50_000, "a " * 25_000, "a." * 25_000, "1." * 25_000, "aа" * 25_000,
     "👨‍👩‍👧" * 10_000, "\u1112\u1161\u11ab" * 16_000, "c0nn4rd " * 6_000, "\u0301" * 50_000, "!" * 50_000],
)  # fmt: skip
def test_no_text_takes_more_than_linear_time(text):
    started = time.process_time()
    keys = TextKeys(text)
    if len(keys.soft) > 1:
        keys.trace_soft((0, len(keys.soft)))
    if keys.hard is not None:
        keys.hard.trace_back((1, 2))
    assert time.process_time() - started < 2, "a quadratic step takes minutes"


@given(st.lists(MIXED_TEXT, min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_phrases_folded_together_are_folded_as_they_are_one_by_one(phrases):
    alone = [soften(lighten(phrase)) for phrase in phrases]
    together = soften_lines(phrases)
    assert together.split("\n") == [key.strip() for key in alone]
    assert harden_phrase(together).split("\n") == [harden_phrase(key).strip() for key in alone]


def test_a_phrase_of_two_lines_stays_one_phrase():
    assert soften_lines(["casse\ntoi", "pauvre\r\ncon"]) == "casse toi\npauvre con"
