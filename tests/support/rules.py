"""Rule sets for tests, as short as the language allows."""

from typing import Any

from tests.support.people import Json

REMOVE: Json = {"verdict": "remove", "actions": [{"code": "remove", "target": "item"}], "policies": ["spam"]}
ASK: Json = {"escalate": {"queue": "default"}, "policies": ["spam"]}


def make_rule(rule_id: str, *leaves: str, then: Json = REMOVE, **more: Any) -> Json:
    """A live rule: all `leaves` true."""
    rule = {
        "id": rule_id,
        "title": rule_id,
        "mode": "live",
        "severity": 10,
        "when": {"all": list(leaves)},
        "then": then,
    }
    return rule | more


def make_rules(*rules: Json, **sections: Json) -> Json:
    """Everything is allowed that no rule stops; `sections` are lists, counters, patterns, params."""
    document = {
        "format": "veilleur.rules/v1",
        "schema": "item/v1",
        "name": "test",
        "fallback": {"verdict": "allow"},
        "rules": list(rules),
    }
    return document | sections
