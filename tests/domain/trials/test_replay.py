"""Building on old answers gives what evaluating everything again gives, whatever changed between the rule sets."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.evaluate import evaluate
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.screening.borrowing import borrow_facts
from veilleur.domain.trials.replay import Ready, Replayer

LEAVES = (
    "hits('a') > 0",
    "hits('b') > 1",
    "pattern('p')",
    "pattern('q')",
    "linked('d')",
    "item.length > params.n",
    "author.account_age_days < params.n",
    "metadata['k'] == 'v'",
    "item.words > 2 && links.count == 0",
    "counter('c') > params.n",
    "counter('w') > 1",
)
REQUIRED = ([], ["author.account_age_days"], ["counter('c')", "item.kind"])
GATHERED = {"counter('c')": 5, "counter('w')": 2, "author.strikes": 1}
WORDS = ("spam", "eggs", "ham", "www.bad.example", "call 0612345678", "ok")


def phrases(entries):
    return {"kind": "phrases", "match": "word", "fold": "soft", "entries": entries}


conditions = st.recursive(
    st.sampled_from(LEAVES),
    lambda part: st.builds(lambda kind, parts: {kind: parts}, st.sampled_from(["all", "any", "none"]),
                           st.lists(part, min_size=1, max_size=3)),
    max_leaves=4,
)  # fmt: skip
thens = st.sampled_from([
    {"verdict": "allow"},
    {"verdict": "restrict", "actions": [], "policies": ["spam"]},
    {"verdict": "remove", "actions": [], "policies": []},
    {"escalate": {"queue": "default"}},
])  # fmt: skip


def make_ready(document):
    rule_set = parse_rule_set(document)
    return Ready(rule_set, compile_rule_set(rule_set))


@st.composite
def documents(draw):
    rules = [
        {
            "id": f"r{number}",
            "title": "R",
            "mode": draw(st.sampled_from(["live", "shadow", "draft"])),
            "severity": draw(st.integers(0, 5)),
            "when": {"all": [draw(conditions)]},
            "requires": draw(st.sampled_from(REQUIRED)),
            "then": draw(thens),
        } | draw(st.sampled_from([{}, {"on_unknown": {"escalate": {"queue": "unscreened"}}}]))
        for number in range(draw(st.integers(1, 4)))
    ]  # fmt: skip
    return {
        "format": "veilleur.rules/v1",
        "name": "r",
        "lists": {
            "a": phrases(draw(st.sampled_from([["spam"], ["eggs"], ["spam", "ham"]]))),
            "b": phrases(["ham"]),
            "d": {"kind": "domains", "entries": draw(st.sampled_from([["bad.example"], ["other.example"]]))},
        },
        "patterns": {"p": draw(st.sampled_from([r"\d{10}", r"\d{4}"])), "q": "ham"},
        "counters": {
            "c": {"key": "author.external_id", "window": draw(st.sampled_from(["10m", "1h"]))},
            "w": {"key": "author.external_id", "window": "1h", "where": "hits('b') > 0"},
        },
        "params": {"n": draw(st.sampled_from([3, 20]))},
        "rules": rules,
    }


@dataclass(frozen=True)
class Context:
    item: dict
    evaluated_at: datetime
    trace: dict
    facts: dict = field(default_factory=dict)


@st.composite
def items(draw):
    item = {"external_id": "x", "text": " ".join(draw(st.lists(st.sampled_from(WORDS), max_size=6)))}
    if draw(st.booleans()):
        item["author"] = {"external_id": "u", "created_at": "2026-11-01T00:00:00Z"}
    if draw(st.booleans()):
        item["metadata"] = {"k": draw(st.sampled_from(["v", "w"]))}
    return item


AT = datetime(2026, 11, 22, tzinfo=UTC)


@settings(max_examples=150, deadline=None)
@given(documents(), documents(), st.lists(items(), min_size=1, max_size=4), st.sampled_from([{}, GATHERED]))
def test_a_replay_answers_as_a_fresh_evaluation_would(before, after, sent, gathered):
    source, target = make_ready(before), make_ready(after)
    replayer = Replayer(target)
    replayer.learn(source)
    for item in sent:
        asked = evaluate(source.compiled, item_facts(item, AT, gathered))
        trace = json.loads(json.dumps(dict(asked.trace)))
        own = borrow_facts(gathered, source.compiled, target.compiled)
        fresh = evaluate(target.compiled, item_facts(item, AT, own))
        assert replayer.answer(Context(item, AT, trace, {"gathered": gathered})) == (fresh.outcome, fresh.decided_by)


@settings(max_examples=50, deadline=None)
@given(documents(), items())
def test_the_trace_of_an_unknown_rule_set_is_not_built_upon(after, item):
    target = make_ready(after)
    fresh = evaluate(target.compiled, item_facts(item, AT))
    foreign = {"v": 1, "digest": "unknown", "at": "2026-11-22T00:00:00Z", "conditions": [1, "1", "0"]}
    for trace in ({}, foreign):
        assert Replayer(target).answer(Context(item, AT, trace)) == (fresh.outcome, fresh.decided_by)


def counting(window):
    return make_ready({
        "format": "veilleur.rules/v1",
        "name": "r",
        "counters": {"c": {"key": "author.external_id", "window": window}},
        "rules": [{"id": "a", "title": "A", "mode": "live", "severity": 1, "when": {"all": ["counter('c') > 3"]},
                   "then": {"verdict": "remove", "policies": ["spam"]},
                   "on_unknown": {"escalate": {"queue": "default"}}}],
    })  # fmt: skip


def test_what_was_counted_under_another_declaration_is_unknown_and_never_another_counters_number():
    item, gathered = {"external_id": "x", "text": "x"}, {"counter('c')": 9}
    source, target = counting("10m"), counting("1h")
    trace = dict(evaluate(source.compiled, item_facts(item, AT, gathered)).trace)
    context = Context(item, AT, trace, {"gathered": gathered})
    same, other = Replayer(source), Replayer(target)
    other.learn(source)
    assert same.answer(context)[0].verdict == "remove"
    assert other.answer(context)[0].queue == "default"
    assert other.evaluate(context).outcome == other.answer(context)[0]


def test_a_rule_at_its_daily_cap_then_is_at_it_in_the_replay():
    ready = counting("10m")
    context = Context({"external_id": "x", "text": "x"}, AT, {}, {"gathered": {}, "exhausted": ["a"]})
    assert Replayer(ready).answer(context)[1] is None


def test_what_did_not_change_is_not_evaluated_again(monkeypatch):
    source = counting("10m")
    milder = json.loads(json.dumps(source.rule_set.document))
    milder["rules"][0]["then"]["verdict"] = "restrict"
    item, gathered = {"external_id": "x", "text": "x"}, {"counter('c')": 9}
    trace = dict(evaluate(source.compiled, item_facts(item, AT, gathered)).trace)
    replayer = Replayer(make_ready(milder))
    replayer.learn(source)
    monkeypatch.setattr("veilleur.domain.trials.replay.read_facts", lambda *_: 1 / 0)
    outcome, rule = replayer.answer(Context(item, AT, trace, {"gathered": gathered}))
    assert (outcome.verdict, rule) == ("restrict", "a")
