"""The guide of a client: what its moderators may say, and how to recognise it."""

from typing import Any

from veilleur.domain.catalogue.queries import ClientCatalogue
from veilleur.kernel.strict_json import canonical_digest


def describe_guide(catalogue: ClientCatalogue) -> dict[str, Any]:
    """The guide as the contract shapes it; `version` changes exactly when its content does."""
    return {"version": guide_version(catalogue)} | _content(catalogue)


def guide_version(catalogue: ClientCatalogue) -> str:
    return canonical_digest(_content(catalogue)).hex()[:16]


def _content(catalogue: ClientCatalogue) -> dict[str, Any]:
    return {
        "policies": [
            {
                "code": policy.code,
                "title": policy.title,
                "definition": policy.definition,
                "examples": policy.examples,
                "severity": policy.severity,
                "default_actions": policy.default_actions,
            }
            for policy in catalogue.policies.values()
        ],
        "actions": [
            {
                "code": action.code,
                "title": action.title,
                "verdict": action.verdict,
                "targets": action.targets,
                "needs_until": action.needs_until,
            }
            for action in catalogue.actions.values()
        ],
    }
