"""Parties: what their numbers say about themselves."""

import pytest
from pydantic import ValidationError

from tests.support.billing import BUYER
from veilleur.domain.billing.parties import Party


@pytest.mark.parametrize(
    ("country", "given", "kept"),
    [
        ("FR", "FR 44 732829320", "FR44732829320"),
        ("DE", "de136695976", "DE136695976"),
        ("GR", "EL 094259216", "EL094259216"),
        ("GB", "GB 980 7806 84", "GB980780684"),
        ("GB", "XI 980 7806 84", "XI980780684"),
        ("CH", "CHE-107.787.577 IVA", "CHE107787577IVA"),
    ],
)
def test_vat_ids_are_kept_compact(country, given, kept):
    assert Party.model_validate(BUYER | {"country": country, "vat_id": given}).vat_id == kept


@pytest.mark.parametrize(
    "wrong",
    [
        {"vat_id": "FR45732829320"},
        {"vat_id": "GB123456789"},
        {"vat_id": "73282932012"},
        {"siren": "732829321"},
        {"siret": "73282932000075"},
        {"siret": "55208131766522", "siren": "732829320"},
        {"country": "fr"},
        {"address": []},
        {"name": "two\nlines"},
        {"electronic_address": {"scheme": "225", "id": "732829320"}},
        {"colour": "red"},
    ],
)
def test_what_can_not_be_printed_is_refused(wrong):
    with pytest.raises(ValidationError):
        Party.model_validate(BUYER | wrong)


def test_a_siret_begins_with_its_siren():
    party = Party.model_validate(BUYER | {"siret": "732 829 320 00074"})
    assert (party.siret, party.in_eu) == ("73282932000074", True)
