"""A rule set is tried on its own tests with the phrases they could contain: with all of them it would say the same."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rules import make_rule, make_rules
from veilleur.domain.rules import check, lists, trimming
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.rules.document import PhraseList
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.rules.lists import ListDocument
from veilleur.domain.rules.signals.phrases import fold_phrase, index_phrases
from veilleur.domain.rules.signals.text import TextKeys
from veilleur.domain.rules.trimming import trim_phrases

LETTERS = "abl1i0o@é .\n-ß漢"
DISGUISE = str.maketrans("aio", "@10")
PHRASES = st.text(LETTERS, min_size=1, max_size=8).filter(lambda one: bool(fold_phrase(one)))
LISTS = st.builds(
    PhraseList,
    name=st.just("bad"),
    match=st.sampled_from(["word", "substring"]),
    fold=st.sampled_from(["soft", "hard"]),
    entries=st.lists(PHRASES, min_size=1, max_size=30).map(tuple),
    exceptions=st.lists(PHRASES, max_size=5).map(tuple),
)
RULES = parse_rule_set(make_rules(make_rule("bad", "item.length > 0")))


@pytest.fixture(autouse=True, scope="module")
def always():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trimming, "SMALL", 0)
        yield


def find(phrases, keys):
    found = index_phrases([phrases]).find_phrases(keys)
    return {name: (found.count(name), found.list_spans(name)) for name in found.names}, found.unknown


@settings(max_examples=300)
@given(LISTS, st.lists(st.text(LETTERS, max_size=40), min_size=1, max_size=3), st.booleans())
def test_nothing_that_a_text_could_contain_is_left_out(phrases, texts, spelled):
    said = phrases.entries[-1] if spelled else phrases.entries[-1].translate(DISGUISE)
    texts = [f"{text} {said} x.{text}" for text in texts]
    keys = [TextKeys(text) for text in texts]
    [trimmed] = trim_phrases(replace(RULES, phrases=(phrases,)), keys).phrases
    for one in keys:
        assert find(trimmed, one) == find(phrases, one)


@pytest.fixture
def compiled(monkeypatch):
    """How many phrases each rule set had that was compiled."""
    sizes, real = [], check.compile_rule_set

    def compile_counted(rule_set, **options):
        sizes.append(sum(len(one.entries) for one in rule_set.phrases))
        return real(rule_set, **options)

    monkeypatch.setattr(check, "compile_rule_set", compile_counted)
    return sizes


def share(*tests):
    rule = make_rule("bad", "hits('bad') > 0", tests=list(tests))
    return make_rules(rule, lists={"bad": {"kind": "shared", "list": "insults"}})


@pytest.mark.parametrize("fires", [True, False])
def test_the_tests_of_a_rule_need_few_phrases_of_a_long_list(compiled, fires):
    shared = {"insults": {"entries": [f"phrase {number}" for number in range(2_000)]}}
    tests = [{"item": {"text": f"Ph\u0301rase {number} !"}, "fires": fires} for number in (7, 1_999)]
    result = check_rule_set(share(*tests), shared=shared)
    assert [error.slug for error in result.errors] == ([] if fires else ["test-failed"] * 2)
    assert compiled[0] < 20


def test_without_tests_nothing_is_compiled(compiled):
    assert check_rule_set(share(), shared={"insults": {"entries": ["x"]}}).errors == ()
    assert compiled == []


def test_a_shared_list_is_read_once_for_all_who_share_it(monkeypatch):
    reads, real = [], lists._read_list
    monkeypatch.setattr(lists, "_read_list", lambda name, place: reads.append(name) or real(name, place))
    shared = {"insults": ListDocument({"entries": ["x"]})}
    test = {"item": {"text": "x"}, "fires": True}
    assert check_rule_set(share(test), shared=shared).errors == ()
    assert check_rule_set(share(test | {"fires": False}), shared=shared).errors != ()
    assert len(reads) == 1
