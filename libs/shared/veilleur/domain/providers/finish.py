"""Writing down what came of a round: scores for the items, memory, counts, and the state of each provider."""

import json
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.providers.breaker import OPEN_AFTER, PAUSE_S
from veilleur.domain.providers.models import CachedScores, ProviderQuestion
from veilleur.domain.providers.offers import RETRY_IN_S, TRIES
from veilleur.domain.providers.round import Answer, Key, Leased, Round, tell_facts
from veilleur.infra.worklist import hint_work

_WRITE = text(f"""
UPDATE provider_questions q SET state = t.state, scores = t.scores::jsonb,
  due_at = CASE WHEN t.state = 'waiting' THEN app_now() + interval '{RETRY_IN_S} seconds' END
FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:scores AS text[])) AS t(id, state, scores)
WHERE q.agency_id = :agency_id AND q.id = t.id
""")
# Another revision waits for another answer.
_FREE = text("""
UPDATE items SET screen_after = NULL
FROM provider_questions q
WHERE items.agency_id = :agency_id AND q.agency_id = :agency_id AND q.id = ANY(CAST(:ids AS uuid[]))
  AND items.id = q.item_id AND items.revision = q.item_revision AND items.state = 'received'
""")
_FAILED = text("""
UPDATE provider_calls SET failures = failures + 1
WHERE agency_id = :agency_id AND provider_id = :provider_id AND client_id = :client_id
  AND day = (app_now() AT TIME ZONE 'UTC')::date
""")
_SOUND = text("""
UPDATE providers SET failures = 0, open_until = NULL WHERE agency_id = :agency_id AND id = :id AND failures > 0
""")
_BROKEN = text(f"""
UPDATE providers SET failures = failures + :failures, last_error = :error, last_failed_at = app_now(),
  open_until = CASE WHEN failures + :failures >= {OPEN_AFTER} THEN app_now() + interval '{PAUSE_S} seconds' END
WHERE agency_id = :agency_id AND id = :id
""")


async def finish_questions(
    session: AsyncSession, agency_id: UUID, begun: Round, answers: Sequence[Answer]
) -> dict[str, int]:
    """How many questions ended in which state. One whose lease somebody else has by now is left to them."""
    scores = dict(begun.known) | {key: value for answer in answers for key, value in answer.scores.items()}
    retried = {key for answer in answers if answer.again for key in answer.call.questions}
    held = await _hold(session, agency_id, begun.questions)
    states = {one.id: _find_state(one, scores.keys(), retried) for one in held}
    if held:
        await _write(session, agency_id, states, [tell_facts(one, scores) for one in held])
    await _keep(session, agency_id, answers)
    await _note_health(session, agency_id, answers)
    return {state: list(states.values()).count(state) for state in set(states.values())}


async def _hold(session: AsyncSession, agency_id: UUID, questions: Sequence[Leased]) -> list[Leased]:
    """Items before questions, each in the order of their ids: screening locks them in this order too."""
    items = {one.item_id for one in questions}
    mine = (Item.agency_id == agency_id, Item.id.in_(items))
    await session.execute(select(Item.id).where(*mine).order_by(Item.id).with_for_update())
    asked = ProviderQuestion
    query = select(asked.id, asked.fence).where(
        asked.agency_id == agency_id, asked.id.in_([one.id for one in questions]), asked.state == "asking"
    )
    fences = {row.id: row.fence for row in await session.execute(query.order_by(asked.id).with_for_update())}
    return [one for one in questions if fences.get(one.id) == one.fence]


def _find_state(one: Leased, known: Collection[Key], retried: Collection[Key]) -> str:
    missing = [key for key in one.keys if key not in known]
    if one.tries < TRIES and any(key in retried for key in missing):
        return "waiting"
    return "answered" if len(missing) < len(one.keys) else "given_up"


async def _write(
    session: AsyncSession, agency_id: UUID, states: Mapping[UUID, str], told: Sequence[Mapping[str, float]]
) -> None:
    """The states in the order of `told`; items whose question has come to its end are free to be screened."""
    values = {
        "agency_id": agency_id,
        "ids": list(states),
        "states": list(states.values()),
        "scores": [json.dumps(facts) if facts else None for facts in told],
    }
    await session.execute(_WRITE, values)
    freed = [question_id for question_id, state in states.items() if state != "waiting"]
    if freed:
        await session.execute(_FREE, {"agency_id": agency_id, "ids": freed})
        await hint_work(session, agency_id, "screening")
    if len(freed) < len(states):
        await hint_work(session, agency_id, "providers", in_s=1)


async def _keep(session: AsyncSession, agency_id: UUID, answers: Sequence[Answer]) -> None:
    rows = {
        key: {"agency_id": agency_id, "provider_id": key[0], "digest": key[1], "scores": dict(scores)}
        for answer in answers
        for key, scores in answer.scores.items()
    }
    if not rows:
        return
    statement = insert(CachedScores).values([rows[key] for key in sorted(rows)])
    renewed = {"scores": statement.excluded.scores, "asked_at": func.app_now()}
    await session.execute(
        statement.on_conflict_do_update(index_elements=["agency_id", "provider_id", "digest"], set_=renewed)
    )


async def _note_health(session: AsyncSession, agency_id: UUID, answers: Sequence[Answer]) -> None:
    """A call that was answered closes the breaker, whatever others in the same round came to."""
    for failed in sorted(
        (one for one in answers if one.error), key=lambda one: (one.call.provider.id, one.call.client_id)
    ):
        paid = {"provider_id": failed.call.provider.id, "client_id": failed.call.client_id}
        await session.execute(_FAILED, {"agency_id": agency_id} | paid)
    for provider_id in sorted({one.call.provider.id for one in answers}):
        mine = {"agency_id": agency_id, "id": provider_id}
        errors = [one.error for one in answers if one.call.provider.id == provider_id]
        failures = [error for error in errors if error is not None]
        if len(failures) < len(errors):
            await session.execute(_SOUND, mine)
        else:
            await session.execute(_BROKEN, mine | {"failures": len(failures), "error": failures[-1]})
