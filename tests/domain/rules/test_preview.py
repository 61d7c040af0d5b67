import pytest

from tests.domain.rules.documents import CATALOGUE, HIDE, NOW, document, rule
from veilleur.domain.rules.preview import preview_rule_set
from veilleur.kernel.errors import Invalid

SOURCE = """
format: veilleur.rules/v1
lists: {insults: {fold: hard, entries: [connard]}}
rules:
  - id: insult
    severity: 60
    when: hits('insults') > 0
    then: {verdict: restrict, actions: [{code: hide, target: item}], policies: [insult]}
  - id: new
    mode: shadow
    when: author.account_age_days < 7
    then: {escalate: {queue: default, priority: high, skills: [fr], interim: withhold}, policies: [spam]}
  - id: idea
    mode: draft
    when: item.length < 5
    then: {escalate: {queue: default}}
"""


def test_a_preview_answers_in_the_shape_of_the_contract():
    items = [
        {
            "external_id": "a",
            "text": "🙂 c0nnard",
            "author": {"external_id": "u", "created_at": "2026-11-21T00:00:00Z"},
        },
        {"external_id": "b", "text": "ok"},
    ]
    first, second = preview_rule_set(SOURCE, items, CATALOGUE, NOW)
    assert isinstance(first.pop("took_us"), int)
    assert first == {
        "external_id": "a",
        "outcome": {"verdict": "restrict", "actions": [{"code": "hide", "target": "item"}], "policies": ["insult"]},
        "decided_by": "insult",
        "matched": [
            {"rule": "insult", "mode": "live", "spans": [[2, 9]]},
            {"rule": "new", "mode": "shadow", "spans": []},
        ],
        "signals": {"author.account_age_days": 1, "item.length": 9, "hits('insults')": 1},
    }
    assert second["outcome"] == {"verdict": "allow", "actions": [], "policies": []}
    assert second["matched"] == [{"rule": "idea", "mode": "draft", "spans": []}]


def test_an_escalation_is_shown_whole():
    then = {
        "escalate": {"queue": "default", "priority": "high", "skills": ["fr"], "interim": "withhold"},
        "policies": ["spam"],
    }
    (result,) = preview_rule_set(document(rule("true", then)), [{"external_id": "a", "text": "x"}], CATALOGUE, NOW)
    assert result["outcome"] == then


def test_a_rule_set_with_mistakes_is_refused_with_all_of_them():
    with pytest.raises(Invalid) as refused:
        preview_rule_set(document(rule("nope", HIDE), x=1), [], CATALOGUE, NOW)
    assert [error.pointer for error in refused.value.errors] == ["/x", "/rules/0/when"]
