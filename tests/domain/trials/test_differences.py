"""What changed between two rule sets, told by rule, list, pattern and parameter."""

from veilleur.domain.trials.differences import MAX_ENTRIES, diff_rule_sets


def document(rules=(), **sections):
    return {"format": "veilleur.rules/v1", "rules": [{"id": rule, "severity": 1} for rule in rules], **sections}


def test_the_same_document_has_no_difference():
    shown = diff_rule_sets(document(["a"]), document(["a"]))
    assert shown["same"]
    assert shown["rules"] == {"added": [], "removed": [], "changed": [], "moved": []}


def test_rules_are_added_removed_and_changed_by_their_id():
    before, after = document(["a", "b"]), document(["b", "c"])
    after["rules"][0]["severity"] = 9
    rules = diff_rule_sets(before, after)["rules"]
    assert rules["added"] == [{"id": "c", "after": {"id": "c", "severity": 1}}]
    assert rules["removed"] == [{"id": "a", "before": {"id": "a", "severity": 1}}]
    assert rules["changed"] == [{"id": "b", "fields": [{"field": "severity", "before": 1, "after": 9}]}]
    assert rules["moved"] == []


def test_a_rule_that_moved_is_told_and_its_neighbours_are_not():
    assert diff_rule_sets(document("abcde"), document("eabcd"))["rules"]["moved"] == ["e"]


def test_lists_tell_their_entries_and_count_them_all():
    many = [f"w{number}" for number in range(500)]
    before = document(lists={"bad": {"kind": "phrases", "match": "word", "entries": ["a", "b"]}, "gone": {}})
    after = document(lists={"bad": {"kind": "phrases", "match": "substring", "entries": ["b", *many]}})
    lists = diff_rule_sets(before, after)["lists"]
    (changed,) = lists["changed"]
    assert changed["fields"] == [{"field": "match", "before": "word", "after": "substring"}]
    entries = changed["entries"]
    assert (entries["removed"], entries["added_count"], len(entries["added"])) == (["a"], 500, MAX_ENTRIES)
    assert [gone["id"] for gone in lists["removed"]] == ["gone"]


def test_patterns_params_and_the_rest_show_before_and_after():
    before = document(patterns={"p": "a+"}, params={"age": 7}, fallback={"verdict": "allow"})
    after = document(patterns={"p": "b+"}, params={"age": 7.0, "new": True}, title="T", fallback={"verdict": "allow"})
    shown = diff_rule_sets(before, after)
    assert shown["patterns"]["changed"] == [{"id": "p", "before": "a+", "after": "b+"}]
    assert shown["params"]["changed"] == [{"id": "age", "before": 7, "after": 7.0}]
    assert shown["params"]["added"] == [{"id": "new", "after": True}]
    assert shown["other"] == [{"field": "title", "before": None, "after": "T"}]
