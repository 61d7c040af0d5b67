import pytest

from tests.api.refusals import read_pointers
from tests.domain.billing.plans import COUNTED, flat, plan_of, tiers

URL = "/owner/v1/rate-plans/preview"
NOVEMBER = {"from": "2026-11-01", "to": "2026-12-01"}


def preview(plan, usage=None, period=None, **more):
    return {"plan": plan, "usage": usage or {}, "period": period or NOVEMBER} | more


async def test_descriptions_and_reasons_are_in_the_readers_language(shared_agency):
    part = COUNTED | {
        "label": {"en": "Replies", "fr": "Réponses"},
        "model": "graduated",
        "tiers": tiers(("2", "1"), (None, "2")),
    }
    body = preview(plan_of(part, discounts=[{"kind": "percent", "value": "10"}]), {"units": "3"})
    for language, words in (("en", ["Replies: up to 2", "Replies: beyond 2", "Discount of 10 %"]),
                            ("fr", ["Réponses: jusqu'à 2", "Réponses: au-delà de 2", "Remise de 10 %"])):  # fmt: skip
        bill = await shared_agency.owner.call("POST", URL, body, accept_language=language)
        assert [line["description"] for line in bill["lines"]] + [bill["allowances"][0]["reason"]] == words
    assert [line["tier"] for line in bill["lines"]] == [1, 2]
    assert (bill["subtotal"], bill["tax"], bill["total"]) == ("3.60", [], "3.60")


async def test_half_a_november_costs_half_and_an_anniversary_plan_begins_where_it_is_asked(shared_agency):
    half = {"from": "2026-11-16", "to": "2026-12-01"}
    begun = {"from": "2026-11-16", "to": "2026-12-16"}
    by_calendar, by_anniversary = plan_of(flat("100")), plan_of(flat("100"), anchor="anniversary")
    for plan, period, total in (
        (by_calendar, half, "50.00"),
        (by_anniversary, half, "50.00"),
        (by_anniversary, begun, "100.00"),
    ):
        assert (await shared_agency.owner.call("POST", URL, preview(plan, period=period)))["total"] == total


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (preview(plan_of(flat("1")), period={"from": "2026-12-01", "to": "2026-12-01"}), "/period/to"),
        (preview(plan_of(flat("1")), period={"from": "0001-01-01", "to": "9999-12-31"}), "/period/from"),
        (preview(plan_of(flat("1")), {"units": 3}), "/usage/units"),
        (preview(plan_of(flat("1")), {"units": "-3"}), "/usage/units"),
        (preview(plan_of(flat("1")), tax={"category": "S", "rate": "120"}), "/tax/rate"),
        (preview(plan_of(flat(1))), "/plan/components/0/amount"),
        (preview(plan_of()), "/plan/components"),
    ],
)
async def test_bad_input_is_named(shared_agency, body, pointer):
    assert pointer in read_pointers(await shared_agency.owner.ask("POST", URL, body), 422, "invalid")


async def test_moderators_see_no_money(shared_agency):
    moderator = await shared_agency.add_moderator()
    assert (await moderator.ask("POST", URL, preview(plan_of(flat("1"))))).status_code == 403


async def test_usage_without_a_price_is_refused_by_name_and_what_the_service_counts_is_named(shared_agency):
    typed = preview(plan_of(COUNTED | {"model": "per_unit", "unit": "1"}), {"foo.bar": "5", "decision.humans": "1"})
    answer = await shared_agency.owner.ask("POST", URL, typed)
    assert read_pointers(answer, 422, "unpriced-usage") == ["/usage/decision.humans", "/usage/foo.bar"]
    assert "units" in answer.json()["errors"][0]["hint"]
    counted = preview(plan_of(flat("1")), {"items.received": "5", "decision.auto": "0"})
    bill = await shared_agency.owner.call("POST", URL, counted)
    assert [(one["type"], one["meter"], one["quantity"]) for one in bill["warnings"]] == [
        ("unpriced-usage", "items.received", "5")
    ]


@pytest.mark.parametrize(
    ("part", "pointer"),
    [
        (COUNTED | {"model": "per_unit", "unit": "-5"}, "/components/0/unit"),
        (COUNTED | {"model": "graduated", "tiers": tiers(("2", "1"), (None, "2", "-1"))}, "/components/0/tiers/1/flat"),
        (COUNTED | {"model": "per_unit", "prices_by": {"dimension": "g", "units": {"a/b": "-1"}}},
         "/components/0/prices_by/units/a~1b"),
        (COUNTED | {"model": "per_unit", "unit": "1", "meter": "decision.humans"}, "/components/0/meter"),
        (COUNTED | {"model": "per_unit", "unit": "1", "meter": "item.received"}, "/components/0/meter"),
    ],
)  # fmt: skip
async def test_a_plan_of_no_meter_or_below_nothing_is_not_kept(shared_agency, part, pointer):
    answer = await shared_agency.owner.ask("POST", "/owner/v1/rate-plans", plan_of(part))
    assert read_pointers(answer, 422, "invalid") == [pointer]
    if pointer.endswith("meter"):
        assert "decision.human" in answer.json()["errors"][0]["hint"]
