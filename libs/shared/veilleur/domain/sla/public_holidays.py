"""The public holidays of a country, year by year, as the `holidays` library knows them.

Only days off for everybody in the country, or in the named subdivision of it: a day kept by one region alone is no
holiday of the whole country. Days given instead of one that falls on a weekend are included.
"""

import warnings
from datetime import date
from functools import lru_cache
from importlib.metadata import version

import holidays


def is_known_country(country: str) -> bool:
    """Whether the holidays of this ISO 3166-1 alpha-2 code are known."""
    return country in _subdivisions()


def is_known_subdivision(country: str, subdivision: str) -> bool:
    """Whether the subdivision (the part of its ISO 3166-2 code behind the hyphen) has known holidays of its own."""
    return subdivision in _subdivisions().get(country, ())


@lru_cache(maxsize=2048)
def public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    """The holidays of one year; none for a year the library has no data for."""
    with warnings.catch_warnings():
        # Where a religious calendar is known for some years only, the library warns and gives the rest.
        warnings.simplefilter("ignore")
        # The language names the days, which are not used: any fixed one keeps the process's locale out of it.
        return frozenset(holidays.country_holidays(country, subdivision, years=year, expand=False, language="en_US"))


def name_holidays(country: str, subdivision: str | None, year: int) -> dict[date, str]:
    """The same days with their English names, in order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        days = holidays.country_holidays(country, subdivision, years=year, expand=False, language="en_US")
    return dict(sorted(days.items()))


def holiday_source() -> str:
    """Where the days come from, with the version that knows them."""
    return f"holidays {version('holidays')}"


@lru_cache(maxsize=1)
def _subdivisions() -> dict[str, list[str]]:
    return holidays.list_supported_countries(include_aliases=False)
