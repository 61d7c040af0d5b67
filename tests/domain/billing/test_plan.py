import pytest

from tests.domain.billing.plans import COUNTED, flat, plan_of, tiers
from veilleur.domain.billing.plan import read_plan
from veilleur.kernel.errors import Invalid


@pytest.mark.parametrize(
    ("component", "pointer"),
    [
        (flat(12.5), "/components/0/amount"),
        (flat("1.1234567"), "/components/0/amount"),
        (flat("1e3"), "/components/0/amount"),
        (flat("NaN"), "/components/0/amount"),
        (flat("1", vat="none"), "/components/0/vat"),
        (COUNTED | {"model": "flat"}, "/components/0/amount"),
        (COUNTED | {"model": "per_unit"}, "/components/0"),
        (COUNTED | {"model": "package", "unit": "1"}, "/components/0/package_size"),
        (COUNTED | {"model": "package", "unit": "1", "package_size": "0"}, "/components/0/package_size"),
        (COUNTED | {"model": "graduated"}, "/components/0/tiers"),
        (COUNTED | {"model": "graduated", "tiers": tiers(("5", "1"))}, "/components/0/tiers/0/up_to"),
        (COUNTED | {"model": "volume", "tiers": tiers(("5", "1"), ("5", "1"), (None, "1"))}, "/components/0/tiers/1/up_to"),
        (COUNTED | {"model": "volume", "tiers": tiers((None, "1"), (None, "1"))}, "/components/0/tiers/0/up_to"),
        (COUNTED | {"model": "per_unit", "unit": "1", "aggregation": "unique"}, "/components/0/unique_on"),
        (COUNTED | {"model": "time", "unit": "1", "time": {"per": "day", "increment_seconds": 60}}, "/components/0/time/hours_per_day"),
        (COUNTED | {"model": "magic"}, "/components/0/model"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_where_it_stands(component, pointer):
    with pytest.raises(Invalid) as refused:
        read_plan(plan_of(component), "/plan")
    assert f"/plan{pointer}" in [error.pointer for error in refused.value.errors]


def test_all_mistakes_are_told_at_once():
    wrong = plan_of(
        flat("1"), flat("1"),
        discounts=[{"kind": "percent", "value": "101", "component": "x"}],
        minimum_commitment={"amount": "10"}, cap={"amount": "5"},
    )  # fmt: skip
    with pytest.raises(Invalid) as refused:
        read_plan(wrong)
    pointers = [error.pointer for error in refused.value.errors]
    assert pointers == ["/components/1/code", "/discounts/0/component", "/discounts/0/value", "/cap/amount"]


def test_a_plan_reads_back_as_it_was_written():
    plan = read_plan(plan_of(flat("12.50"), COUNTED | {"model": "volume", "tiers": tiers(("5", "0.005"), (None, "1"))}))
    assert read_plan(plan.model_dump(mode="json", exclude_unset=True)) == plan
    assert plan.model_dump(mode="json")["components"][0]["amount"] == "12.50"
