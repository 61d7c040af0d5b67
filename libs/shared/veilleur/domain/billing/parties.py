"""Who sells and who buys, as an invoice has to name them; pure.

Identifiers are checked by their own digits (python-stdnum), offline: whether a VAT id is registered is another
question.
"""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from stdnum.eu import vat as eu_vat
from stdnum.fr import siren as fr_siren
from stdnum.fr import siret as fr_siret
from stdnum.gb import vat as gb_vat

from veilleur.kernel.messages import msg

GREECE = "EL"
"""The prefix of Greek VAT ids, whose country is GR elsewhere."""
EU_COUNTRIES = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip


def _check_vat_id(value: str) -> str:
    """Compact and in capitals; ids of countries outside the EU and the United Kingdom are taken as they are."""
    compact = "".join(value.split()).replace("-", "").replace(".", "").upper()
    prefix = compact[:2]
    if prefix == "GB":
        right = bool(gb_vat.is_valid(compact))
    elif prefix in EU_COUNTRIES | {GREECE, "XI"}:
        right = bool(gb_vat.is_valid(compact[2:]) if prefix == "XI" else eu_vat.is_valid(compact))
    else:
        right = prefix.isalpha() and compact[2:].isalnum()
    if not right:
        raise ValueError(msg("is not a VAT identification number; with its country, such as {example}", example="FR…"))
    return compact


def _check_siren(value: str) -> str:
    if not fr_siren.is_valid(value):
        raise ValueError(msg("is not a SIREN: nine digits, of which the last one checks the others"))
    return str(fr_siren.compact(value))


def _check_siret(value: str) -> str:
    if not fr_siret.is_valid(value):
        raise ValueError(msg("is not a SIRET: a SIREN and five digits more"))
    return str(fr_siret.compact(value))


def _check_text(value: str) -> str:
    if any(ord(sign) < 32 for sign in value):
        raise ValueError(msg("must be one line without control characters"))
    return value.strip()


Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_check_text)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
VatId = Annotated[str, Field(min_length=4, max_length=32), AfterValidator(_check_vat_id)]


class ElectronicAddress(BaseModel):
    """Where e-invoices go: an identifier in a scheme of the Electronic Address Scheme list, such as 0225 (SIREN)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    scheme: Annotated[str, Field(pattern=r"^[0-9]{4}$|^[A-Z]{2}$")]
    id: Line


class Party(BaseModel):
    """A company with what a law may want of it on an invoice. `country` is ISO 3166-1 alpha-2."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Line
    legal_form: Line | None = None
    capital: Line | None = None
    """As it is printed: `10 000 €`."""
    address: Annotated[list[Line], Field(min_length=1, max_length=3)]
    postcode: Annotated[str, Field(min_length=1, max_length=20), AfterValidator(_check_text)]
    city: Line
    country: Country
    vat_id: VatId | None = None
    siren: Annotated[str, Field(max_length=20), AfterValidator(_check_siren)] | None = None
    siret: Annotated[str, Field(max_length=24), AfterValidator(_check_siret)] | None = None
    registration: Line | None = None
    """Of the trade register: `RCS Paris 732 829 320`, `Companies House 01234567`."""
    email: Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,255}$")] | None = None
    electronic_address: ElectronicAddress | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.siren and self.siret and not self.siret.startswith(self.siren):
            raise ValueError(msg("`siret` must begin with `siren`"))
        return self

    @property
    def in_eu(self) -> bool:
        return self.country in EU_COUNTRIES
