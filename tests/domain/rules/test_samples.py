"""The rule sets of the demo: sound, and sensible on the comments of the demo."""

import json
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from tests.domain.rules.documents import NOW
from veilleur.domain.rules.catalogue_view import ActionSpec, Catalogue
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.evaluate import evaluate
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.outcome import Decide

SAMPLES = Path(__file__).parents[3] / "samples"
CATALOGUE = Catalogue(
    policies=frozenset(
        {
            "spam",
            "harassment",
            "hate",
            "threat",
            "sexual",
            "violence",
            "self_harm",
            "illegal",
            "personal_data",
            "insult",
            "off_topic",
            "other",
        }
    ),
    actions={
        "hide": ActionSpec("restrict", frozenset({"item"})),
        "remove": ActionSpec("remove", frozenset({"item"})),
        "warn": ActionSpec("allow", frozenset({"author"})),
        "suspend": ActionSpec("restrict", frozenset({"author"}), needs_until=True),
    },
    queues=frozenset({"default"}),
)
NAMES = ["forum-fr", "videos-en"]


def check_sample(name):
    return check_rule_set((SAMPLES / "rules" / f"{name}.yaml").read_text(encoding="utf-8"), CATALOGUE)


@pytest.mark.parametrize("name", NAMES)
def test_the_rule_sets_of_the_demo_are_sound_and_pass_their_own_tests(name):
    checked = check_sample(name)
    assert [(error.path, str(error.message), str(error.hint)) for error in checked.errors] == []
    assert checked.warnings == ()
    assert sum(len(rule.tests) for rule in checked.rule_set.rules) > 20


def load_comments(name):
    for line in (SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        created_at = NOW - timedelta(days=row["account_age_days"])
        yield row["item"] | {"author": row["item"]["author"] | {"created_at": created_at.isoformat()}}, row["label"]


@pytest.mark.parametrize("name", NAMES)
def test_most_comments_are_decided_the_doubtful_go_to_people_and_nothing_clean_is_acted_on(name, capsys):
    run = compile_rule_set(check_sample(name).rule_set)
    comments = list(load_comments(name))
    outcomes = Counter()
    started = time.process_time()
    for item, label in comments:
        outcome = evaluate(run, item_facts(item, NOW)).outcome
        outcomes[outcome.verdict if isinstance(outcome, Decide) else "escalate", label] += 1
    took = time.process_time() - started
    escalated = sum(count for (outcome, _), count in outcomes.items() if outcome == "escalate")
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: {dict(outcomes)}, {took / len(comments) * 1e6:.0f} µs an item\n")
    assert 0.30 <= escalated / len(comments) <= 0.55
    assert outcomes["restrict", "clean"] + outcomes["remove", "clean"] == 0
    offensive = {label for _, label in outcomes} - {"clean"}
    assert all(outcomes["allow", label] < outcomes["escalate", label] for label in offensive)
