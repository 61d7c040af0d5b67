"""Phrases, patterns and links: what is found, and where."""

import time

import pytest

from tests.domain.rules.documents import HIDE, document, evaluate_text, found, rule
from veilleur.domain.rules.document import DomainList
from veilleur.domain.rules.signals.links import MAX_LINKS, collect_domains, find_links, find_listed
from veilleur.domain.rules.signals.patterns import PatternError, compile_pattern, index_patterns
from veilleur.domain.rules.signals.text import TextKeys


def phrases(*entries, **options):
    return document(rule("hits('l') > 0", HIDE), lists={"l": {"entries": list(entries), **options}})


def hits(source, text):
    return evaluate_text(source, text).signals.get("hits('l')", 0)


@pytest.mark.parametrize(
    ("entries", "options", "text", "expected"),
    [
        (["con"], {}, "un con, con !", ["con", "con"]),
        (["con"], {}, "concombre, flacon", []),
        (["con"], {"match": "substring"}, "concombre, flacon", ["con", "con"]),
        (["傻瓜"], {"match": "substring"}, "你这个傻瓜啊", ["傻瓜"]),
        (["Pauvre  CON"], {}, "pauvre-con", ["pauvre-con"]),
        (["été"], {}, "un ETE, un e\u0301te\u0301", ["ETE", "e\u0301te\u0301"]),
        (["con", "pauvre con", "con fini"], {}, "pauvre con fini", ["pauvre con fini"]),
        (["c", "con"], {"fold": "hard"}, "un c0n", ["c0n"]),
        (["con"], {}, "un c0n", []),
        (["🍆"], {}, "hum 🍆🍆", ["🍆", "🍆"]),
        (["мой"], {}, "МОЙ дом, мои дома", ["МОЙ"]),
        (["مرحبا"], {}, "قال مرحبا لك", ["مرحبا"]),
        (["connard"], {"except": ["connard de la torche"]}, "connard de la torche", []),
        (["connard"], {"except": ["connard de la torche"]}, "connard de la torche, connard", ["connard"]),
        (["connard"], {"fold": "hard", "except": ["connard de la torche"]}, "c0nnard de la torche", []),
    ],
)
def test_phrases_are_found_as_written_in_the_text(entries, options, text, expected):
    assert found(phrases(*entries, **options), text) == expected


def test_a_hit_of_the_hard_key_must_cover_a_disguise():
    source = phrases("conne", "bitte", fold="hard")
    assert found(source, "le cône et la cone 3D") == [], "spelled right, `cone` is not `conne`"
    assert found(source, "une c0nne") == ["c0nne"]


def test_lists_are_kept_apart():
    source = document(
        rule("hits('a') > 0 && hits('b') == 0", HIDE),
        lists={"a": {"entries": ["x y"]}, "b": {"entries": ["y z"], "except": ["x y z"]}},
    )
    assert found(source, "x y") == ["x y"]
    assert found(source, "x y z") == ["x y"]
    assert found(source, "x y y z") == []


def test_hits_count_places_not_phrases():
    assert hits(phrases("con", "pauvre con"), "pauvre con") == 1
    assert hits(phrases("con", fold="hard"), "con c0n con") == 3


def test_long_texts_are_searched_whole():
    text = "mot " * 5_000 + "un connard ici " + "mot " * 2_000
    assert found(phrases("connard"), text) == ["connard"]
    assert found(phrases("mot un connard ici mot"), text) == ["mot un connard ici mot"]


def test_nested_phrases_can_not_fill_the_memory():
    source = phrases(*("a" * length for length in range(1, 200)), match="substring")
    started = time.process_time()
    evaluation = evaluate_text(source, "a" * 50_000)
    assert evaluation.matched
    assert time.process_time() - started < 2


def patterns(pattern):
    return document(rule("pattern('p')", HIDE), patterns={"p": pattern})


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"\d{3}", "é 123 🙂 4567", ["123", "456"]),
        (r"\bete\b", "un été, c'est bien", ["été"]),
        (r"(?i)\bcom\b", "Site.ｃｏｍ", ["ｃｏｍ"]),
        (r"[A-Z]{4,}", "CRIER fort", ["CRIER"]),
        (r"[a-z]{4,}", "CRIER", []),
        (r"^spam", "not spam", []),
        (r"a*", "bbb", []),
        (r"free.{0,5}money", "f\u200bree  money", ["f\u200bree  money"]),
    ],
)
def test_patterns_are_found_as_written_in_the_text(pattern, text, expected):
    assert found(patterns(pattern), text) == expected


def test_re2_refuses_what_would_not_be_linear():
    for pattern in (r"(a)\1", "(?=a)", "(", "a{2000}", "\ud800"):
        with pytest.raises(PatternError):
            compile_pattern(pattern)


def test_catastrophic_patterns_stay_linear():
    source = patterns("^(a+)+$")
    started = time.process_time()
    assert found(source, "a" * 50_000 + "!") == []
    assert time.process_time() - started < 2


def test_a_pattern_not_found_in_a_text_too_long_to_read_whole_is_unknown():
    heavy = {f"p{number}": f"{number}[ab]{{0,900}}c" for number in range(15)}
    together = index_patterns(heavy)
    assert together.reach < 10_000
    short = together.find_patterns(TextKeys("0abc"))
    assert (sorted(short.names), short.unknown) == (["p0"], frozenset())
    cut = together.find_patterns(TextKeys("0abc" + "z" * 20_000))
    assert sorted(cut.names) == ["p0"]
    assert cut.unknown == set(heavy) - {"p0"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://www.Example.co.uk/a?b=c.",
            [("www.example.co.uk", "example.co.uk", "https://www.Example.co.uk/a?b=c")],
        ),
        ("voir exemple.fr, merci", [("exemple.fr", "exemple.fr", "exemple.fr")]),
        ("(t.me/canal)", [("t.me", "t.me", "t.me/canal")]),
        ("http://127.0.0.1:8080/x", [("127.0.0.1", "127.0.0.1", "http://127.0.0.1:8080/x")]),
        ("FreePsnCodes.ｃｏｍ 🙂", [("freepsncodes.com", "freepsncodes.com", "FreePsnCodes.ｃｏｍ")]),
        (
            "site(.)com et site [dot] com",
            [("site.com", "site.com", "site(.)com"), ("site.com", "site.com", "site [dot] com")],
        ),
        (
            "https://promo.gagnez.example/x",
            [("promo.gagnez.example", "gagnez.example", "https://promo.gagnez.example/x")],
        ),
        ("jean@example.com", []),
        ("c'est la fin.La suite demain.je reviens", []),
        ("version 1.2.3, 10.05.2024, etc.", []),
        ("fichier.txt", []),
        ("a.b.c", []),
    ],
)
def test_links_are_found_with_host_domain_and_place(text, expected):
    assert [(link.host, link.domain, text[slice(*link.span)]) for link in find_links(text)] == expected


def test_a_domain_list_covers_what_is_below_it_and_nothing_beside_it():
    domains = collect_domains(DomainList("d", ("Example.com.", "t.me")))
    text = "https://a.b.example.com/x https://notexample.com t.me/x https://example.com.evil.org"
    assert [text[slice(*span)] for span in find_listed(find_links(text), domains)] == [
        "https://a.b.example.com/x",
        "t.me/x",
    ]


@pytest.mark.parametrize(
    "text",
    ["a." * 25_000, "1." * 25_000, "www." * 12_000, "https://" * 6_000, "a(.)" * 12_000, "a-" * 25_000, "a@" * 25_000],
)
def test_no_text_makes_links_slow(text):
    started = time.process_time()
    assert len(find_links(text)) <= MAX_LINKS
    assert time.process_time() - started < 1


def test_linked_rules_point_at_the_link():
    source = document(rule("linked('d')", HIDE), lists={"d": {"kind": "domains", "entries": ["t.me"]}})
    assert found(source, "👋 rejoins https://t.me/x !") == ["https://t.me/x"]
