"""The catalogue a new client starts with."""

from dataclasses import dataclass

from veilleur.domain.catalogue.models import Verdict


@dataclass(frozen=True, slots=True)
class StarterPolicy:
    code: str
    title: str
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
    StarterPolicy("spam", "Spam and unwanted advertising", 1, ("hide",)),
    StarterPolicy("off_topic", "Off topic", 1, ("hide",)),
    StarterPolicy("insult", "Insult", 2, ("hide",)),
    StarterPolicy("harassment", "Harassment of a person", 3, ("remove",)),
    StarterPolicy("hate", "Hate against a group", 4, ("remove",)),
    StarterPolicy("threat", "Threat of violence", 4, ("remove",)),
    StarterPolicy("violence", "Violent content", 4, ("remove",)),
    StarterPolicy("sexual", "Sexual content", 3, ("remove",)),
    StarterPolicy("self_harm", "Self-harm", 4, ("hide",)),
    StarterPolicy("personal_data", "Somebody's personal data", 2, ("hide",)),
    StarterPolicy("illegal", "Illegal content", 5, ("remove",)),
    StarterPolicy("other", "Other breach of the house rules", 1, ("hide",)),
)

STARTER_ACTIONS = (
    StarterAction("hide", "Hide from others", "restrict", ("item",), undo="unhide"),
    StarterAction("remove", "Remove", "remove", ("item",), undo="restore"),
    StarterAction("warn", "Warn the author", "allow", ("author",)),
    StarterAction("suspend", "Suspend the author", "restrict", ("author",), needs_until=True, undo="unsuspend"),
)
