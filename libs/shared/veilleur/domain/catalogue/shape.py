"""How policies, actions and macros look to everybody."""

from typing import Any

from veilleur.domain.catalogue.models import Action, Macro, Policy


def describe_policy(policy: Policy) -> dict[str, Any]:
    return {
        "code": policy.code,
        "title": policy.title,
        "titles": policy.titles,
        "definition": policy.definition,
        "examples": policy.examples,
        "severity": policy.severity,
        "default_actions": policy.default_actions,
        "clause": policy.clause,
    }


def describe_action(action: Action) -> dict[str, Any]:
    return {
        "code": action.code,
        "title": action.title,
        "verdict": action.verdict,
        "targets": action.targets,
        "needs_until": action.needs_until,
        "undo": action.undo,
    }


def describe_macro(macro: Macro) -> dict[str, Any]:
    return {"code": macro.code, "title": macro.title, "texts": macro.texts}
