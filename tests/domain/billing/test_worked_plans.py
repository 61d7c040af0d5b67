"""Seven plans as agencies sell them, each with one month worked out by hand, priced through the public call."""

import json
from pathlib import Path

import pytest

PLANS = json.loads((Path(__file__).parent / "worked_plans.json").read_text())


@pytest.mark.parametrize("worked", PLANS, ids=lambda worked: worked["plan"]["code"])
async def test_a_worked_month_comes_out_to_the_cent(world, worked):
    agency = await world.operator.found_agency()
    body = {
        "plan": worked["plan"],
        "usage": worked["usage"],
        "period": {"from": "2026-11-01", "to": "2026-12-01"},
        "tax": {"category": "S", "rate": "20"},
    }
    bill = await agency.owner.call("POST", "/owner/v1/rate-plans/preview", body, 200)
    assert [[line["quantity"], line["unit_price"], line["net"]] for line in bill["lines"]] == worked["lines"]
    assert [allowance["amount"] for allowance in bill["allowances"]] == worked["allowances"]
    assert bill["subtotal"] == worked["subtotal"]
    assert bill["tax"] == [{"category": "S", "rate": "20", "basis": worked["subtotal"], "amount": worked["tax"]}]
    assert (bill["total"], bill["currency"]) == (worked["total"], worked["plan"]["currency"])
