"""Building on old answers gives what evaluating everything again gives, whatever changed between the rule sets."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.evaluate import evaluate
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.trials.replay import Replayer, read_facts
from veilleur.domain.trials.shelf import make_ready

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
)
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


@st.composite
def documents(draw):
    rules = [
        {
            "id": f"r{number}",
            "title": "R",
            "mode": draw(st.sampled_from(["live", "shadow", "draft"])),
            "severity": draw(st.integers(0, 5)),
            "when": {"all": [draw(conditions)]},
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
        "params": {"n": draw(st.sampled_from([3, 20]))},
        "rules": rules,
    }


@dataclass(frozen=True)
class Context:
    item: dict
    evaluated_at: datetime
    trace: dict
    gathered: dict = field(default_factory=dict)


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
@given(documents(), documents(), st.lists(items(), min_size=1, max_size=4))
def test_a_replay_answers_as_a_fresh_evaluation_would(before, after, sent):
    source, target = make_ready(before), make_ready(after)
    knowing, ignorant = Replayer(target), Replayer(target)
    knowing.learn(source)
    for item in sent:
        bare = Context(item, AT, {})
        trace = json.loads(json.dumps(dict(evaluate(source.compiled, read_facts(bare)).trace)))
        context = Context(item, AT, trace)
        fresh = evaluate(target.compiled, read_facts(bare))
        assert knowing.answer(context) == (fresh.outcome, fresh.decided_by)
        assert ignorant.answer(context) == (fresh.outcome, fresh.decided_by)


def test_what_did_not_change_is_not_evaluated_again(monkeypatch):
    document = {
        "format": "veilleur.rules/v1",
        "name": "r",
        "lists": {"a": phrases(["spam"])},
        "rules": [{"id": "a", "title": "A", "mode": "live", "severity": 1, "when": {"all": ["hits('a') > 0"]},
                   "then": {"verdict": "remove", "policies": ["spam"]}}],
    }  # fmt: skip
    milder = json.loads(json.dumps(document))
    milder["rules"][0]["then"]["verdict"] = "restrict"
    source, target = make_ready(document), make_ready(milder)
    item = {"external_id": "x", "text": "spam"}
    trace = dict(evaluate(compile_rule_set(parse_rule_set(document)), read_facts(Context(item, AT, {}))).trace)
    replayer = Replayer(target)
    replayer.learn(source)
    monkeypatch.setattr("veilleur.domain.trials.replay.read_facts", lambda _: 1 / 0)
    outcome, rule = replayer.answer(Context(item, AT, trace))
    assert (outcome.verdict, rule) == ("restrict", "a")
