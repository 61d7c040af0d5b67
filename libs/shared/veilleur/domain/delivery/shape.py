"""Endpoints and deliveries as owners and clients see them; pure."""

import json
from datetime import datetime
from typing import Any

from veilleur.domain.delivery.health import DISABLE_AFTER, Health, find_end, name_state, read_health
from veilleur.domain.outbox.models import Delivery, Endpoint
from veilleur.kernel.ids import show_id


def describe_endpoint(endpoint: Endpoint, now: datetime) -> dict[str, Any]:
    return {
        "id": show_id("end", endpoint.id),
        "url": endpoint.url,
        "events": endpoint.events,
        "state": "enabled" if endpoint.disabled_at is None else "disabled",
        "concurrency": endpoint.concurrency,
        "rate_per_s": endpoint.rate_per_s,
        "health": describe_health(endpoint, now),
        "created_at": endpoint.created_at,
        "disabled_at": endpoint.disabled_at,
        "disabled_reason": endpoint.disabled_reason,
    }


def describe_health(endpoint: Endpoint, now: datetime) -> dict[str, Any]:
    """How it fares: `warned` is the last warning given, in percent of the time after which it is disabled."""
    health = read_health(endpoint)
    held = health.held_until if health.held_until is not None and health.held_until > now else None
    return {
        "state": name_state(health, now, disabled=endpoint.disabled_at is not None),
        "failures": health.failures,
        "failing_since": health.failing_since,
        "failed_for_percent": _find_percent(health, now),
        "warned": health.warned or None,
        "disables_at": find_end(health) if endpoint.disabled_at is None else None,
        "held_until": held,
        "pace_per_s": health.pace_per_s,
        "last_error": health.last_error,
        "last_failed_at": health.last_failed_at,
    }


def describe_delivery(delivery: Delivery, event_type: str | None) -> dict[str, Any]:
    return {
        "id": show_id("dlv", delivery.id),
        "client": None if delivery.client_id is None else show_id("cli", delivery.client_id),
        "endpoint": show_id("end", delivery.endpoint_id),
        "event": show_id("evt", delivery.event_id),
        "type": event_type,
        "item": None if delivery.item_id is None else show_id("itm", delivery.item_id),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "due_at": delivery.due_at,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "created_at": delivery.created_at,
        "delivered_at": delivery.delivered_at,
    }


def describe_log(delivery: Delivery, body: str | None, *, with_body: bool) -> dict[str, Any]:
    """What the detail adds: every attempt; the body only where it was asked for, and only as long as it is kept."""
    shown = json.loads(body) if with_body and body is not None else None
    return {"log": delivery.log, "body": shown, "body_kept": body is not None}


def _find_percent(health: Health, now: datetime) -> int | None:
    return None if health.failing_since is None else int((now - health.failing_since) / DISABLE_AFTER * 100)
