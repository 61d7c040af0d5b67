"""What an event says in a sentence, for people who read it in a chat or in their mail; pure."""

import json
from typing import Any

from veilleur.kernel.messages import Language, Message, msg


def write_notice(body: str, language: Language) -> tuple[str, str]:
    """A subject and a text of one event, from the body that machines are sent."""
    event = json.loads(body)
    data: dict[str, Any] = event["data"]
    title = _entitle(event["type"], data).render(language)
    client = (data.get("client") or {}).get("name")
    subject = f"{client}: {title}" if client else title
    lines = [subject, event["timestamp"], *_list_figures(data)]
    return subject.replace("\n", " ").replace("\r", " ")[:200], "\n".join(lines)


def _entitle(event_type: str, data: dict[str, Any]) -> Message:
    subject, item, due_at = data.get("subject"), data.get("item"), data.get("due_at")
    warning = msg(
        "{item} is due at {due_at}: {threshold} reached", item=item, due_at=due_at, threshold=data.get("threshold")
    )
    titles = {
        "sla.warning": warning,
        "sla.breached": msg("{item} is late: it was due at {due_at}", item=item, due_at=due_at),
        "queue.uncovered": msg("Nobody on shift may decide what waits in {subject}", subject=subject),
        "source.silent": msg("The source {subject} has gone silent", subject=subject),
        "rule.anomaly": msg("The rule {subject} fires unlike usual", subject=subject),
        "endpoint.failing": msg("The endpoint {subject} fails", subject=subject),
        "usage.threshold": msg("Usage has reached {subject}", subject=subject),
        "usage.unreconciled": msg("What was counted and what was done differ: {subject}", subject=subject),
        "invoice.unsent": msg("An invoice could not be sent by e-mail: {subject}", subject=subject),
        "audit.sealed": msg("The audit trail was sealed, number {number}", number=data.get("number")),
        "break_glass.opened": msg("The operator looks into this agency: {subject}", subject=subject),
        "owner.readmitted": msg("The operator gave an owner a code to log in: {subject}", subject=subject),
        "case.escalated": msg("A case was escalated: {subject}", subject=subject),
    }
    return titles.get(event_type, msg("This is a test: the endpoint works"))


def _list_figures(data: dict[str, Any]) -> list[str]:
    return [f"{name}: {value}" for name, value in (data.get("figures") or {}).items()]
