from datetime import UTC, datetime, timedelta

import pytest

from tests.domain.rules.documents import ESCALATE, HIDE, document, errors, rule
from veilleur.domain.rules.document import (
    Branch,
    DecideClause,
    EscalateClause,
    Leaf,
    canonical_json,
    digest_document,
)
from veilleur.domain.rules.language import parse_rule_set
from veilleur.kernel.errors import Invalid

YAML = """
format: veilleur.rules/v1
name: facebook-fr
title: "ACME – page Facebook (FR)"
fallback: {escalate: {queue: french-n2}}
lists:
  insultes:
    kind: phrases
    match: substring
    fold: hard
    entries: ["connard", "pauvre con"]
    except: ["connard de la torche"]
  domaines: {kind: domains, entries: ["t.me"]}
patterns:
  tel: '\\d{10}'
params: {jours: 7, part: 0.5, mot: "a", oui: true}
rules:
  - id: r1
    title: "Un"
    mode: shadow
    severity: 60
    when:
      all:
        - hits('insultes') > 0
        - any: ["links.count > 0", {none: ["pattern('tel')"]}]
    then:
      verdict: restrict
      actions: [{code: suspend, target: author, until: 7d, text: "non", params: {a: 1}}]
      policies: [insult]
    on_unknown: {escalate: {queue: default, priority: high, skills: [fr], interim: withhold}, policies: [spam]}
    tests:
      - {item: {text: "x", language: fr}, author: {account_age_days: 1}, fires: false}
"""


def test_a_document_is_read_whole():
    rule_set = parse_rule_set(YAML)
    assert (rule_set.name, rule_set.title) == ("facebook-fr", "ACME – page Facebook (FR)")
    assert isinstance(rule_set.fallback, EscalateClause)
    (phrases,) = rule_set.phrases
    assert (phrases.name, phrases.match, phrases.fold) == ("insultes", "substring", "hard")
    assert phrases.entries == ("connard", "pauvre con")
    assert phrases.exceptions == ("connard de la torche",)
    assert rule_set.domains[0].entries == ("t.me",)
    assert rule_set.patterns == {"tel": "\\d{10}"}
    assert rule_set.params == {"jours": 7, "part": 0.5, "mot": "a", "oui": True}
    (first,) = rule_set.rules
    assert (first.id, first.title, first.mode, first.severity) == ("r1", "Un", "shadow", 60)
    none = Branch("none", (Leaf("pattern('tel')", ()),))
    assert first.when == Branch(
        "all", (Leaf("hits('insultes') > 0", ()), Branch("any", (Leaf("links.count > 0", ()), none)))
    )
    assert isinstance(first.then, DecideClause)
    assert (first.then.verdict, first.then.policies) == ("restrict", ("insult",))
    (action,) = first.then.actions
    assert (action.code, action.until, action.text, action.params) == ("suspend", timedelta(days=7), "non", (("a", 1),))
    assert isinstance(first.on_unknown, EscalateClause)
    escalate = first.on_unknown.escalate
    assert (escalate.queue, escalate.priority, escalate.skills) == ("default", "high", ("fr",))
    assert (escalate.interim, escalate.policies) == ("withhold", ("spam",))
    (test,) = first.tests
    assert (test.item, test.facts, test.fires) == (
        {"text": "x", "language": "fr"},
        {"author.account_age_days": 1},
        False,
    )


def test_what_is_left_out_has_a_default():
    (first,) = parse_rule_set(document({"id": "r", "when": "true", "then": ESCALATE})).rules
    assert (first.title, first.mode, first.severity, first.on_unknown, first.tests) == ("r", "live", 50, None, ())
    assert first.then.escalate.priority == "normal"
    rule_set = parse_rule_set({"format": "veilleur.rules/v1", "rules": []})
    assert isinstance(rule_set.fallback, DecideClause)
    assert rule_set.fallback.verdict == "allow"


def test_until_is_a_time_from_the_decision_or_an_instant():
    def until(written):
        action = {"code": "suspend", "target": "author", "until": written}
        then = {"verdict": "restrict", "actions": [action]}
        return parse_rule_set(document(rule("true", then))).rules[0].then.actions[0].until

    assert until("30m") == timedelta(minutes=30)
    assert until("12h") == timedelta(hours=12)
    assert until("2027-01-31T12:00:00Z") == datetime(2027, 1, 31, 12, tzinfo=UTC)


def test_the_canonical_form_does_not_depend_on_the_order_of_keys_and_keeps_types_apart():
    one = {"b": 1, "a": [{"y": "é", "x": 1.0}]}
    other = {"a": [{"x": 1.0, "y": "é"}], "b": 1}
    assert canonical_json(one) == canonical_json(other) == '{"a":[{"x":1.0,"y":"é"}],"b":1}'
    assert digest_document(one) == digest_document(other)
    assert len(digest_document(one)) == 64
    assert digest_document({"a": 1}) != digest_document({"a": 1.0})


def test_parsing_raises_one_problem_with_every_mistake_and_its_place():
    source = YAML.replace("mode: shadow", "mode: shadwo").replace("fold: hard", "folt: hard")
    with pytest.raises(Invalid) as refused:
        parse_rule_set(source)
    shown = [(error.pointer, error.line, error.column, str(error.hint)) for error in refused.value.errors]
    assert refused.value.slug == "invalid-rule-set"
    assert shown == [
        ("/lists/insultes/folt", 10, 5, "did you mean fold?"),
        ("/rules/0/mode", 20, 11, "did you mean shadow?"),
    ]


NESTED = "true"
for _ in range(17):
    NESTED = {"all": [NESTED]}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ([], [("", "type", "must be an object", None)]),
        ({}, [("", "missing", "format is missing", None), ("", "missing", "rules is missing", None)]),
        (document() | {"format": "v2"}, [("format", "choice", "must be one of veilleur.rules/v1", None)]),
        (document() | {"schema": "item/v2"}, [("schema", "choice", "must be one of item/v1", "did you mean item/v1?")]),
        (document() | {"name": "a b"}, [("name", "name", "may hold letters without accents, digits and _ - . only", None)]),
        (document() | {"rulez": 1}, [("rulez", "unknown-field", "rulez is not a field here", "did you mean rules?")]),
        (document() | {"rules": {}}, [("rules", "type", "must be a list", None)]),
        (document() | {"rules": [rule("true", id=f"r{i}") for i in range(501)]}, [("rules", "too-many", "at most 500 are allowed here", None)]),
        (document(fallback=HIDE), [("fallback", "fallback", "must allow or escalate: what nothing was found in can't be acted on", None)]),
        (document(lists={"a": {}}), [("lists.a", "missing", "entries is missing", None)]),
        (document(lists={"é": {"entries": []}}), [("lists.é", "name", "may hold letters without accents, digits and _ - . only", None)]),
        (document(lists={"a": {"entries": ["ok", "!?", 3, "x" * 201]}}), [
            ("lists.a.entries[1]", "empty", "has no letter, digit or symbol to look for", None),
            ("lists.a.entries[2]", "type", "must be text", None),
            ("lists.a.entries[3]", "too-long", "is longer than 200 characters", None),
        ]),
        (document(lists={"a": {"kind": "domains", "fold": "soft", "entries": ["ok.example", "no domain"]}}), [
            ("lists.a.fold", "unknown-field", "a list of domains has no fold", None),
            ("lists.a.entries[1]", "domain", "is not a domain name", "write it like example.com"),
        ]),
        (document(patterns={"a": 3, "b": "x" * 1_001}), [
            ("patterns.a", "type", "must be text", None),
            ("patterns.b", "too-long", "is longer than 1000 characters", None),
        ]),
        (document(params={"a-b": 1, "c": [], "d": 1e15}), [
            ("params.a-b", "name", "a parameter's name may hold letters without accents, digits and _ only", None),
            ("params.c", "type", "must be a number, text, true or false", None),
            ("params.d", "range", "is too large for a decimal number", None),
        ]),
        (document(3), [("rules[0]", "type", "must be an object", None)]),
        (document({"id": "r"}), [("rules[r]", "missing", "when is missing", None), ("rules[r]", "missing", "then is missing", None)]),
        (document(rule("true", id="é")), [("rules[é].id", "name", "may hold letters without accents, digits and _ - . only", None)]),
        (document(rule("true"), rule("true")), [("rules[r].id", "duplicate", "another rule is called r", None)]),
        (document(rule("true", severity=101)), [("rules[r].severity", "range", "must be a whole number from 0 to 100", None)]),
        (document(rule("true", severity=True)), [("rules[r].severity", "range", "must be a whole number from 0 to 100", None)]),
        (document(rule("true", mode="on")), [("rules[r].mode", "choice", "must be one of draft, shadow, live", None)]),
        (document(rule("true", requires=[3], daily_cap=0, expires_at="2027-01-01")), [
            ("rules[r].requires[0]", "type", "must be text", None),
            ("rules[r].daily_cap", "range", "must be a whole number from 1 to 1000000", None),
            ("rules[r].expires_at", "invalid", "is not an instant with its zone", "write it like 2027-01-31T12:00:00Z"),
        ]),
        (document(rule("")), [("rules[r].when", "empty", "must not be empty", None)]),
        (document(rule("x" * 1_001)), [("rules[r].when", "too-long", "is longer than 1000 characters", None)]),
        (document(rule(True)), [("rules[r].when", "type", "must be a condition in text, or an object with one of all, any, none", None)]),
        (document(rule({"all": []})), [("rules[r].when.all", "empty", "needs at least one condition", None)]),
        (document(rule({})), [("rules[r].when", "type", "must have exactly one of all, any, none", None)]),
        (document(rule({"all": ["true"], "any": ["true"]})), [("rules[r].when", "type", "must have exactly one of all, any, none", None)]),
        (document(rule({"al": ["true"]})), [("rules[r].when.al", "unknown-field", "al is not a field here", "did you mean all?")]),
        (document(rule(NESTED)), [("rules[r].when" + ".all[0]" * 16, "too-deep", "is nested deeper than 16", None)]),
        (document(rule("true", {})), [("rules[r].then", "missing", "must have either verdict or escalate", None)]),
        (document(rule("true", HIDE | ESCALATE)), [("rules[r].then", "missing", "must have either verdict or escalate", None)]),
        (document(rule("true", ESCALATE | {"actions": []})), [("rules[r].then.actions", "unknown-field", "an escalation takes no actions: the moderator chooses them", None)]),
        (document(rule("true", HIDE | {"policy": "x"})), [("rules[r].then.policy", "unknown-field", "policy is not a field here", "did you mean policies?")]),
        (document(rule("true", {"verdict": "hide"})), [("rules[r].then.verdict", "choice", "must be one of allow, restrict, remove", None)]),
        (document(rule("true", {"verdict": "allow", "actions": [{"code": "x"}]})), [("rules[r].then.actions[0]", "missing", "target is missing", None)]),
        (document(rule("true", {"verdict": "allow", "actions": [{"code": "x", "target": "author", "until": "soon"}]})), [
            ("rules[r].then.actions[0].until", "until", "is neither a time from the decision nor an instant",
             "write it like 7d, 12h, 30m, 2027-01-31T12:00:00Z"),
        ]),
        (document(rule("true", {"verdict": "allow", "actions": [{"code": "x", "target": "author", "params": {"a": []}}]})), [
            ("rules[r].then.actions[0].params.a", "type", "must be a number, text, true or false", None),
        ]),
        (document(rule("true", {"escalate": {"priority": "now"}})), [
            ("rules[r].then.escalate", "missing", "queue is missing", None),
            ("rules[r].then.escalate.priority", "choice", "must be one of low, normal, high, urgent", "did you mean low?"),
        ]),
        (document(rule("true", tests=[{"item": {"txt": "a"}, "author": {"account_age_days": "1"}, "fires": "yes"}])), [
            ("rules[r].tests[0].fires", "type", "must be true or false", None),
            ("rules[r].tests[0].item.txt", "unknown-field", "item.txt is not a field here", "did you mean text?"),
            ("rules[r].tests[0].author.account_age_days", "type", "must be a whole number", None),
        ]),
    ],
)  # fmt: skip
def test_mistakes_of_shape_are_told_with_their_place_and_a_hint(source, expected):
    assert [(path, slug, message, hint) for path, _, _, slug, message, hint in errors(source)] == expected


def test_more_than_a_hundred_thousand_phrases_are_refused():
    entries = [f"phrase {number}" for number in range(50_000)]
    with pytest.raises(Invalid) as refused:
        parse_rule_set(document(lists={"a": {"entries": entries, "except": entries}, "b": {"entries": ["x"]}}))
    assert str(refused.value.errors[0].detail) == "the lists hold 100001 phrases; at most 100000 are allowed"
