import ast
from pathlib import Path

import pytest

import veilleur.domain.rules.check as check_module
from tests.domain.rules.documents import CATALOGUE, ESCALATE, HIDE, document, errors, rule, warnings
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.rules.document import digest_document
from veilleur.kernel.french import FRENCH


def decide(*actions, verdict="restrict", policies=()):
    return {"verdict": verdict, "actions": list(actions), "policies": list(policies)}


def action(code, target="item", **more):
    return {"code": code, "target": target, **more}


def test_a_sound_rule_set_comes_back_with_its_digest():
    source = document(rule("links.count > 0", HIDE))
    checked = check_rule_set(source, CATALOGUE)
    assert (checked.errors, checked.warnings) == ((), ())
    assert checked.rule_set is not None
    assert checked.rule_set.document == source
    assert checked.digest == digest_document(source)


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (decide(action("hide"), action("warn", "author")), []),
        (decide(action("suspend", "author", until="7d"), action("remove"), verdict="remove"), []),
        (decide(policies=["insult", "insalt"]),
         [("then.policies[1]", "not-in-catalogue", "insalt is not a policy of this client", "did you mean insult?")]),
        (decide(action("hyde")), [("then.actions[0].code", "not-in-catalogue", "hyde is not an action of this client", "did you mean hide?")]),
        (decide(action("zzz")), [("then.actions[0].code", "not-in-catalogue", "zzz is not an action of this client", "known here: hide, remove, suspend, warn")]),
        (decide(action("remove")),
         [("then.actions[0].code", "action-verdict", "remove goes with the verdict remove at least, not with restrict", None)]),
        (decide(action("hide"), verdict="allow"),
         [("then.actions[0].code", "action-verdict", "hide goes with the verdict restrict at least, not with allow", None)]),
        (decide(action("hide", "author")), [("then.actions[0].target", "action-target", "hide can't be done to author", "known here: item")]),
        (decide(action("suspend", "author")), [("then.actions[0]", "until", "suspend must say until when", "write it like until: 7d")]),
        (decide(action("hide", until="7d")), [("then.actions[0].until", "until", "hide has no end", None)]),
        (decide(action("hide"), action("hide")), [("then.actions[1]", "duplicate", "hide is done twice", None)]),
        ({"escalate": {"queue": "french-n1"}},
         [("then.escalate.queue", "not-in-catalogue", "french-n1 is not a queue of this agency", "did you mean french-n2?")]),
        (ESCALATE | {"policies": ["x"]},
         [("then.policies[0]", "not-in-catalogue", "x is not a policy of this client", "known here: hate, insult, spam")]),
    ],
)  # fmt: skip
def test_what_rules_decide_is_checked_against_the_catalogue(then, expected):
    found = errors(document(rule("links.count > 0", then)), CATALOGUE)
    assert [(path.removeprefix("rules[r]."), *rest) for path, _, _, *rest in found] == expected


def test_on_unknown_and_the_fallback_are_checked_too():
    wrong = {"escalate": {"queue": "nowhere"}}
    found = errors(document(rule("links.count > 0", HIDE, on_unknown=wrong), fallback=wrong), CATALOGUE)
    assert [path for path, *_ in found] == ["fallback.escalate.queue", "rules[r].on_unknown.escalate.queue"]


def test_without_a_catalogue_nothing_is_looked_up():
    assert errors(document(rule("links.count > 0", decide(action("anything"), policies=["any"])))) == []


def test_what_no_rule_uses_is_a_warning_at_its_name():
    source = document(
        rule("links.count > 0 && item.text != 'hits(\\'a\\')'", HIDE),
        lists={"a": {"entries": ["x"]}, "b": {"kind": "domains", "entries": ["t.me"]}},
        patterns={"c": "x"},
        params={"d": 1},
    )
    assert errors(source) == []
    assert warnings(source) == [
        ("lists.a", "a is not used by any rule"),
        ("lists.b", "b is not used by any rule"),
        ("patterns.c", "c is not used by any rule"),
        ("params.d", "d is not used by any rule"),
    ]


def reach(*rules):
    return [(path, text) for path, text in warnings(document(*rules)) if "never" in text or "same" in text]


def test_rules_that_could_as_well_not_be_there_are_warned_of():
    link, young = "links.count > 0", "author.account_age_days < 7"
    first, second = rule(link, id="a", severity=60), rule({"all": [young, link]}, id="b", severity=40)
    assert reach(first, second) == [("rules[b]", "never decides: a comes first whenever it fires")]
    assert reach(second, first | {"severity": 40}) == []
    assert reach(first | {"severity": 40}, second) == [("rules[b]", "never decides: a comes first whenever it fires")]
    for other in (
        {"mode": "shadow"},
        {"daily_cap": 5},
        {"requires": ["provider.spam"]},
        {"severity": 30},
        {"when": {"any": [link, young]}},
    ):
        assert reach(first | other, second) == [], other
    assert reach(first, second | {"on_unknown": ESCALATE}) == []
    assert reach(rule({"all": [link, {"none": [young, link]}]})) == [
        ("rules[r].when", "never fires: links.count > 0 is both demanded and excluded")
    ]
    assert reach(rule({"any": [link, "1 < 2"]})) == [("rules[r].when.any[1]", "is the same for every item")]


def use(pattern):
    return document(rule("pattern('p')", HIDE), patterns={"p": pattern})


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("(a", "RE2 can't read this: missing ): (a", None),
        (
            "a(?=b)",
            "RE2 can't read this: invalid perl operator: (?=",
            "RE2 has no look-ahead and look-behind: it stays linear without",
        ),
        (
            "(?<!a)b",
            "RE2 can't read this: invalid perl operator: (?<!",
            "RE2 has no look-ahead and look-behind: it stays linear without",
        ),
        (
            r"(a)\1",
            r"RE2 can't read this: invalid escape sequence: \1",
            "RE2 has no references back to a group: it stays linear without",
        ),
        (
            "(?>a)",
            "RE2 can't read this: invalid perl operator: (?>",
            "RE2 has no atomic groups and possessive repetitions: it stays linear without",
        ),
        ("a{1001}", "RE2 can't read this: invalid repetition size: {1001}", None),
        (".{0,200}", "takes too many steps to look for", "shorten its repetitions: {0,50}"),
    ],
)
def test_a_pattern_re2_can_not_take_is_an_error_with_the_reason(pattern, message, hint):
    found = errors(use(pattern))
    assert [(path, told, hinted) for path, _, _, _, told, hinted in found] == [("patterns.p", message, hint)]


def test_patterns_that_do_not_mean_what_they_seem_to_are_warned_of():
    assert warnings(use(r"\bété\b")) == [
        ("patterns.p", "\\b knows letters without accents only: beside é it never matches")
    ]
    assert warnings(use("a*")) == [("patterns.p", "matches every text")]
    assert warnings(use(r"\b\d+ ?€")) == []
    assert warnings(use(r"\\bété")) == []


def test_all_patterns_together_are_bounded():
    heavy = {f"p{number}": f"{number}.{{0,100}}x" for number in range(25)}
    source = document(rule({"any": [f"pattern('{name}')" for name in heavy]}, HIDE), patterns=heavy)
    assert [message for *_, message, _ in errors(source)] == ["all patterns together take too many steps"]


def test_a_rule_set_whose_own_tests_fail_is_not_fit_to_be_published():
    tests = [
        {"item": {"text": "go to t.me/x"}, "author": {"account_age_days": 1}, "fires": True},
        {"item": {"text": "go to t.me/x"}, "author": {"account_age_days": 9}, "fires": True},
        {"item": {"text": "go to t.me/x"}, "fires": True},
        {"item": {"text": "go to t.me/x"}, "author": {"account_age_days": 1}, "fires": False},
        {"item": {"text": "hello"}, "fires": False},
    ]
    source = document(
        rule({"all": ["author.account_age_days < params.days", "linked('banned')"]}, HIDE, mode="draft", tests=tests),
        lists={"banned": {"kind": "domains", "entries": ["t.me"]}},
        params={"days": 7},
    )
    assert [(path, message, hint) for path, _, _, _, message, hint in errors(source)] == [
        ("rules[r].tests[1]", "the rule was expected to fire and does not", "not true here: author.account_age_days < params.days"),
        ("rules[r].tests[2]", "the rule was expected to fire and does not", "not true here: author.account_age_days < params.days"),
        ("rules[r].tests[3]", "the rule was expected not to fire and does",
         "true here: author.account_age_days < params.days, linked('banned')"),
    ]  # fmt: skip


def test_all_kinds_of_mistakes_come_at_once():
    source = document(
        rule({"all": ["author.x == 1", "hits('nope') > 0"]}, decide(action("hyde")), severty=3),
        rule("links.count > 0", id="r"),
        patterns={"p": "("},
        lists={"a": {"entries": ["!"]}},
    )
    slugs = {slug for *_, slug, _, _ in errors(source, CATALOGUE)}
    assert slugs >= {"unknown-name", "not-in-catalogue", "unknown-field", "duplicate", "pattern", "empty"}


def test_findings_are_bounded():
    source = document(*(rule("nope", id=f"r{number}") for number in range(500)))
    assert len(check_rule_set(source).errors) == 200


def test_the_same_mistakes_are_told_in_french():
    source = document(rule("author.acount_age_days < 7"), rulez=1)
    findings = check_rule_set(source).errors
    assert [finding.message.render("fr") for finding in findings] == [
        "rulez n'est pas un champ ici",
        "author.acount_age_days n'est pas un nom connu",
    ]
    assert findings[1].hint.render("fr") == "vouliez-vous dire author.account_age_days ?"


def test_every_message_of_the_slice_has_a_french_text():
    missing = []
    for file in Path(check_module.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "msg":
                template = node.args[0]
                assert isinstance(template, ast.Constant), (file, node.lineno)
                missing += [template.value] if template.value not in FRENCH else []
    assert missing == []
