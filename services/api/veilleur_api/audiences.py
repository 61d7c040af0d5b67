"""Which routers make up an audience."""

from fastapi import APIRouter

from veilleur_api.admin import agencies
from veilleur_api.ingest import account, answers, feed, items, receipts, webhooks
from veilleur_api.ingest import decisions as ingest_decisions
from veilleur_api.ingest import deliveries as ingest_deliveries
from veilleur_api.ingest import endpoints as ingest_endpoints
from veilleur_api.ingest import usage as ingest_usage
from veilleur_api.moderator import assignments, decisions, media, moves, presence
from veilleur_api.moderator import desk as moderator_desk
from veilleur_api.owner import (
    actors,
    alarms,
    calendars,
    care,
    cases,
    catalogue,
    client_endpoints,
    clients,
    config,
    connections,
    contracts,
    deliveries,
    endpoints,
    legal_holds,
    lists,
    macros,
    members,
    near_duplicates,
    oversight,
    packs,
    periods,
    platform_actions,
    polls,
    providers,
    queues,
    rate_plans,
    reversals,
    routing,
    rule_sets,
    rule_trials,
    shifts,
    sla_policies,
    source_checks,
    statements,
    usage,
    usage_entries,
    usage_thresholds,
)

INGEST: tuple[APIRouter, ...] = (
    webhooks.router,
    items.router,
    receipts.router,
    feed.router,
    ingest_endpoints.router,
    ingest_deliveries.router,
    ingest_decisions.router,
    answers.router,
    account.router,
    ingest_usage.router,
)
MODERATOR: tuple[APIRouter, ...] = (
    assignments.router,
    moves.router,
    media.router,
    decisions.router,
    presence.router,
    moderator_desk.router,
)
OWNER: tuple[APIRouter, ...] = (
    clients.router,
    config.router,
    connections.router,
    client_endpoints.router,
    source_checks.router,
    polls.router,
    actors.router,
    catalogue.router,
    macros.router,
    rule_sets.router,
    lists.router,
    near_duplicates.router,
    reversals.router,
    packs.router,
    rule_trials.router,
    providers.router,
    members.router,
    care.router,
    queues.router,
    routing.router,
    shifts.router,
    cases.router,
    calendars.router,
    sla_policies.router,
    oversight.router,
    usage.router,
    usage_entries.router,
    usage_thresholds.router,
    periods.router,
    rate_plans.router,
    contracts.router,
    statements.router,
    deliveries.router,
    platform_actions.router,
    endpoints.router,
    alarms.router,
    legal_holds.router,
)
ADMIN: tuple[APIRouter, ...] = (agencies.router,)
