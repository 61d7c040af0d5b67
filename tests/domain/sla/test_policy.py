"""Which promise a case falls under."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from veilleur.domain.sla.policy import DEFAULT_POLICY, CaseFacts, Target, choose_promise
from veilleur.domain.sla.volume import start_of_period


def target_of(policy, facts):
    return choose_promise(policy, facts).target


POLICY = {
    "rules": [
        {
            "class": "vip",
            "when": {"priority": ["high", "urgent"], "queue": ["vip"]},
            "decision": {"seconds": 60, "time": "calendar"},
        },
        {"class": "high", "when": {"priority": ["high"]}, "decision": {"seconds": 600, "time": "business"}},
        {"class": "always", "when": {}, "decision": {"seconds": 700, "time": "business"}},
    ],
    "default": {"class": "never", "decision": {"seconds": 800, "time": "business"}},
}


def test_the_first_rule_whose_conditions_all_hold_wins():
    assert target_of(POLICY, CaseFacts("high", "vip")) == Target("vip", 60, business=False)
    assert target_of(POLICY, CaseFacts("high", "default")) == Target("high", 600, business=True)
    assert target_of(POLICY, CaseFacts("urgent", "default")) == Target("always", 700, business=True)


def test_without_a_rule_that_holds_the_default_is_promised():
    policy = POLICY | {"rules": POLICY["rules"][:2]}
    assert target_of(policy, CaseFacts("low", "vip")) == Target("never", 800, business=True)


def test_a_new_client_promises_more_the_more_urgent_a_case_is():
    targets = [target_of(DEFAULT_POLICY, CaseFacts(name, "any")) for name in ("urgent", "high", "normal", "low")]
    assert [target.seconds // 3_600 for target in targets] == [1, 4, 8, 24]
    assert [target.business for target in targets] == [False, True, True, True]


@pytest.mark.parametrize(
    ("when", "facts", "holds"),
    [
        ({"kind": ["message"]}, {"kind": "message"}, True),
        ({"source": ["src_1"]}, {"source": "src_2"}, False),
        ({"language": ["pt", "fr"]}, {"language": "fr-CA"}, True),
        ({"language": ["fr-ca"]}, {"language": "fr-CA"}, True),
        ({"language": ["fr"]}, {"language": "fro"}, False),
        ({"language": ["fr-ca"]}, {"language": "fr"}, False),
        ({"report_source": ["authority", "trusted_flagger"]}, {"report_source": ("user", "authority")}, True),
        ({"report_source": ["authority"]}, {}, False),
        ({"kind": ["post"], "queue": ["vip"]}, {"kind": "post"}, False),
    ],
)
def test_a_rule_holds_when_each_condition_meets_what_the_case_is(when, facts, holds):
    rule = {"class": "special", "when": when, "decision": {"seconds": 1, "time": "calendar"}}
    chosen = target_of(POLICY | {"rules": [rule]}, CaseFacts(**{"priority": "low", "queue": "default"} | facts))
    assert (chosen.target_class == "special") == holds


def test_facts_come_back_from_their_document():
    facts = CaseFacts("high", "vip", "post", "src_1", "fr", ("authority", "user"), over_volume=True)
    assert CaseFacts.from_document(json.loads(json.dumps(facts.to_document()))) == facts


def test_beyond_its_volume_a_promise_is_excluded_or_slower_and_only_for_decisions():
    slower = {"seconds": 9_000, "time": "calendar"}
    rule = POLICY["default"] | {"escalation": {"seconds": 60, "time": "calendar"}}
    facts = CaseFacts("low", "default", over_volume=True)

    def promise(volume, metric="decision"):
        return choose_promise({"rules": [], "default": rule | {"volume": volume}}, facts, metric)

    capped = {"per": "day", "items": 1}
    assert (
        promise(capped | {"beyond": "excluded"}).excluded,
        promise(capped | {"beyond": "excluded"}).target.seconds,
    ) == (True, 800)
    assert promise(capped | {"beyond": "slower", "slower": slower}).target.seconds == 9_000
    assert not promise(capped | {"beyond": "slower", "slower": slower}).excluded
    assert promise(capped | {"beyond": "excluded"}, "escalation").excluded is False
    assert choose_promise(POLICY, facts, "escalation") is None


@pytest.mark.parametrize(
    ("per", "start"),
    [
        ("hour", "2026-10-25T01:00:00+00:00"),
        ("day", "2026-10-24T22:00:00+00:00"),
        ("week", "2026-10-18T22:00:00+00:00"),
        ("month", "2026-09-30T22:00:00+00:00"),
    ],
)
def test_periods_begin_by_the_clients_days(per, start):
    """Half past two, the second time, on the Sunday whose night has 25 hours."""
    at = datetime.fromisoformat("2026-10-25T01:30:00+00:00")
    assert start_of_period(at, per, ZoneInfo("Europe/Paris")) == datetime.fromisoformat(start)
