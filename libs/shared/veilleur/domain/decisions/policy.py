"""What may be decided: verdict, actions and policies against the client's own catalogue; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from veilleur.domain.catalogue.models import Action, Verdict
from veilleur.domain.catalogue.queries import ClientCatalogue
from veilleur.kernel.errors import InputError
from veilleur.kernel.messages import msg

SEVERITY: Mapping[str, int] = {"allow": 0, "restrict": 1, "remove": 2}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What somebody wants to decide."""

    verdict: Verdict
    actions: tuple[dict[str, Any], ...]
    policies: tuple[str, ...]


def check_ruling(ruling: Ruling, catalogue: ClientCatalogue, present: datetime) -> list[InputError]:
    """Everything that does not fit the client's catalogue; each mistake says what would fit."""
    return [*_check_policies(ruling.policies, catalogue), *_check_actions(ruling, catalogue, present)]


def _check_policies(policies: Sequence[str], catalogue: ClientCatalogue) -> list[InputError]:
    allowed = msg("allowed: {codes}", codes=sorted(catalogue.policies))
    return [
        InputError(f"/policies/{position}", msg("{code} is not a policy of this client", code=code), allowed)
        for position, code in enumerate(policies)
        if code not in catalogue.policies
    ]


def _check_actions(ruling: Ruling, catalogue: ClientCatalogue, present: datetime) -> list[InputError]:
    errors: list[InputError] = []
    allowed = msg("allowed: {codes}", codes=sorted(catalogue.actions))
    for position, wanted in enumerate(ruling.actions):
        pointer = f"/actions/{position}"
        action = catalogue.actions.get(wanted["code"])
        if action is None:
            unknown = msg("{code} is not an action of this client", code=wanted["code"])
            errors.append(InputError(f"{pointer}/code", unknown, allowed))
        else:
            errors.extend(_check_action(ruling.verdict, wanted, action, pointer))
            errors.extend(_check_end(wanted, pointer, present))
    return errors


def _check_action(verdict: Verdict, wanted: Mapping[str, Any], action: Action, pointer: str) -> list[InputError]:
    errors: list[InputError] = []
    if wanted["target"] not in action.targets:
        detail = msg("{code} has no such target", code=action.code)
        errors.append(InputError(f"{pointer}/target", detail, msg("allowed: {codes}", codes=action.targets)))
    if SEVERITY[action.verdict] > SEVERITY[verdict]:
        detail = msg("{code} does not go with the verdict {verdict}", code=action.code, verdict=verdict)
        errors.append(InputError(f"{pointer}/code", detail, msg("it needs at least {verdict}", verdict=action.verdict)))
    if action.needs_until and not wanted.get("until"):
        detail = msg("{code} needs an end", code=action.code)
        errors.append(InputError(f"{pointer}/until", detail, msg("an RFC 3339 time in the future")))
    return errors


def _check_end(wanted: Mapping[str, Any], pointer: str, present: datetime) -> list[InputError]:
    until = wanted.get("until")
    if until is None or datetime.fromisoformat(until) > present:
        return []
    return [InputError(f"{pointer}/until", msg("the end is in the past"), msg("an RFC 3339 time in the future"))]
