from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.rules.documents import NOW
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.schema import FIELDS, fits_type

ITEM = {
    "external_id": "c_1", "revision": 1, "kind": "comment", "text": "BONJOUR à tous https://a.example.fr/x", "language": "fr-CA",
    "author": {"external_id": "u_12", "display_name": "Jean", "created_at": "2026-11-01T00:00:00Z", "trust": "new"},
    "context": {"channel": "general", "thread_id": "t_9", "title": "Titre",
                "parent": {"external_id": "c_0", "text": "avant", "author": {"external_id": "u_3"}}},
    "media": [{"url": "https://x", "type": "image"}],
    "metadata": {"votes": 3, "share": 0.5, "pinned": True, "tag": "a", "none": None},
}  # fmt: skip


def fields(**item):
    return item_facts(item, NOW).fields


def test_the_facts_of_a_whole_item():
    known = item_facts(ITEM, NOW).fields
    assert dict(known) == {
        "item.kind": "comment", "item.lang": "fr", "item.text": ITEM["text"], "item.length": 37, "item.letters": 28,
        "item.words": 8, "item.upper_ratio": 0.25, "item.media_count": 1, "item.lang_detected": "und",
        "item.near_dup": known["item.near_dup"], "item.near_dup_fuzzy": known["item.near_dup_fuzzy"],
        "author.external_id": "u_12", "author.id": "u_12", "author.name": "Jean", "author.trust": "new", "author.has_created_at": True,
        "author.account_age_days": 21,
        "pii.phones": 0, "pii.emails": 0, "pii.ibans": 0,
        "links.count": 1, "links.shorteners": 0, "links.hosts": ["a.example.fr"], "links.domains": ["example.fr"],
        "context.channel": "general", "context.thread_id": "t_9", "context.title": "Titre", "context.is_reply": True,
        "context.parent_text": "avant", "context.parent_author": "u_3",
        "metadata": {"votes": "3", "share": "0.5", "pinned": "true", "tag": "a"},
    }  # fmt: skip


def test_what_was_not_sent_is_absent_not_zero():
    known = fields(external_id="c_1", text="hi")
    assert "author.account_age_days" not in known
    assert "author.trust" not in known
    assert "context.channel" not in known
    assert known["author.has_created_at"] is False
    assert known["item.lang"] == "und"


@pytest.mark.parametrize(
    ("sent", "days"),
    [
        ("2026-11-22T09:59:59Z", 0),
        ("2026-11-21T10:00:01Z", 0),
        ("2026-11-21T10:00:00Z", 1),
        ("2026-11-21T12:00:00+02:00", 1),
        (datetime(2026, 11, 15, 10, tzinfo=UTC), 7),
        ("2027-01-01T00:00:00Z", 0),
        ("2026-11-01T00:00:00", None),
        ("yesterday", None),
        (7, None),
    ],
)
def test_the_age_of_an_account_is_in_whole_days_at_receipt(sent, days):
    assert fields(text="x", author={"created_at": sent}).get("author.account_age_days") == days


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("fr", "fr"),
        ("FR-ca", "fr"),
        ("en_US", "en"),
        ("gsw", "gsw"),
        ("x", "und"),
        (None, "und"),
        (3, "und"),
        ("français", "und"),
    ],
)
def test_the_language_is_the_primary_subtag(tag, language):
    assert fields(text="x", language=tag)["item.lang"] == language


@pytest.mark.parametrize(
    ("text", "ratio"), [("", 0.0), ("123 !", 0.0), ("AbCd", 0.5), ("ÉTÉ", 1.0), ("مرحبا", 0.0), ("ПРИВЕТ мир", 0.6667)]
)
def test_the_share_of_capitals_is_among_letters_with_case(text, ratio):
    assert fields(text=text)["item.upper_ratio"] == ratio


def test_half_surrogate_pairs_keep_their_place():
    assert item_facts({"text": "a\ud800b"}, NOW).text == "a\ufffdb"


def test_metadata_beyond_fifty_keys_is_left_out():
    assert len(fields(text="x", metadata={str(number): number for number in range(80)})["metadata"]) == 50


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=6), parts, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["text", "language", "kind", "author", "context", "media", "metadata"], JSON)
    )
)
@settings(max_examples=150, deadline=timedelta(seconds=1))
def test_whatever_is_sent_the_facts_have_their_types(item):
    for name, value in item_facts(item, NOW).fields.items():
        assert fits_type(value, FIELDS[name]), name
