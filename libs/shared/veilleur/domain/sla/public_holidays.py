"""The public holidays of a country, year by year, as the `holidays` library knows them.

Only days off for everybody in the country, or in the named subdivision of it: a day kept by one region alone is no
holiday of the whole country. Days given instead of one that falls on a weekend are included.
"""

import warnings
from datetime import date
from functools import lru_cache
from importlib.metadata import version

import holidays

from veilleur.domain.sla.french_holidays import translate_holiday


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


def name_holidays(country: str, subdivision: str | None, year: int) -> dict[date, dict[str, str]]:
    """The same days in order, with their names by language: English, and French where it is known."""
    english = _list_names(country, subdivision, year, "en_US")
    french = _list_names(country, subdivision, year, "fr") if "fr" in _languages().get(country, ()) else {}
    named: dict[date, dict[str, str]] = {}
    for day, name in sorted(english.items()):
        translated = french.get(day) or translate_holiday(name)
        named[day] = {"en": name} | ({"fr": translated} if translated else {})
    return named


def holiday_source() -> str:
    """Where the days come from, with the version that knows them."""
    return f"holidays {version('holidays')}"


def _list_names(country: str, subdivision: str | None, year: int, language: str) -> dict[date, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(holidays.country_holidays(country, subdivision, years=year, expand=False, language=language))


@lru_cache(maxsize=1)
def _languages() -> dict[str, list[str]]:
    return holidays.list_localized_countries(include_aliases=False)


@lru_cache(maxsize=1)
def _subdivisions() -> dict[str, list[str]]:
    return holidays.list_supported_countries(include_aliases=False)
