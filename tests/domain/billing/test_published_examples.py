"""Examples others published for their own billing, with where they stand; ours must give the same cents."""

from decimal import Decimal

import pytest

from tests.domain.billing.plans import COUNTED, bill, flat, tiers, total
from veilleur.domain.billing.tax import TaxTerms

STRIPE = tiers(("5", "7"), ("10", "6.5"), (None, "6"))
STRIPE_FLAT = tiers(("5", "5", "10"), ("10", "4", "20"), (None, "3", "30"))


def tiered(model, steps):
    return COUNTED | {"model": model, "tiers": steps}


@pytest.mark.parametrize(
    ("units", "expected"), [("1", "7.00"), ("5", "35.00"), ("6", "39.00"), ("20", "120.00"), ("25", "150.00")]
)
def test_stripe_volume(units, expected):
    """docs.stripe.com, tiered pricing: the tier that is reached prices everything."""
    assert total(tiered("volume", STRIPE), units=units) == expected


@pytest.mark.parametrize(
    ("units", "expected"), [("1", "7.00"), ("5", "35.00"), ("6", "41.50"), ("20", "127.50"), ("25", "157.50")]
)
def test_stripe_graduated(units, expected):
    """docs.stripe.com, tiered pricing: each tier prices what falls into it."""
    assert total(tiered("graduated", STRIPE), units=units) == expected


@pytest.mark.parametrize(("units", "expected"), [("0", "10.00"), ("5", "35.00"), ("6", "59.00"), ("11", "108.00")])
def test_graduated_with_flat_fees(units, expected):
    """The first tier's fee is due without any usage; each later one as soon as its tier is entered."""
    assert total(tiered("graduated", STRIPE_FLAT), units=units) == expected


@pytest.mark.parametrize(("units", "expected"), [("1", "5.00"), ("100", "5.00"), ("101", "10.00"), ("0", "0.00")])
def test_lago_package(units, expected):
    """getlago.com/docs, package model: started packages are charged whole."""
    assert total(COUNTED | {"model": "package", "unit": "5", "package_size": "100"}, units=units) == expected


def test_lago_proration():
    """lago-api specs: 200 for 29 of 30 days."""
    assert total(flat("200"), periods="29/30") == "193.33"


def test_openmeter_maximum_spend():
    """openmeter rating tests: a cap of 170 on 182 is an allowance of 12."""
    found = bill(COUNTED | {"model": "per_unit", "unit": "1"}, units="182", cap={"amount": "170"})
    assert (str(found.total), [str(allowance.amount) for allowance in found.allowances]) == ("170.00", ["12.00"])


def test_kosit_vat():
    """itplr-kosit issue 74: 7 612.50 at 19 %."""

    found = bill(flat("7612.50"), tax=TaxTerms("S", Decimal(19)))
    assert [str(row.amount) for row in found.tax] == ["1446.38"]
