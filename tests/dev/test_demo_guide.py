"""Which decision the demo's moderators take, from a guide and a sample's label."""

from tests.dev.fake_agency import GUIDE, GUIDE_DOCUMENT
from veilleur.dev.demo_guide import Guide, GuideAction, GuidePolicy, Ruling, choose_decision, read_guide
from veilleur.dev.demo_moderators import encode_decision


def test_a_clean_comment_is_allowed_without_action_or_policy():
    assert choose_decision("clean", GUIDE) == Ruling("allow")


def test_an_offence_gets_its_policy_and_that_policys_own_action_with_the_actions_verdict():
    assert choose_decision("spam", GUIDE) == Ruling("restrict", ("hide",), ("spam",))
    assert choose_decision("toxic", GUIDE) == Ruling("remove", ("remove",), ("insult",))


def test_only_codes_the_assignment_lists_are_used():
    guide = read_guide(GUIDE_DOCUMENT, {"version": 3, "policies": ["spam"], "actions": ["hide"]})

    assert choose_decision("toxic", guide) == Ruling("restrict", ("hide",), ("spam",))


def test_an_action_on_authors_or_one_that_needs_an_end_is_never_chosen():
    guide = Guide(
        (GuidePolicy("spam", ("warn", "suspend", "ban")),),
        (
            GuideAction("warn", "allow", ("item",), needs_until=False),
            GuideAction("suspend", "restrict", ("item",), needs_until=True),
            GuideAction("ban", "restrict", ("author",), needs_until=False),
        ),
    )

    assert choose_decision("spam", guide) == Ruling("restrict", (), ("spam",))


def test_an_empty_guide_still_gets_a_verdict():
    assert choose_decision("toxic", Guide((), ())) == Ruling("restrict")


def test_a_decision_names_the_fence_and_the_revision_that_were_looked_at():
    assignment = {"fence": 4, "item": {"revision": 2}}

    assert encode_decision(assignment, Ruling("remove", ("remove",), ("insult",))) == {
        "fence": 4,
        "revision": 2,
        "verdict": "remove",
        "actions": [{"code": "remove", "target": "item"}],
        "policies": ["insult"],
    }
