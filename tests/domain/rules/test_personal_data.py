"""Language, personal data and near-duplicates: what an item's text tells by itself."""

import random

import pytest

from tests.domain.rules.documents import NOW
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.signals.language import detect_language
from veilleur.domain.rules.signals.links import count_shorteners, find_links
from veilleur.domain.rules.signals.pii import REACH, count_emails, count_ibans, count_phones


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("bonjour tout le monde, comment ça va ?", "fr"),
        ("hello my friend, how are you today?", "en"),
        ("Das ist ein sehr schöner Tag, und wir gehen heute spazieren", "und"),
        ("Привет, как дела, друзья мои, сегодня", "und"),
        ("va te faire foutre", "fr"),
        ("", "und"),
        ("😀 123 !!!", "und"),
    ],
)
def test_a_language_is_one_of_the_clients_or_undetermined(text, language):
    assert detect_language(text, ["fr", "en"]) == language


def test_without_languages_of_a_client_none_is_detected():
    assert detect_language("bonjour tout le monde", []) == "und"
    assert detect_language("bonjour tout le monde", ["xx", "é"]) == "und"


def test_what_the_sender_says_goes_before_what_is_detected():
    def languages(**item):
        fields = item_facts({"text": "bonjour tout le monde", **item}, NOW, {"client.languages": ["fr", "en"]}).fields
        return fields["item.lang"], fields["item.lang_detected"]

    assert languages(language="en-GB") == ("en", "fr")
    assert languages() == ("fr", "fr")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("appelle le 06 12 34 56 78 stp", 1), ("06.12.34.56.78 ou +44 20 7946 0958", 2), ("06-12-34-56-78", 1),
        ("０６ １２ ３４ ５６ ７８", 1), ("le 12/05/2026 à 18:30", 0), ("1 234 567,89 €", 0), ("", 0), ("1" * 50, 0),
    ],
)  # fmt: skip
def test_telephone_numbers_are_those_that_can_exist(text, count):
    assert count_phones(text, ["fr"]) == count


def test_a_number_without_a_country_needs_one_to_be_known():
    assert count_phones("06 12 34 56 78", []) == 0
    assert count_phones("+33 6 12 34 56 78", []) == 1


@pytest.mark.parametrize(
    ("text", "count"),
    [("a.b+c@example.co.uk, é@x.fr", 2), ("@someone hi", 0), ("a @ b.fr", 0), ("jean＠example.fr", 1), ("a@b", 0)],
)
def test_addresses_are_counted(text, count):
    assert count_emails(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("FR14 2004 1010 0505 0001 3M02 606", 1), ("fr1420041010050500013m02606 merci", 1), ("DE89370400440532013000.", 1),
        ("FR14 2004 1010 0505 0001 3M02 607", 0), ("XX14 2004 1010 0505 0001 3M02 606", 0), ("FR14 2004", 0),
    ],
)  # fmt: skip
def test_bank_accounts_have_the_right_length_and_checksum(text, count):
    assert count_ibans(text) == count


def test_what_was_not_read_is_unknown_not_nothing():
    long = "x " * REACH
    assert count_phones(long, ["fr"]) is None
    assert count_ibans(long) is None
    assert count_emails(long) == 0, "there is no @ anywhere"
    assert count_emails(long + "a@b.fr") is None
    assert count_phones("06 12 34 56 78 " + long, ["fr"]) == 1
    assert "pii.phones" not in item_facts({"text": long}, NOW).fields


def test_services_that_hide_where_a_link_leads_are_counted():
    assert count_shorteners(find_links("bit.ly/x https://www.tinyurl.com/y example.com/bit.ly")) == 2


def keys(text):
    fields = item_facts({"text": text}, NOW).fields
    return fields.get("item.near_dup"), fields.get("item.near_dup_fuzzy")


def test_copies_share_a_key_whatever_their_case_accents_and_signs():
    first, _ = keys("Gagnez 500 € PAR JOUR !!! 👉")
    assert first == keys("gagnez 800€ par jóur")[0]
    assert first != keys("gagnez 500 € par mois")[0]
    assert len(first) == 16
    assert keys("123 !!!") == (None, None)


def test_texts_much_alike_share_a_fuzzy_key_and_others_do_not():
    chance = random.Random(3)
    words = [
        "venez",
        "gagner",
        "de",
        "argent",
        "facile",
        "sur",
        "mon",
        "site",
        "tous",
        "les",
        "jours",
        "avec",
        "moi",
        "promis",
        "chaque",
        "semaine",
        "sans",
        "effort",
    ]
    shared = apart = 0
    for _ in range(60):
        text = [chance.choice(words) for _ in range(30)]
        near = [*text[:15], "vraiment", *text[16:]]
        shared += bool(set(keys(" ".join(text))[1]) & set(keys(" ".join(near))[1]))
        other = "".join(chance.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(150))
        apart += not set(keys(" ".join(text))[1]) & set(keys(other)[1])
    assert shared >= 57
    assert apart == 60
    assert len(keys("a" * 25)[1]) == 16
    assert keys("a" * 24)[1] is None
