"""Pure rules around a statement: what is distinct, what is late, what lines are called, how far a period has come."""

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.billing.plans import COUNTED, flat, plan_of, tiers
from veilleur.domain.billing.plan import read_plan
from veilleur.domain.billing.pricing import price_period
from veilleur.domain.billing.quantities import Metered
from veilleur.domain.invoicing.late import subtract_bills
from veilleur.domain.invoicing.line_ids import LineId, name_line, read_line_id
from veilleur.domain.invoicing.thresholds import measure
from veilleur.domain.invoicing.usage import to_usage
from veilleur.domain.metering.sums import Summed

PLANS = {
    "graduated": COUNTED | {"model": "graduated", "tiers": tiers(("10", "1"), ("50", "0.333333", "5"), (None, "0.25"))},
    "volume": COUNTED | {"model": "volume", "tiers": tiers(("10", "1"), (None, "0.5"))},
    "package": COUNTED | {"model": "package", "package_size": "7", "unit": "3"},
    "by value": COUNTED | {"model": "per_unit", "prices_by": {"dimension": "grade", "units": {"a": "1.005", "b": "2"}}},
}


def bill_of(plan, *quantities):
    usage = {"units": [Metered(Decimal(one), {"grade": "ab"[place % 2]}) for place, one in enumerate(quantities)]}
    return price_period(read_plan(plan), usage)


@pytest.mark.parametrize("model", PLANS)
@given(
    before=st.tuples(st.integers(0, 99), st.integers(0, 99)), more=st.tuples(st.integers(-50, 99), st.integers(0, 99))
)
def test_what_was_billed_and_what_came_late_make_the_bill_of_both(model, before, more):
    plan = plan_of(PLANS[model], flat("100"))
    after = tuple(max(0, one + other) for one, other in zip(before, more, strict=True))
    first, second = bill_of(plan, *before), bill_of(plan, *after)
    changes = subtract_bills(second, first)
    quantities: dict[tuple[object, ...], Decimal] = {}
    for line, sign in [(line, 1) for line in (*first.lines, *changes)] + [(line, -1) for line in second.lines]:
        key = line.component, line.tier, line.part, line.unit_price
        quantities[key] = quantities.get(key, Decimal(0)) + sign * line.quantity
    assert set(quantities.values()) <= {Decimal(0)}
    assert all(abs(line.net - line.quantity * line.unit_price) <= Decimal("0.005") for line in changes)
    owed = sum((line.net for line in changes), Decimal(0))
    assert abs(first.subtotal + owed - second.subtotal) <= Decimal("0.03")
    assert subtract_bills(first, first) == []


def test_discounts_of_a_late_line_are_given_as_well():
    plan = plan_of(COUNTED | {"model": "per_unit", "unit": "10"}, discounts=[{"kind": "percent", "value": "10"}])
    late = subtract_bills(bill_of(plan, 5), bill_of(plan, 2))
    assert [(line.component, str(line.net)) for line in late] == [("units", "30.00"), ("allowances", "-3.00")]


def test_what_is_distinct_follows_from_what_was_received():
    one, other = UUID(int=1), UUID(int=2)
    rows = [
        Summed("items.received", one, {"network": "slack", "channel": "a", "language": "fr"}, Decimal(3), 3),
        Summed("items.received", one, {"network": "slack", "channel": "b"}, Decimal(2), 2),
        Summed("items.received", other, {"network": "discord", "channel": "a", "language": "fr"}, Decimal(0), 2),
        Summed("decision.human", other, {"in_hours": True, "language": "de"}, Decimal(1), 1),
    ]
    usage = to_usage(rows)
    assert [row.dims for row in usage["network.active"]] == [{"network": "slack"}]
    assert [row.dims["channel"] for row in usage["channel.active"]] == ["a", "b"]
    assert [row.dims for row in usage["language.active"]] == [{"language": "fr", "lang": "fr"}]
    assert len(usage["community.active"]) == 1
    assert usage["decision.human"][0].dims["in_hours"] == "true"


@given(st.uuids(), st.none() | st.uuids(), st.sampled_from(["", "a:b", "ü+"]))
def test_a_lines_name_reads_back(period_id, late_for, part):
    line = bill_of(plan_of(PLANS["graduated"]), 20).lines[1]
    shown = name_line(period_id, line, late_for)
    assert read_line_id(shown) == LineId(period_id, "units", line.part, late_for)
    assert read_line_id(shown.rpartition(":")[0] + ":" + part) == LineId(period_id, "units", part, late_for)


@pytest.mark.parametrize(
    "wrong", ["", "x", "prd_1:a:1:", "prd_01m818dwqxfn79arzr7cx4ter8", "prd_01m818dwqxfn79arzr7cx4ter8+x:a:1:"]
)
def test_what_is_no_lines_name_is_none(wrong):
    assert read_line_id(wrong) is None


@pytest.mark.parametrize(
    ("component", "share"),
    [
        (COUNTED | {"model": "per_unit", "unit": "1", "included": "40"}, "75"),
        (COUNTED | {"model": "graduated", "tiers": tiers(("60", "0"), (None, "1"))}, "50"),
        (COUNTED | {"model": "per_unit", "unit": "1"}, "0"),
    ],
)
def test_the_share_of_what_is_included(component, share):
    plan = read_plan(plan_of(component))
    usage = {"units": [Metered(Decimal(30))]}
    total = price_period(plan, usage)
    assert measure("included", "units", plan, usage, total) == Decimal(share)
    assert measure("quantity", "units", plan, usage, total) == 30
    assert measure("amount", None, plan, usage, total) == total.subtotal
