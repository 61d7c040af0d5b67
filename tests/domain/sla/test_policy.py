"""Which promise a case falls under."""

from veilleur.domain.sla.policy import DEFAULT_POLICY, CaseFacts, Target, choose_target

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
    assert choose_target(POLICY, CaseFacts("high", "vip")) == Target("vip", 60, business=False)
    assert choose_target(POLICY, CaseFacts("high", "default")) == Target("high", 600, business=True)
    assert choose_target(POLICY, CaseFacts("urgent", "default")) == Target("always", 700, business=True)


def test_without_a_rule_that_holds_the_default_is_promised():
    policy = POLICY | {"rules": POLICY["rules"][:2]}
    assert choose_target(policy, CaseFacts("low", "vip")) == Target("never", 800, business=True)


def test_a_new_client_promises_more_the_more_urgent_a_case_is():
    targets = [choose_target(DEFAULT_POLICY, CaseFacts(name, "any")) for name in ("urgent", "high", "normal", "low")]
    assert [target.seconds // 3_600 for target in targets] == [1, 4, 8, 24]
    assert [target.business for target in targets] == [False, True, True, True]
