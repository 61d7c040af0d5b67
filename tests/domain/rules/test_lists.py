"""Lists of hashes, and lists of the agency that rule sets share."""

import pytest

from tests.domain.rules.documents import ESCALATE, NOW, document, errors, rule
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.evaluate import evaluate
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.rules.lists import check_list, digest_list, list_shared_codes

PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
SHA = "a" * 64


def flip(hexadecimal, bits):
    return f"{int(hexadecimal, 16) ^ ((1 << bits) - 1):064x}"


def known_images(**parts):
    return document(rule("media('m')", on_unknown=ESCALATE), lists={"m": {"kind": "hashes", **parts}})


def match(source, *media, **gathered):
    run = compile_rule_set(parse_rule_set(source))
    evaluation = evaluate(run, item_facts({"media": list(media)}, NOW, gathered.get("gathered", {})))
    return next(({True: None, False: True}[match.unknown] for match in evaluation.matched), False)


def test_images_are_compared_with_known_ones():
    source = known_images(entries=[PDQ])
    assert match(source, {"pdq": PDQ.upper()}) is True
    assert match(source, {"pdq": flip(PDQ, 31)}) is True
    assert match(source, {"pdq": flip(PDQ, 32)}) is False
    assert match(source, {"pdq": flip(PDQ, 200)}, {"pdq": PDQ}) is True
    assert match(source) is False, "no media, nothing known"
    strict = known_images(entries=[PDQ], max_distance=0)
    assert match(strict, {"pdq": flip(PDQ, 1)}) is False


def test_media_without_a_hash_may_be_anything():
    source = known_images(entries=[PDQ])
    assert match(source, {"url": "https://x"}) is None
    assert match(source, {"pdq": "nonsense"}) is None
    assert match(source, {"pdq": flip(PDQ, 200)}, {"url": "https://x"}) is None
    assert match(source, {"url": "https://x", "type": "video"}) is False, "a video has no PDQ hash"
    assert match(source, {"url": "https://x"}, gathered={"media('m')": True}) is True
    assert match(source, {"url": "https://x"}, gathered={"media('m')": False}) is False


def test_files_are_compared_whole():
    source = known_images(hash="sha256", entries=[SHA.upper()])
    assert match(source, {"sha256": SHA, "type": "video"}) is True
    assert match(source, {"sha256": flip(SHA, 1)}) is False
    assert match(source, {"pdq": PDQ}) is None


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"entries": ["xyz", PDQ, PDQ[:-1]]}, [("entries[0]", "hash"), ("entries[2]", "hash")]),
        ({"entries": [], "max_distance": 65}, [("max_distance", "range")]),
        ({"entries": [], "hash": "sha256", "max_distance": 1}, [("max_distance", "unknown-field")]),
        ({"entries": [], "fold": "hard"}, [("fold", "unknown-field")]),
        ({"entries": [], "hash": "md5"}, [("hash", "choice")]),
        ({"entries": [PDQ] * 20_001}, [("entries", "too-many")]),
    ],
)
def test_mistakes_in_a_list_of_hashes_are_told(parts, expected):
    found = errors(known_images(**parts))
    assert [(path.removeprefix("lists.m."), slug) for path, _, _, slug, *_ in found] == expected


SHARED = {
    "insults": {"kind": "phrases", "fold": "hard", "entries": ["connard"], "except": ["connard de la torche"]},
    "banned": {"kind": "domains", "entries": ["t.me"]},
    "images": {"kind": "hashes", "entries": [PDQ]},
}
SHARING = document(
    rule({"any": ["hits('a') > 0", "linked('b')", "media('c')", "hits('own') > 0"]}),
    lists={
        "a": {"kind": "shared", "list": "insults"},
        "b": {"kind": "shared", "list": "banned"},
        "c": {"kind": "shared", "list": "images"},
        "own": {"entries": ["idiot"]},
    },
)


def test_a_list_of_the_agency_is_as_good_as_an_own_one():
    assert check_rule_set(SHARING, shared=SHARED).errors == ()
    run = compile_rule_set(parse_rule_set(SHARING, SHARED))
    for item, fires in (
        ({"text": "c0nnard"}, True),
        ({"text": "connard de la torche"}, False),
        ({"text": "t.me/x"}, True),
        ({"media": [{"pdq": PDQ}]}, True),
        ({"text": "idiot"}, True),
        ({"text": "bonjour"}, False),
    ):
        assert bool(evaluate(run, item_facts(item, NOW)).matched) is fires, item


def test_a_compiled_rule_set_is_another_when_a_list_it_shares_is():
    run = compile_rule_set(parse_rule_set(SHARING, SHARED))
    same = compile_rule_set(parse_rule_set(SHARING, SHARED | {"unused": {"entries": []}}))
    other = compile_rule_set(parse_rule_set(SHARING, SHARED | {"banned": {"kind": "domains", "entries": ["t.co"]}}))
    assert run.digest == same.digest
    assert run.digest != other.digest
    checked = check_rule_set(SHARING, shared=SHARED)
    assert checked.rule_set.shared["banned"] == digest_list(SHARED["banned"])
    own = check_rule_set(document(rule("true")))
    assert compile_rule_set(own.rule_set).digest == own.digest


def test_the_lists_a_document_refers_to_can_be_told_before_it_is_read():
    assert list_shared_codes(SHARING) == {"insults", "banned", "images"}
    assert list_shared_codes([]) == list_shared_codes({"lists": 3}) == list_shared_codes({"lists": {"a": []}}) == set()


@pytest.mark.parametrize(
    ("code", "slug", "message", "hint"),
    [
        ("insalts", "unknown-list", "insalts is not a list of this agency", "did you mean insults?"),
        ("zzz", "unknown-list", "zzz is not a list of this agency", "known here: broken, insults, itself"),
        (
            "itself",
            "shared-list",
            "the agency's list itself has mistakes: a shared list holds entries, it can't refer to another",
            None,
        ),
        ("broken", "shared-list", "the agency's list broken has mistakes: must be text", None),
    ],
)
def test_lists_that_are_missing_broken_or_circular_are_told_where_they_are_named(code, slug, message, hint):
    shared = {
        "insults": SHARED["insults"],
        "itself": {"kind": "shared", "list": "itself", "entries": []},
        "broken": {"entries": [3]},
    }
    source = document(rule("links.count > 0"), lists={"a": {"kind": "shared", "list": code}})
    ((path, _, _, *told),) = errors_with(source, shared)
    assert path == "lists.a.list"
    assert told == [slug, message, hint]


def errors_with(source, shared):
    return [
        (error.path, error.line, error.column, error.slug, str(error.message), str(error.hint) if error.hint else None)
        for error in check_rule_set(source, shared=shared).errors
    ]


def test_a_list_can_be_checked_by_itself():
    assert check_list(SHARED["insults"]) == []
    found = check_list({"kind": "domains", "entries": ["t.me", "no domain"], "fold": "hard"})
    assert [mistake.path for mistake in found] == [("fold",), ("entries", 1)]
    assert [mistake.slug for mistake in check_list([])] == ["type"]
    assert [mistake.slug for mistake in check_list({"kind": "shared", "list": "a", "entries": []})] != []
    assert check_list({"entries": ["x"] * 100_001})[0].slug == "too-many"
