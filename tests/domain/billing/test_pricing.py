from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.billing.plans import COUNTED, bill, flat, tiers, total
from veilleur.domain.billing.period import Period, period_of, share_of_periods
from veilleur.domain.billing.quantities import Metered
from veilleur.domain.billing.tax import TaxTerms
from veilleur.kernel.errors import Invalid
from veilleur.kernel.money import split_amount

cents = st.decimals(0, 100_000, places=2)
prices = st.decimals(0, 100, places=4)
whole = st.integers(0, 100_000)


def test_a_line_is_rounded_once_half_up():
    assert total(COUNTED | {"model": "per_unit", "unit": "0.005"}, units="1") == "0.01"
    assert total(COUNTED | {"model": "per_unit", "unit": "0.005"}, units="3") == "0.02"


def test_included_quantities_are_free_and_never_given_back():
    part = COUNTED | {"model": "per_unit", "unit": "2", "included": "10"}
    assert total(part, units="4") == "0.00"
    assert total(part, units="12.5") == "5.00"


def test_what_costs_nothing_is_no_line():
    assert bill(COUNTED | {"model": "graduated", "tiers": tiers(("10", "0"), (None, "1"))}, units="7").lines == ()


def test_time_is_summed_before_it_is_raised_to_the_increment():
    part = COUNTED | {"model": "time", "unit": "60", "time": {"per": "hour", "increment_seconds": 900}}
    usage = {"units": [Metered(Decimal(60))] * 15}
    assert total(part, usage=usage) == "15.00"


def test_a_minimum_of_time_counts_only_when_there_was_any():
    part = COUNTED | {
        "model": "time", "unit": "60", "time": {"per": "hour", "increment_seconds": 60, "minimum_seconds": 1_800},
    }  # fmt: skip
    assert total(part, units="10") == "30.00"
    assert total(part, units="0") == "0.00"


def test_distinct_values_count_once_and_one_that_was_taken_back_not_at_all():
    part = COUNTED | {"model": "per_unit", "unit": "10", "aggregation": "unique", "unique_on": "network"}
    counted = [("x", 1), ("x", 1), ("tiktok", 1), ("tiktok", -1), ("reddit", 1)]
    usage = {"units": [Metered(Decimal(count), {"network": network}) for network, count in counted]}
    assert total(part, usage=usage) == "20.00"


def test_filters_choose_what_is_counted():
    part = COUNTED | {"model": "per_unit", "unit": "1", "filters": {"language": ["fr", "en"]}}
    usage = {"units": [Metered(Decimal(5), {"language": language}) for language in ("fr", "de", "en")]}
    assert total(part, usage=usage) == "10.00"


def test_usage_without_a_price_is_refused_not_forgotten():
    part = COUNTED | {"model": "per_unit", "prices_by": {"dimension": "grade", "units": {"junior": "1"}}}
    with pytest.raises(Invalid) as refused:
        bill(part, usage={"units": [Metered(Decimal(2), {"grade": "expert"})]})
    assert refused.value.slug == "unpriced-usage"
    assert [str(error.detail) for error in refused.value.errors] == ["2 of expert has no price"]


def test_what_is_paid_once_is_paid_in_the_first_period():
    part = {"code": "start", "model": "one_off", "label": {"en": "Start"}, "amount": "600"}
    assert total(part) == "600.00"
    assert total(part, first=False) == "0.00"


def test_part_of_a_period_is_part_of_the_fee_and_of_the_minimum_unless_agreed_otherwise():
    half = Fraction(1, 2)
    assert total(flat("100"), periods=half) == "50.00"
    assert total(flat("100", prorate=False), periods=half) == "100.00"
    assert total(flat("1"), periods=half, minimum_commitment={"amount": "900"}) == "450.00"
    assert total(flat("100"), periods=3) == "300.00"


def test_discounts_come_before_the_minimum_and_never_below_nought():
    minimum = {"amount": "95"}
    tenth = [{"kind": "percent", "value": "10"}]
    assert total(flat("100"), discounts=tenth) == "90.00"
    assert total(flat("100"), discounts=tenth, minimum_commitment=minimum) == "95.00"
    assert total(flat("100"), discounts=[{"kind": "amount", "value": "70"}] * 2) == "0.00"
    only = [{"kind": "percent", "value": "50", "component": "b"}]
    assert total(flat("100", "a"), flat("10", "b"), discounts=only) == "105.00"


STEPS = [{"met_below_percent": "99", "credit_percent": "5"}, {"met_below_percent": "90", "credit_percent": "25"}]


@pytest.mark.parametrize(
    ("met", "breached", "expected"),
    [(99, 1, "100.00"), (98, 2, "95.00"), (90, 10, "95.00"), (89, 11, "75.00"), (0, 0, "100.00")],
)
def test_the_highest_step_reached_is_credited_and_no_promise_breaks_none(met, breached, expected):
    dims = {"sla_class": "urgent"}
    usage = {"sla.met": [Metered(Decimal(met), dims)], "sla.breached": [Metered(Decimal(breached), dims)]}
    assert total(flat("100"), usage=usage, sla_credits=[{"sla_class": "urgent", "steps": STEPS}]) == expected


def test_a_credit_on_what_recurs_leaves_usage_alone():
    usage = {"units": [Metered(Decimal(100))], "sla.breached": [Metered(Decimal(1), {"sla_class": "urgent"})]}
    parts = (flat("100"), COUNTED | {"model": "per_unit", "unit": "1"})
    promised = [{"sla_class": "urgent", "steps": STEPS}]
    assert total(*parts, usage=usage, sla_credits=promised) == "175.00"
    assert total(*parts, usage=usage, sla_credits=[promised[0] | {"basis": "period_net"}]) == "150.00"
    assert total(*parts, usage=usage, sla_credits=[promised[0] | {"max_percent": "10"}]) == "190.00"


def test_vat_is_charged_per_category_with_allowances_shared_among_them():
    parts = (flat("100", "a"), flat("50", "b", vat="exempt"), flat("50", "c", vat="reduced"))
    off = [{"kind": "amount", "value": "10"}]
    found = bill(*parts, discounts=off, tax=TaxTerms("S", Decimal(20), Decimal("5.5")))
    rows = [(row.category, str(row.rate), str(row.basis), str(row.amount)) for row in found.tax]
    assert rows == [("S", "20", "95.00", "19.00"), ("E", "0", "47.50", "0.00"), ("S", "5.5", "47.50", "2.61")]
    assert str(found.total) == "211.61"
    reverse = bill(*parts, tax=TaxTerms("AE", Decimal(20)))
    assert [(row.category, str(row.rate), str(row.amount)) for row in reverse.tax] == [("AE", "0", "0.00")]


def test_a_reduced_component_without_a_reduced_rate_is_refused():
    with pytest.raises(Invalid) as refused:
        bill(flat("1", vat="reduced"), tax=TaxTerms("S", Decimal(20)))
    assert [error.pointer for error in refused.value.errors] == ["/tax/reduced_rate"]


@given(cents, st.lists(st.decimals(0, 1_000, places=2), min_size=1, max_size=8))
def test_shares_add_up_and_none_is_a_cent_away_from_exact(amount, weights):
    shares = split_amount(amount, weights)
    assert sum(shares) == amount
    whole_weight = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        exact = amount * weight / whole_weight if whole_weight else amount / len(weights)
        assert abs(share - exact) < Decimal("0.01")


def test_openmeters_split_of_a_hundred():
    assert [str(share) for share in split_amount(Decimal(100), [Decimal(1), Decimal(2), Decimal(3)])] == [
        "16.67", "33.33", "50.00",
    ]  # fmt: skip


@given(whole, whole, st.lists(st.tuples(st.integers(1, 5_000), prices), min_size=1, max_size=4))
def test_more_units_never_cost_less_when_graduated_and_tiers_are_where_they_say(less, more, drawn):
    limits = sorted({limit for limit, _ in drawn})
    steps = [(str(limit), str(price)) for limit, (_, price) in zip(limits, drawn, strict=False)]
    part = COUNTED | {"model": "graduated", "tiers": tiers(*steps, (None, "0.5"))}
    first, second = (bill(part, units=str(units)) for units in sorted((less, more)))
    assert first.total <= second.total
    assert all(
        line.net == (line.quantity * line.unit_price).quantize(Decimal("0.01"), "ROUND_HALF_UP")
        for line in second.lines
    )


@given(whole, prices)
def test_one_endless_tier_is_a_price_a_unit(units, price):
    steps = tiers((None, str(price)))
    plain = total(COUNTED | {"model": "per_unit", "unit": str(price)}, units=str(units))
    assert {
        total(COUNTED | {"model": model, "tiers": steps}, units=str(units)) for model in ("graduated", "volume")
    } == {plain}


@given(st.lists(st.tuples(prices, whole), min_size=1, max_size=6), st.sampled_from(["0", "5.5", "20"]))
def test_a_bill_adds_up_and_is_the_same_every_time(drawn, rate):
    parts = [
        COUNTED | {"code": f"c{index}", "meter": f"m{index}", "model": "per_unit", "unit": str(price)}
        for index, (price, _) in enumerate(drawn)
    ]
    usage = {f"m{index}": [Metered(Decimal(units))] for index, (_, units) in enumerate(drawn)}
    more = {"discounts": [{"kind": "percent", "value": "7.5"}], "tax": TaxTerms("S", Decimal(rate)), "usage": usage}
    found = bill(*parts, **more)
    assert found.subtotal == sum(line.net for line in found.lines) - sum(row.amount for row in found.allowances)
    assert found.subtotal == sum(row.basis for row in found.tax)
    assert found.total == found.subtotal + sum(row.amount for row in found.tax)
    assert bill(*parts, **more) == found


@pytest.mark.parametrize(
    ("day", "interval", "anchor", "first", "past"),
    [
        ("2026-11-22", "month", None, "2026-11-01", "2026-12-01"),
        ("2026-11-22", "quarter", None, "2026-10-01", "2027-01-01"),
        ("2026-11-22", "year", None, "2026-01-01", "2027-01-01"),
        ("2026-02-28", "month", "2026-01-31", "2026-02-28", "2026-03-31"),
        ("2026-03-30", "month", "2026-01-31", "2026-02-28", "2026-03-31"),
        ("2026-01-30", "month", "2025-12-31", "2025-12-31", "2026-01-31"),
        ("2028-02-29", "year", "2024-02-29", "2028-02-29", "2029-02-28"),
    ],
)
def test_periods_by_the_calendar_and_by_the_anniversary(day, interval, anchor, first, past):
    found = period_of(date.fromisoformat(day), interval, anchor and date.fromisoformat(anchor))
    assert (found.first.isoformat(), found.past.isoformat()) == (first, past)


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(1, 800), st.sampled_from(["month", "quarter", "year"]))
def test_cutting_a_span_in_two_changes_nothing(first, days, interval):
    past = date.fromordinal(first.toordinal() + days)
    middle = date.fromordinal(first.toordinal() + days // 2)
    parts = [Period(first, middle), Period(middle, past)]
    assert sum(share_of_periods(part, interval) for part in parts) == share_of_periods(Period(first, past), interval)
