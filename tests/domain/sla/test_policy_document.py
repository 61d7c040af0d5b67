"""Reading an SLA policy: what is written out, and every mistake with its pointer."""

import pytest

from veilleur.domain.sla.mistakes import Mistakes
from veilleur.domain.sla.policy import DEFAULT_POLICY, CaseFacts, choose_promise
from veilleur.domain.sla.policy_conditions import Known
from veilleur.domain.sla.policy_document import read_policy
from veilleur.domain.sla.statutory import STATUTORY

KNOWN = Known(frozenset({"src_1"}), frozenset({"default", "vip"}))
TARGET = {"seconds": 600, "time": "calendar"}
DEFAULT = {"class": "standard", "decision": TARGET}


def read(document):
    mistakes = Mistakes()
    return read_policy(document, KNOWN, "", mistakes), [one.pointer for one in mistakes.found]


def test_the_policy_a_client_starts_with_could_be_written_by_its_owner():
    written, mistakes = read(DEFAULT_POLICY)
    assert (written, mistakes) == (DEFAULT_POLICY, [])


def test_what_was_read_reads_again_as_it_is():
    when = {"priority": ["high"], "kind": ["post"], "source": ["src_1"], "language": ["FR", "pt-BR"],
            "report_source": ["authority"], "queue": ["vip"]}  # fmt: skip
    warned = TARGET | {"pausable": False, "warnings": [{"percent": 80}, {"before_s": 60}]}
    volume = {"per": "day", "items": 10, "beyond": "slower", "slower": TARGET}
    rule = {"class": "vip", "when": when, "decision": warned, "escalation": TARGET, "volume": volume}
    written, mistakes = read({"rules": [rule], "default": DEFAULT, "reopen_grace_s": 0})
    assert mistakes == []
    assert written["rules"][0]["when"]["language"] == ["fr", "pt-br"]
    assert read(written) == (written, [])


def test_a_statutory_class_fills_in_what_the_rule_leaves_out():
    written, mistakes = read(
        {"rules": [{"statutory": "terrorist-content", "when": {"report_source": ["authority"]}}], "default": DEFAULT}
    )
    assert mistakes == []
    target = choose_promise(written, CaseFacts("low", "default", report_source=("authority",))).target
    assert (target.target_class, target.seconds) == ("terrorist-content", 3_600)
    assert (target.business, target.pausable) == (False, False)


@pytest.mark.parametrize("code", STATUTORY)
def test_every_statutory_class_names_its_source_and_is_a_policy_by_itself(code):
    assert STATUTORY[code].sources
    assert read({"default": {"statutory": code}})[1] == []


def test_the_law_may_be_outdone_and_not_stretched():
    def judge(code, **decision):
        target = {"seconds": 60, "time": "calendar", "pausable": False} | decision
        return read({"default": {"statutory": code, "class": "mine", "decision": target}})[1]

    assert judge("terrorist-content") == []
    assert judge("terrorist-content", seconds=3_601) == ["/default/decision"]
    assert judge("intimate-images", time="business") == ["/default/decision"]
    assert judge("intimate-images", pausable=True) == ["/default/decision"]
    assert judge("trusted-flagger", seconds=999_999) == []


RULE = "/rules/0"


@pytest.mark.parametrize(
    ("rule", "pointers"),
    [
        ([], [RULE]),
        ({}, [f"{RULE}/class", f"{RULE}/decision"]),
        ({"extra": 1}, [f"{RULE}/extra", f"{RULE}/class", f"{RULE}/decision"]),
        (DEFAULT | {"extra": 1}, [f"{RULE}/extra"]),
        (DEFAULT | {"class": "Not A Code"}, [f"{RULE}/class"]),
        (DEFAULT | {"statutory": "unheard-of"}, [f"{RULE}/statutory"]),
        (DEFAULT | {"statutory": ["x"]}, [f"{RULE}/statutory"]),
        (DEFAULT | {"when": []}, [f"{RULE}/when"]),
        (DEFAULT | {"when": {"colour": ["red"], "kind": []}}, [f"{RULE}/when/colour", f"{RULE}/when/kind"]),
        (
            DEFAULT | {"when": {"priority": ["high", "top"], "source": ["src_2", 1], "language": ["french"],
                                "report_source": "user", "queue": ["none"]}},
            [f"{RULE}/when/{one}" for one in ("priority/1", "source/0", "source/1", "language/0", "report_source", "queue/0")],
        ),
        (DEFAULT | {"decision": {}}, [f"{RULE}/decision/seconds", f"{RULE}/decision/time"]),
        (DEFAULT | {"decision": {"seconds": 0, "time": "soon", "pausable": 1}},
         [f"{RULE}/decision/{one}" for one in ("seconds", "time", "pausable")]),
        (DEFAULT | {"decision": {"seconds": True, "time": []}}, [f"{RULE}/decision/seconds", f"{RULE}/decision/time"]),
        (DEFAULT | {"escalation": {"seconds": 1.5, "time": "calendar"}}, [f"{RULE}/escalation/seconds"]),
        (
            DEFAULT | {"decision": TARGET | {"warnings": [{"percent": 100}, {"before_s": 600}, {"percent": 1, "before_s": 1}, {}, {"percent": 5}, {"percent": 5}]}},
            [f"{RULE}/decision/warnings/{one}" for one in ("0/percent", "1/before_s", "2", "3", "5")],
        ),
        (DEFAULT | {"volume": {"per": "year", "items": 0, "beyond": "slower"}},
         [f"{RULE}/volume/{one}" for one in ("per", "items", "slower")]),
        (DEFAULT | {"volume": {"per": "day", "items": 5, "beyond": "excluded", "slower": TARGET}}, [f"{RULE}/volume/slower"]),
    ],
)  # fmt: skip
def test_every_mistake_of_a_rule_is_told_with_its_pointer(rule, pointers):
    _, mistakes = read({"rules": [rule], "default": DEFAULT})
    assert sorted(dict.fromkeys(mistakes)) == sorted(pointers)


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ("policy", [""]),
        ({}, ["/default"]),
        ({"default": {}}, ["/default/class", "/default/decision"]),
        ({"default": DEFAULT | {"when": {}}}, ["/default/when"]),
        ({"default": DEFAULT, "rules": {}}, ["/rules"]),
        ({"default": DEFAULT, "rules": [DEFAULT] * 101}, ["/rules"]),
        ({"default": DEFAULT, "reopen_grace_s": -1, "more": 1}, ["/more", "/reopen_grace_s"]),
    ],
)
def test_a_policy_without_a_default_or_of_another_shape_is_refused(document, pointers):
    assert sorted(read(document)[1]) == sorted(pointers)
