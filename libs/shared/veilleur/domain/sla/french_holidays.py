"""French names of public holidays for countries whose holidays the `holidays` library names in English only; pure."""

from types import MappingProxyType

_NAMES = MappingProxyType({
    "All Saints' Day": "Toussaint",
    "All Souls' Day": "Jour des défunts",
    "ANZAC Day": "Journée de l'ANZAC",
    "Ascension Day": "Ascension",
    "Assumption Day": "Assomption",
    "Assumption Of Mary Day": "Assomption",
    "Australia Day": "Fête nationale de l'Australie",
    "Boxing Day": "Lendemain de Noël",
    "Canada Day": "Fête du Canada",
    "Christmas Day": "Noël",
    "Christmas Eve": "Veille de Noël",
    "Constitution Day": "Jour de la Constitution",
    "Corpus Christi": "Fête-Dieu",
    "Day of Prayer and Repentance": "Jour de pénitence et de prière",
    "Easter": "Pâques",
    "Easter Monday": "Lundi de Pâques",
    "Easter Sunday": "Pâques",
    "Epiphany": "Épiphanie",
    "Freedom Day": "Jour de la Liberté",
    "German Unity Day": "Jour de l'Unité allemande",
    "Good Friday": "Vendredi saint",
    "Holy Saturday": "Samedi saint",
    "Immaculate Conception": "Immaculée Conception",
    "Independence Day": "Fête de l'Indépendance",
    "Juneteenth National Independence Day": "Juneteenth",
    "King's Day": "Fête du Roi",
    "Labor Day": "Fête du Travail",
    "Liberation Day": "Jour de la Libération",
    "Martin Luther King Jr. Day": "Journée de Martin Luther King",
    "Maundy Thursday": "Jeudi saint",
    "May Day": "Premier Mai",
    "Memorial Day": "Jour du Souvenir",
    "Midsummer Day": "Saint-Jean",
    "Midsummer Eve": "Veille de la Saint-Jean",
    "National Day": "Fête nationale",
    "New Year's Day": "Jour de l'An",
    "New Year's Eve": "Saint-Sylvestre",
    "Pentecost": "Pentecôte",
    "Pentecost Monday": "Lundi de Pentecôte",
    "Reformation Day": "Fête de la Réformation",
    "Republic Day": "Fête de la République",
    "Saint Joseph's Day": "Saint-Joseph",
    "Saint Patrick's Day": "Saint-Patrick",
    "Saint Stephen's Day": "Saint-Étienne",
    "Second Day of Christmas": "Lendemain de Noël",
    "Thanksgiving Day": "Action de grâce",
    "Veterans Day": "Journée des anciens combattants",
    "Victory Day": "Jour de la Victoire",
    "Whit Monday": "Lundi de Pentecôte",
    "Worker's Day": "Fête du Travail",
})  # fmt: skip
_OBSERVED = " (observed)"


def translate_holiday(english: str) -> str | None:
    """The French name; None where it is not known. Several holidays on one day are parted by semicolons."""
    names = [_translate(name) for name in english.split("; ")]
    return None if None in names else "; ".join(filter(None, names))


def _translate(english: str) -> str | None:
    name = _NAMES.get(english.removesuffix(_OBSERVED))
    return f"{name} (reporté)" if name is not None and english.endswith(_OBSERVED) else name
