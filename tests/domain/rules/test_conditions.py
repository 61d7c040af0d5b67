import pytest

from tests.domain.rules.documents import document, errors, rule

PARTS = {
    "lists": {"insults": {"entries": ["x"]}, "banned": {"kind": "domains", "entries": ["t.me"]}},
    "patterns": {"phone": "\\d{10}"},
    "params": {"days": 7, "share": 0.5, "word": "a"},
}
ITEM_FIELDS = "item.kind, item.lang, item.lang_detected, item.text, item.length, item.letters, item.words, item.upper_ratio, item.media_count, item.near_dup, item.near_dup_fuzzy"
WHOLE_AND_DECIMAL = "whole and decimal numbers don't mix: write 1.0 beside a decimal field, 1 beside a whole one"


def told(condition):
    """The errors of one condition as `(column, slug, message, hint)`."""
    found = errors(document(rule(condition), **PARTS))
    assert all(path == "rules[r].when" and line == 1 for path, line, *_ in found)
    return [tuple(rest) for _, _, *rest in found]


@pytest.mark.parametrize(
    "condition",
    [
        "true",
        "author.account_age_days < params.days && links.count > 0",
        "item.upper_ratio > params.share || item.text.contains(params.word)",
        "hits('insults') > 0 ? pattern(\"phone\") : !linked('banned')",
        "item.lang in ['fr', 'und'] && item.text.startsWith('a') && item.text.size() > 3",
        "links.domains.exists(d, d.endsWith('.ru')) && size(links.hosts) == 2",
        "'campaign' in metadata && metadata['campaign'] == 'x' && metadata.campaign != 'y'",
        "int(metadata['votes']) % 2 == 0 && double(item.length) / 2.0 > 1.5",
        "item.text == 'hits(\\'nope\\') author.acount null // _x'",
        "item\n  .text\n  .contains('a')",
    ],
)
def test_conditions_that_are_fine(condition):
    assert told(condition) == []


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("author.acount_age_days < 7",
         [(7, "unknown-name", "author.acount_age_days is not a known name", "did you mean author.account_age_days?")]),
        ("'🙂é' + author.x == 'a'",
         [(14, "unknown-name", "author.x is not a known name", "did you mean author.id?")]),
        ("params.day > 1", [(7, "unknown-name", "params.day is not a known name", "did you mean params.days?")]),
        ("zzz.qqq == 1", [(4, "unknown-name", "zzz.qqq is not a known name", None)]),
        ("hits('insult') > 0",
         [(6, "unknown-name", "hits() names insult, which is not declared", "did you mean insults?")]),
        ("hits('zzz') > 0", [(6, "unknown-name", "hits() names zzz, which is not declared", "known here: insults")]),
        ("pattern('insults')",
         [(9, "unknown-name", "pattern() names insults, which is not declared", "did you mean hits('insults')?")]),
        ("hits('banned') > 0",
         [(6, "unknown-name", "hits() names banned, which is not declared", "did you mean linked('banned')?")]),
        ("hits(item.text) > 0", [(1, "condition", "hits() takes one name in quotes", "write it like hits('name')")]),
        ("hits > 0", [(1, "unknown-name", "hits is not a known name", "write it like hits('name')")]),
        ("author.account_age_days < 3.5", [(25, "type", "< does not go with int, double", WHOLE_AND_DECIMAL)]),
        ("item.upper_ratio > 1", [(18, "type", "> does not go with double, int", WHOLE_AND_DECIMAL)]),
        ("item.text > 1", [(11, "type", "> does not go with string, int", None)]),
        ("item.length", [(1, "type", "must be true or false, and is int", "compare it with something")]),
        ("hits('insults')", [(1, "type", "must be true or false, and is int", "compare it with something")]),
        ("item.text + 'x' == 'y'", [(11, "type", "+ does not go with string, string", "texts can't be joined in a condition")]),
        ("item.text.matches('a')",
         [(18, "unknown-name", "matches is not a known name", "declare it under patterns and write pattern('name')")]),
        ("links.count >", [(14, "syntax", "the condition ends too early", None)]),
        ("links.count > 0 )", [(17, "syntax", ") is not expected here", None)]),
        ("(" * 40 + "true" + ")" * 40, [(1, "syntax", "is nested too deeply", None)]),
        ("item.text == 'a", [(14, "condition", "the quotes are not closed", None)]),
        ("r'a' == 'a'", [(1, "condition", "this form of quotes is not read here", "use plain quotes: 'text'")]),
        ("true // why", [(6, "condition", "a condition holds no comments", "write the comment beside it")]),
        ("null == null && true", [
            (1, "condition", "null has no use in a condition", "what is not known is left to on_unknown"),
            (9, "condition", "null has no use in a condition", "what is not known is left to on_unknown"),
        ]),
        ("{'a': 1}['a'] == 1", [(1, "condition", "{ has no use in a condition", None)]),
        ("item.`text` == 'a'", [
            (6, "condition", "` has no use in a condition", None),
            (11, "condition", "` has no use in a condition", None),
            (1, "condition", "item needs a field", f"known here: {ITEM_FIELDS}"),
        ]),
        ("(links).count > 0", [(2, "condition", "links needs a field", "known here: links.count, links.shorteners, links.hosts, links.domains")]),
        ("_hits[0] > 0", [(1, "condition", "names that start with _ are reserved", None)]),
        ("[1, 2].exists(x, x > 1)",
         [(8, "condition", "a loop goes over a list of the item", "known here: item.near_dup_fuzzy, client.languages, links.hosts, links.domains, metadata")]),
        ("links.hosts.all(h, links.domains.exists(d, d == h))",
         [(20, "condition", "a condition may loop once", "split it into several conditions")]),
        ("links.hosts.all(hits, true)", [(17, "condition", "hits already means something else", None)]),
    ],
)  # fmt: skip
def test_a_mistake_in_a_condition_is_told_with_its_column_and_a_hint(condition, expected):
    assert sorted(told(condition)) == sorted(expected)


def test_every_mistake_of_a_condition_is_told():
    columns = [column for column, *_ in told("author.x == 'a' && links.count > 1.0 && params.y")]
    assert columns == [7, 32, 47]


YAML = """format: veilleur.rules/v1
name: t
rules:
  - id: plain
    when: links.count > 0 && author.x == 'a'
    then: {verdict: allow}
  - id: single
    when: 'item.lang == ''fr'' && author.x == 1'
    then: {verdict: allow}
  - id: double
    when: {all: ["item.lang == \\"é\\\\\\"\\u00e9\\" && author.x == 1"]}
    then: {verdict: allow}
  - id: folded
    when: >
      links.count > 0
      && author.x == 1
    then: {verdict: allow}
"""


def test_in_yaml_line_and_column_are_those_of_the_text():
    lines = YAML.split("\n")
    found = {path: (line, column) for path, line, column, slug, *_ in errors(YAML) if slug == "unknown-name"}
    assert found["rules[plain].when"] == (5, lines[4].index("author") + 7)
    assert found["rules[single].when"] == (8, lines[7].index("author") + 7)
    assert found["rules[double].when.all[0]"] == (11, lines[10].index("author") + 7)
    assert found["rules[folded].when"] == (14, lines[13].index(">") + 1), "a folded text: where it starts"


def test_in_json_line_and_column_are_those_of_the_text():
    text = '{"format": "veilleur.rules/v1", "rules": [\n {"id": "r", "then": {"verdict": "allow"},\n  "when": "item.lang == \\"\\ud83d\\ude42\\" && author.x == 1"}]}'
    ((path, line, column, *_),) = errors(text)
    assert (path, line, column) == ("rules[r].when", 3, text.split("\n")[2].index("author") + 7)


def test_conditions_can_not_go_through_texts_without_end():
    costly = "links.hosts.exists(h, item.text.contains(h) || item.text.contains('a') || item.text.contains('b'))"
    rules = [rule(costly.replace("'a'", f"'{number}'"), id=f"r{number}") for number in range(14)]
    ((path, _, _, slug, message, hint),) = errors(document(*rules))
    assert (path, slug, hint) == ("rules", "too-costly", "use phrase lists and patterns")
    assert message == "the conditions go through a text 2800 times; at most 2000 are allowed"
