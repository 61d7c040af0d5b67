"""How a decision looks to clients, moderators and owners."""

from collections.abc import Mapping
from typing import Any

from veilleur.domain.catalogue.models import Policy
from veilleur.domain.decisions.models import Decision
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import choose_language, msg


def decision_payload(decision: Decision, policies: Mapping[str, Policy]) -> dict[str, Any]:
    """The decision as the contract shapes it, statement of reasons included; notes never."""
    return {
        "id": show_id("dec", decision.id),
        "verdict": decision.verdict,
        "actions": decision.actions,
        "policies": decision.policies,
        "automated": decision.automated,
        "automated_detection": decision.automated_detection,
        "rule_set_version": decision.rule_set_version,
        "matched_rules": decision.matched_rules,
        "reason": _reason(decision, policies),
        "made_at": to_rfc3339(decision.made_at),
    }


def _reason(decision: Decision, policies: Mapping[str, Policy]) -> dict[str, Any] | None:
    """The statement of reasons (DSA art. 17): none for what is allowed without a word."""
    if decision.verdict == "allow" and not decision.explanation:
        return None
    language = choose_language(decision.language)
    titles = [
        policies[code].titles.get(language, policies[code].title) if code in policies else code
        for code in decision.policies
    ]
    text = decision.explanation or (
        msg("This content breaks our rules: {titles}", titles=titles)
        if titles
        else msg("This content breaks our rules")
    )
    named = next(
        (policies[code].clause for code in decision.policies if code in policies and policies[code].clause), None
    )
    return {
        "text": text if isinstance(text, str) else text.render(language),
        "language": decision.language if decision.explanation else language,
        "ground": "illegal" if "illegal" in decision.policies else "terms",
    } | ({"reference": named} if named else {})
