"""Which routers make up an audience."""

from fastapi import APIRouter

from veilleur_api.admin import agencies
from veilleur_api.ingest import account, feed, items, webhooks
from veilleur_api.ingest import decisions as ingest_decisions
from veilleur_api.moderator import assignments, decisions
from veilleur_api.moderator import desk as moderator_desk
from veilleur_api.owner import (
    alarms,
    calendars,
    care,
    catalogue,
    clients,
    config,
    connections,
    deliveries,
    macros,
    members,
    packs,
    providers,
    queues,
    rate_plans,
    reversals,
    routing,
    rule_sets,
    rule_trials,
    sla_policies,
    usage,
)

INGEST: tuple[APIRouter, ...] = (webhooks.router, items.router, feed.router, ingest_decisions.router, account.router)
MODERATOR: tuple[APIRouter, ...] = (assignments.router, decisions.router, moderator_desk.router)
OWNER: tuple[APIRouter, ...] = (
    clients.router,
    config.router,
    connections.router,
    catalogue.router,
    macros.router,
    rule_sets.router,
    reversals.router,
    packs.router,
    rule_trials.router,
    providers.router,
    members.router,
    care.router,
    queues.router,
    routing.router,
    calendars.router,
    sla_policies.router,
    usage.router,
    rate_plans.router,
    deliveries.router,
    alarms.router,
)
ADMIN: tuple[APIRouter, ...] = (agencies.router,)
