"""What is gathered about an item: counters, the author's history, providers. Absent is unknown, never 0."""

from pathlib import Path

import pytest

from tests.domain.rules.documents import CATALOGUE, ESCALATE, HIDE, NOW, compiled, document, errors, rule
from veilleur.domain.rules.catalogue_view import ActionSpec, Catalogue
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.counting import list_marks
from veilleur.domain.rules.evaluate import evaluate, replay_outcome
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.outcome import Decide, Escalate
from veilleur.domain.rules.schema import name_provider_field

COUNTERS = {
    "posts_10m": {"key": "author.id", "window": "10m"},
    "copies_1h": {"key": "item.near_dup", "window": "1h", "buckets": 12, "distinct": "author.id"},
    "links_1d": {"key": ["source.id", "links.domains"], "window": "1d", "where": "links.count > 0"},
}
TOXIC = {"when": "provider.toxicity >= 0.9", "then": HIDE}


def judge(source, gathered=(), exhausted=(), now=NOW, **item):
    facts = item_facts({"external_id": "x", "text": "hello", **item}, now, dict(gathered))
    return evaluate(compiled(source), facts, frozenset(exhausted))


def test_a_document_of_the_whole_format_passes_and_runs():
    catalogue = Catalogue(
        policies=frozenset({"insult", "spam", "toxicity"}),
        actions={"hide": ActionSpec("restrict", frozenset({"item"}))},
        queues=frozenset({"spam-waves", "fr-N1"}),
        languages=("fr",),
    )
    source = (Path(__file__).parent / "whole_format.yaml").read_text(encoding="utf-8")
    checked = check_rule_set(source, catalogue)
    assert [(error.path, str(error.message)) for error in checked.errors] == []
    run = compile_rule_set(checked.rule_set)
    assert [counter.name for counter in run.needs.counters] == ["texte_1h"], "posts_10m is read by no rule"
    assert run.needs.author_history
    assert run.needs.providers == {"provider.toxicity"}
    assert {"item.near_dup", "author.id", "author.prior_approved", "provider.toxicity"} <= run.needs.fields
    unasked = evaluate(run, item_facts({"text": "bonjour à tous", "language": "fr"}, NOW))
    assert unasked.open_providers == {"provider.toxicity"}
    assert isinstance(unasked.outcome, Escalate), "on_unknown"
    decided = evaluate(run, item_facts({"text": "t'es qu'un c0nn4rd", "language": "fr"}, NOW))
    assert (decided.decided_by, decided.open_providers) == ("insulte-directe", frozenset())


def test_a_counter_that_was_not_gathered_is_unknown_and_zero_is_a_value():
    source = document(rule("counter('posts_10m') > 5", on_unknown=ESCALATE), counters=COUNTERS)
    assert judge(source).decided_by == "r"
    assert judge(source).matched[0].unknown
    assert judge(source, {"counter('posts_10m')": 0}).decided_by is None
    over = judge(source, {"counter('posts_10m')": 6})
    assert isinstance(over.outcome, Decide)
    assert over.signals == {"counter('posts_10m')": 6}


def test_an_unknown_counter_leaves_what_does_not_depend_on_it_known():
    condition = "counter('posts_10m') > 5 || counter('copies_1h') >= 3"
    source = document(rule(condition), counters=COUNTERS)
    assert judge(source, {"counter('copies_1h')": 3}).decided_by == "r"
    assert judge(source, {"counter('copies_1h')": 2}).decided_by is None


def test_only_values_of_the_right_type_are_believed():
    source = document(rule("author.strikes > 2 || provider.spam > 0.5"))
    assert judge(source, {"author.strikes": 3}).decided_by == "r"
    assert judge(source, {"author.strikes": "3", "provider.spam": None}).decided_by is None
    assert judge(source, {"provider.spam": 1}).decided_by == "r", "JSON does not tell 1 from 1.0"


def test_what_an_item_adds_to_the_counters():
    source = document(rule({"any": [f"counter('{name}') > 5" for name in COUNTERS]}), counters=COUNTERS)
    run = compiled(source)
    item = {"text": "Gagnez ! a.example/x b.example/y", "author": {"external_id": "u1"}}
    facts = item_facts(item, NOW, {"source.id": "src_1"})
    posts, copies, links = list_marks(run, facts)
    assert (posts.keys, posts.member, posts.counts) == (("u1",), None, True)
    assert (copies.keys, copies.member) == ((facts.fields["item.near_dup"],), "u1")
    assert links.keys == ("src_1\x1fa.example", "src_1\x1fb.example")
    assert (posts.counter.window_s, copies.counter.buckets, links.counter.window_s) == (600, 12, 86_400)
    without = list_marks(run, item_facts({"text": "hello"}, NOW, {"source.id": "src_1"}))
    assert [(mark.counter.name, mark.counts) for mark in without] == [("copies_1h", None)]


def test_a_filter_decides_what_counts():
    counters = {"c": {"key": "item.kind", "window": "1h", "where": "hits('bad') > 0 && author.account_age_days < 7"}}
    run = compiled(document(rule("counter('c') > 1"), counters=counters, lists={"bad": {"entries": ["spam"]}}))
    new = {"author": {"created_at": NOW.isoformat()}}
    for item, counts in (
        ({"text": "spam", **new}, True),
        ({"text": "ham", **new}, False),
        ({"text": "ham"}, False),
        ({"text": "spam"}, None),
    ):
        (mark,) = list_marks(run, item_facts({"kind": "comment", **item}, NOW))
        assert mark.counts is counts, item


def test_a_counter_declared_otherwise_is_another():
    def identity(**declared):
        counters = {"c": {"key": "author.id", "window": "1h"} | declared}
        return compiled(document(rule("counter('c') > 1"), counters=counters)).counters[0].identity

    assert identity() == identity()
    others = {identity(), identity(window="2h"), identity(key="item.kind"), identity(buckets=5)}
    assert len(others | {identity(distinct="item.kind"), identity(where="links.count > 0")}) == 6


@pytest.mark.parametrize(
    ("counter", "expected"),
    [
        ({}, [("", "missing", "key is missing", None), ("", "missing", "window is missing", None)]),
        ({"key": "author.idd", "window": "1h"}, [(".key", "unknown-name", "author.idd is not a known name", "did you mean author.id?")]),
        ({"key": "author.strikes", "window": "1h"}, [(".key", "type", "author.strikes can't be counted by", None)]),
        ({"key": ["links.hosts", "links.domains"], "window": "1h"},
         [(".key", "type", "only one of these may be a list: links.hosts, links.domains", None)]),
        ({"key": [], "window": "1h"}, [(".key", "empty", "must not be empty", None)]),
        ({"key": "author.id", "window": "31d"}, [(".window", "range", "must be a time from 10s to 30d", "write it like 10m, 1h, 7d")]),
        ({"key": "author.id", "window": 600}, [(".window", "type", "must be text", None)]),
        ({"key": "author.id", "window": "1h", "buckets": 61}, [(".buckets", "range", "must be a whole number from 1 to 60", None)]),
        ({"key": "author.id", "window": "1h", "distinct": "provider.spam"}, [(".distinct", "type", "provider.spam can't be counted by", None)]),
        ({"key": "author.id", "window": "1h", "where": "counter('c') > 1 && provider.spam > 0.5"},
         [(".where", "counter", "what a counter counts can't depend on provider.spam, counter('c')", None)]),
        ({"key": "author.id", "window": "1h", "where": "links.count"}, [(".where", "type", "must be true or false, and is int", "compare it with something")]),
        ({"key": "author.id", "window": "1h", "field": 1}, [(".field", "unknown-field", "field is not a field here", "known here: buckets, distinct, key, where, window")]),
    ],
)  # fmt: skip
def test_mistakes_in_a_counter_are_told(counter, expected):
    found = errors(document(rule("links.count > 0"), counters={"c": counter}))
    assert [
        (path.removeprefix("counters.c"), slug, message, hint) for path, _, _, slug, message, hint in found
    ] == expected


def test_a_provider_is_asked_only_where_it_could_change_the_outcome():
    weak, strong = (
        rule("links.count > 0", ESCALATE, "weak", severity=20),
        rule("links.count > 0", id="strong", severity=60),
    )
    toxic = rule(**TOXIC, id="tox", severity=40)
    link = "see a.example"
    assert judge(document(toxic)).open_providers == {"provider.toxicity"}
    assert judge(document(toxic), {"provider.toxicity": 0.1}).open_providers == frozenset()
    assert judge(document(weak, toxic), text=link).open_providers == {"provider.toxicity"}
    assert judge(document(strong, toxic), text=link).open_providers == frozenset()
    assert judge(document(strong, toxic), text="no link").open_providers == {"provider.toxicity"}
    assert judge(document(toxic, rule("links.count > 0", id="equal", severity=40)), text=link).open_providers
    assert not judge(document(rule("links.count > 0", id="equal", severity=40), toxic), text=link).open_providers
    both = rule({"all": ["links.count > 0", "provider.openai.hate > 0.5"]}, id="both")
    assert judge(document(both), text="no link").open_providers == frozenset()
    assert judge(document(both), text=link).open_providers == {"provider.openai.hate"}
    assert judge(document(toxic | {"mode": "shadow"})).open_providers == frozenset()
    assert judge(document(toxic), exhausted=["tox"]).open_providers == frozenset()


def test_a_rule_that_acts_on_not_knowing_does_not_keep_its_own_provider_from_being_asked():
    source = document(rule(**TOXIC, severity=90, on_unknown=ESCALATE))
    first = judge(source)
    assert (first.decided_by, first.open_providers) == ("r", {"provider.toxicity"})
    assert judge(source, {"provider.toxicity": 0.0}).decided_by is None


def test_a_rule_is_unknown_without_what_it_requires():
    source = document(
        rule("links.count > 0", requires=["provider.toxicity", "counter('posts_10m')"], on_unknown=ESCALATE),
        counters=COUNTERS,
    )
    both = {"provider.toxicity": 0.0, "counter('posts_10m')": 0}
    link = "see a.example"
    assert judge(source, both, text=link).matched[0].unknown is False
    assert judge(source, both.items() - {("provider.toxicity", 0.0)}, text=link).matched[0].unknown
    assert judge(source, both.items() - {("counter('posts_10m')", 0)}, text=link).matched[0].unknown
    assert judge(source, text="no link").matched == (), "false is false, whatever else is not known"
    run = compiled(source)
    trace = evaluate(run, item_facts({"text": link}, NOW)).trace
    assert replay_outcome(run, trace)[1] == "r"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("author.strike", "did you mean author.strikes?"),
        ("counter('nope')", "did you mean counter('copies_1h')?"),
        ("item.text.size()", None),
    ],
)
def test_what_a_rule_requires_must_exist(name, hint):
    source = document(rule("counter('copies_1h') > 1", requires=[name]), counters={"copies_1h": COUNTERS["copies_1h"]})
    ((path, _, _, slug, _, hinted),) = errors(source)
    assert (path, slug) == ("rules[r].requires[0]", "unknown-name")
    assert hint is None or hinted == hint


def test_a_rule_over_its_cap_or_past_its_time_is_shown_and_does_not_act():
    source = document(
        rule("true", id="capped", severity=60, daily_cap=5),
        rule("true", id="expired", severity=50, expires_at=NOW.isoformat()),
        rule("true", ESCALATE, id="next", severity=40, expires_at="2027-01-01T00:00:00Z"),
    )
    run = compiled(source)
    evaluation = evaluate(run, item_facts({"text": "x"}, NOW), frozenset({"capped"}))
    assert [(match.rule, match.stopped, match.acts) for match in evaluation.matched] == [
        ("capped", "capped", False), ("expired", "expired", False), ("next", None, True),
    ]  # fmt: skip
    assert evaluation.decided_by == "next"
    assert evaluation.trace["stopped"] == {"capped": "capped", "expired": "expired"}
    assert replay_outcome(run, evaluation.trace) == (evaluation.outcome, "next")
    assert evaluate(run, item_facts({"text": "x"}, NOW)).decided_by == "capped"


def test_a_rule_may_be_tested_with_what_would_be_gathered():
    tests = [
        {
            "counters": {"posts_10m": 6},
            "provider": {"spam": 1, "openai": {"hate": 0.9}},
            "author": {"strikes": 3},
            "fires": True,
        },
        {"counters": {"posts_10m": 6}, "provider": {"spam": 1}, "author": {"strikes": 3}, "fires": False},
    ]
    when = {
        "all": ["counter('posts_10m') > 5", "provider.spam > 0.5", "provider.openai.hate > 0.5", "author.strikes > 2"]
    }
    assert errors(document(rule(when, tests=tests), counters=COUNTERS), CATALOGUE) == []
    wrong = [{"counters": {"posts_10m": "6"}, "provider": {"spm": 1, "spam": True}, "fires": True}]
    found = errors(document(rule(when, tests=wrong), counters=COUNTERS))
    assert [(path, slug, hint) for path, _, _, slug, _, hint in found] == [
        ("rules[r].tests[0].counters.posts_10m", "type", None),
        ("rules[r].tests[0].provider.spm", "unknown-field", "did you mean spam?"),
        ("rules[r].tests[0].provider.spam", "type", None),
    ]  # fmt: skip


def test_a_providers_own_categories_have_names():
    assert name_provider_field("openai", "harassment/threatening") == "provider.openai.harassment_threatening"
    assert name_provider_field("My-Guard", "self-harm") == "provider.my_guard.self_harm"
    source = document(rule("provider.openia.hate > 0.5"))
    catalogue = Catalogue(frozenset({"insult"}), CATALOGUE.actions, frozenset(), providers=frozenset({"openai"}))
    assert [(slug, message, hint) for *_, slug, message, hint in errors(source, catalogue)] == [
        ("not-in-catalogue", "openia is not a provider of this client", "did you mean openai?")
    ]
    assert errors(source, CATALOGUE) == []
