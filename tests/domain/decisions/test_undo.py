"""What a reversal takes back, and what it does to the bill; without a database."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from veilleur.domain.catalogue.models import Action
from veilleur.domain.decisions.billable import Counted, Recount, recount
from veilleur.domain.decisions.models import Decision
from veilleur.domain.decisions.undo import undo_actions
from veilleur.kernel.ids import new_id

CATALOGUE = {
    "hide": Action(code="hide", undo="unhide"),
    "suspend": Action(code="suspend", undo="unsuspend"),
    "warn": Action(code="warn", undo=None),
}
CLIENT, SOURCE, ITEM, MEMBER = (new_id() for _ in range(4))


def test_each_action_is_undone_on_its_target_the_last_one_first():
    taken = [
        {"code": "hide", "target": "item", "text": "why", "params": {"room": 3}},
        {"code": "suspend", "target": "author", "until": "2027-01-01T00:00:00Z"},
    ]
    assert undo_actions(taken, CATALOGUE) == [
        {"code": "unsuspend", "target": "author"},
        {"code": "unhide", "target": "item", "params": {"room": 3}},
    ]


def test_what_has_no_undo_or_left_the_catalogue_is_left_out():
    taken = [{"code": "warn", "target": "author"}, {"code": "forgotten", "target": "item"}]
    assert undo_actions(taken, CATALOGUE) == []


def decision(member=None):
    return Decision(
        id=new_id(), client_id=CLIENT, source_id=SOURCE, item_id=ITEM, member_id=member,
        made_at=datetime(2026, 11, 22, 10, tzinfo=UTC),
    )  # fmt: skip


def counted(meter, quantity=1, billable=True):
    return Counted(new_id(), meter, Decimal(quantity), billable)


def reversal(cause, member=None, billable=False):
    return Recount(decision(member), decision(), cause, billable, "Europe/Paris")


def test_what_a_rule_did_is_taken_off_the_bill_record_by_record():
    paid, free = counted("decision.auto"), counted("decision.auto", billable=False)
    wanted = reversal("rule")
    facts = recount(wanted, [paid, free])
    assert [(fact.quantity, fact.billable, fact.corrects_id) for fact in facts] == [
        (-1, True, paid.id),
        (-1, False, free.id),
    ]
    assert {fact.decision_id for fact in facts} == {wanted.old.id}


def test_what_the_client_overruled_stays_to_be_paid_and_is_flagged():
    [flag] = recount(reversal("client"), [counted("decision.human"), counted("review.seconds", 40)])
    assert (flag.meter, flag.quantity, flag.billable, flag.reason) == (
        "decision.human", 0, True, "overruled_by_client",
    )  # fmt: skip


@pytest.mark.parametrize("cause", ["correction", "appeal"])
@pytest.mark.parametrize("billable", [True, False])
def test_a_second_decision_is_counted_and_paid_only_if_told_so(cause, billable):
    wanted = reversal(cause, MEMBER, billable)
    [fact] = recount(wanted, [counted("decision.human")])
    assert (fact.meter, fact.quantity, fact.billable, fact.decision_id, fact.member_id) == (
        "decision.human", 1, billable, wanted.made.id, MEMBER,
    )  # fmt: skip
    assert fact.reason == (None if billable else cause)
