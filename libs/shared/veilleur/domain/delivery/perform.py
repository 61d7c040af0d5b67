"""From an actor's credentials to the conversation that carries an order out; pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from veilleur.domain.delivery.actions.protocol import Order, Outcome, Play, refuse
from veilleur.domain.delivery.actions.registry import ACTORS


def perform(platform: str, operation: str, credentials: Mapping[str, Any], order: Order) -> Play:
    """What is over already is not begun; credentials from before a change of their shape are none."""
    actor = ACTORS[platform]
    known = actor.operations.get(operation)
    if known is None:
        return refuse("no_operation")
    if order.until is not None and order.until <= order.present:
        return refuse("ended")
    try:
        opened = actor.credentials.model_validate(credentials)
    except ValidationError:
        return refuse("unauthorized")
    return (yield from known.perform(opened, order))


def probe(platform: str, credentials: Mapping[str, Any]) -> Play:
    actor = ACTORS[platform]
    try:
        opened = actor.credentials.model_validate(credentials)
    except ValidationError:
        return refuse("unauthorized")
    return (yield from actor.probe(opened))


def is_denied(outcome: Outcome) -> bool:
    """Whether another access token may help."""
    return outcome.reason == "unauthorized"
