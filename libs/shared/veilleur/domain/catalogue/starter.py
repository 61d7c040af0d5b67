"""The catalogue a new client starts with."""

from dataclasses import dataclass

from veilleur.domain.catalogue.models import Verdict


@dataclass(frozen=True, slots=True)
class StarterPolicy:
    code: str
    title: str
    french: str
    severity: int
    default_actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StarterAction:
    code: str
    title: str
    verdict: Verdict
    targets: tuple[str, ...]
    needs_until: bool = False
    undo: str | None = None


STARTER_POLICIES = (
    StarterPolicy("spam", "Spam and unwanted advertising", "Spam et publicité non sollicitée", 1, ("hide",)),
    StarterPolicy("off_topic", "Off topic", "Hors sujet", 1, ("hide",)),
    StarterPolicy("insult", "Insult", "Insulte", 2, ("hide",)),
    StarterPolicy("harassment", "Harassment of a person", "Harcèlement d'une personne", 3, ("remove",)),
    StarterPolicy("hate", "Hate against a group", "Haine envers un groupe", 4, ("remove",)),
    StarterPolicy("threat", "Threat of violence", "Menace de violence", 4, ("remove",)),
    StarterPolicy("violence", "Violent content", "Contenu violent", 4, ("remove",)),
    StarterPolicy("sexual", "Sexual content", "Contenu sexuel", 3, ("remove",)),
    StarterPolicy("self_harm", "Self-harm", "Automutilation ou suicide", 4, ("hide",)),
    StarterPolicy("personal_data", "Somebody's personal data", "Données personnelles d'autrui", 2, ("hide",)),
    StarterPolicy("illegal", "Illegal content", "Contenu illicite", 5, ("remove",)),
    StarterPolicy("other", "Other breach of the house rules", "Autre manquement au règlement", 1, ("hide",)),
)

STARTER_ACTIONS = (
    StarterAction("hide", "Hide from others", "restrict", ("item",), undo="unhide"),
    StarterAction("remove", "Remove", "remove", ("item",), undo="restore"),
    StarterAction("warn", "Warn the author", "allow", ("author",)),
    StarterAction("suspend", "Suspend the author", "restrict", ("author",), needs_until=True, undo="unsuspend"),
)
