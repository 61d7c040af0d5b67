"""The network call of a delivery, between `begin_attempts` and `finish_attempt`, with no transaction open."""

from uuid import UUID

from veilleur.domain.delivery.attempt import Attempt, Result
from veilleur.domain.delivery.backoff import read_retry_after
from veilleur.domain.delivery.payload import sign_attempt
from veilleur.infra.outbound.dial import EgressBlocked, OutboundError
from veilleur.infra.outbound.http import post_capped
from veilleur.kernel.clock import now
from veilleur_worker.parts import Parts

TIMEOUT_S = 15.0
"""For the whole exchange; half of the lease, so that a sender never outlives its own."""


async def send(parts: Parts, agency_id: UUID, attempt: Attempt) -> Result:
    """POST one callback; whatever happens becomes a result."""
    present = now()
    body, headers = sign_attempt(parts.sealer, agency_id, attempt, present)
    try:
        reply = await post_capped(parts.http, attempt.url, body, headers, TIMEOUT_S)
    except EgressBlocked as blocked:
        return Result(error=blocked.reason, permanent=True)
    except OutboundError as error:
        return Result(error=error.reason)
    return Result(status=reply.status, retry_after_s=read_retry_after(reply.headers.get("retry-after"), present))
