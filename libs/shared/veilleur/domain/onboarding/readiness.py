"""Whether a client can go live: one check for each thing that hurts when it is found missing at night; pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from veilleur.domain.review.needs import Abilities, Needs, QueueTerms, find_fit
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.messages import Message, msg

State = Literal["ok", "warning", "missing"]


@dataclass(frozen=True, slots=True)
class Check:
    """`missing` keeps a client from being ready, a `warning` does not. `hint` says how to mend it."""

    code: str
    state: State
    detail: Message
    hint: Message | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """What there is of a client.

    `rule_errors` None: nothing is published; otherwise what is wrong with it today, its own tests included.
    `opens_at` None: the calendar never opens again. `actions` by code: verdict and undo code. `policies` by code:
    the clause of the client's terms.
    """

    client_id: UUID
    languages: tuple[str, ...]
    sources: int
    received: int
    rule_errors: int | None
    opens_at: datetime | None
    queues: tuple[QueueTerms, ...]
    members: tuple[Abilities, ...]
    endpoints: int
    pinged: int
    actions: Mapping[str, tuple[str, str | None]]
    policies: Mapping[str, str | None]


def check_readiness(setup: Setup) -> list[Check]:
    """All checks, in the order in which an agency sets a client up."""
    return [
        _check_sources(setup),
        _check_rules(setup),
        _check_hours(setup),
        _check_coverage(setup),
        _check_endpoints(setup),
        _check_undo(setup),
        _check_terms(setup),
    ]


def is_ready(checks: Sequence[Check]) -> bool:
    return all(check.state != "missing" for check in checks)


def _check_sources(setup: Setup) -> Check:
    if not setup.sources:
        hint = msg("add a source and let the client send its first item")
        return Check("source", "missing", msg("no source takes items in"), hint)
    if not setup.received:
        hint = msg("let the client send one item, a test source will do")
        return Check("source", "missing", msg("nothing was ever received from this client"), hint)
    return Check("source", "ok", msg("{count} items were received", count=setup.received))


def _check_rules(setup: Setup) -> Check:
    if setup.rule_errors is None:
        hint = msg("publish a rule set; a starting pack can be copied")
        return Check("rules", "warning", msg("no rule set is published: every item opens a case"), hint)
    if setup.rule_errors:
        detail = msg("the published rule set has {count} mistakes or failing tests today", count=setup.rule_errors)
        return Check("rules", "missing", detail, msg("check it, mend it and publish it again"))
    return Check("rules", "ok", msg("a rule set is published and its tests pass"))


def _check_hours(setup: Setup) -> Check:
    if setup.opens_at is None:
        hint = msg("give the client a calendar with opening hours to come")
        return Check("sla", "missing", msg("the calendar has no open time ahead"), hint)
    return Check("sla", "ok", msg("deadlines are counted; next open time: {at}", at=to_rfc3339(setup.opens_at)))


def _check_coverage(setup: Setup) -> Check:
    gaps = list(_find_gaps(setup))
    if gaps:
        hint = msg("grant the client to a moderator who has the languages, skills and tier of the queue")
        return Check("coverage", "missing", msg("nobody can take cases of: {queues}", queues=gaps), hint)
    return Check("coverage", "ok", msg("every queue and language has somebody"))


def _find_gaps(setup: Setup) -> Iterator[str]:
    """`queue/language` for each pair that nobody may decide."""
    spoken: list[str | None] = [*sorted({tag.partition("-")[0].lower() for tag in setup.languages})] or [None]
    for queue in setup.queues:
        for language in spoken:
            needs = Needs(language)
            if not any(find_fit(one, setup.client_id, queue, needs) for one in setup.members):
                yield queue.code if language is None else f"{queue.code}/{language}"


def _check_endpoints(setup: Setup) -> Check:
    if not setup.endpoints:
        hint = msg("add an endpoint, or let the client read the event feed")
        return Check("callback", "warning", msg("no endpoint is called back"), hint)
    if not setup.pinged:
        hint = msg("send a ping and see that it is delivered")
        return Check("callback", "missing", msg("no endpoint has answered a ping yet"), hint)
    return Check("callback", "ok", msg("an endpoint answered a ping"))


def _check_undo(setup: Setup) -> Check:
    final = sorted(code for code, (verdict, undo) in setup.actions.items() if verdict != "allow" and undo is None)
    if final:
        hint = msg("name the action that undoes it, so that a reversal can tell the client")
        return Check("undo", "warning", msg("these actions can't be undone: {codes}", codes=final), hint)
    return Check("undo", "ok", msg("every action that restricts or removes has an undo"))


def _check_terms(setup: Setup) -> Check:
    bare = sorted(code for code, clause in setup.policies.items() if not clause)
    if bare:
        hint = msg("name the clause of the client's terms; statements of reasons must refer to it")
        return Check("terms", "warning", msg("these policies refer to no clause: {codes}", codes=bare), hint)
    return Check("terms", "ok", msg("every policy refers to a clause of the terms"))
