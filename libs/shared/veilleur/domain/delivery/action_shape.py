"""How an action on a platform looks to owners, moderators and clients; pure."""

from typing import Any

from veilleur.domain.delivery.actions.reasons import explain_reason
from veilleur.domain.delivery.models import PlatformAction
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import Language


def describe_action(action: PlatformAction, language: Language) -> dict[str, Any]:
    return {
        "id": show_id("pac", action.id),
        "platform": action.platform,
        "decision": show_id("dec", action.decision_id),
        "target": action.target,
        "code": action.code,
        "operation": action.operation,
        "until": action.until,
        "undoes": None if action.undoes is None else show_id("pac", action.undoes),
        "state": action.state,
        "reason": action.reason,
        "detail": explain_reason(action.reason, language),
        "attempts": action.attempts,
        "due_at": action.due_at,
        "created_at": action.created_at,
        "finished_at": action.finished_at,
    }
