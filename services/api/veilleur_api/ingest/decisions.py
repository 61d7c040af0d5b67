"""The client's own last word about a decision."""

from starlette.responses import Response

from veilleur.domain.catalogue.queries import load_catalogue
from veilleur.domain.decisions.shape import decision_payload
from veilleur.domain.review.mend import Mending, overrule_decision
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import read_id, show_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Client, PartsOf
from veilleur_api.guard import guarded_router, needs
from veilleur_api.ingest.documents import OverruledOut, OverruleIn
from veilleur_api.principals import authorise_client

router = guarded_router("/ingest/v1", authorise_client, "decisions")


@router.post(
    "/decisions/{decision_id}/overrule",
    status_code=201,
    responses={201: {"model": OverruledOut}},
    **needs("decisions:write"),
)
async def overrule_made_decision(decision_id: str, word: OverruleIn, caller: Client, parts: PartsOf) -> Response:
    """Replace a decision about one of your items. It counts for the author as yours; what was done stays to be paid."""
    mending = Mending(word.to_ruling(), word.reason)
    # Clients' transactions only read; this one is the agency's, and confined to the client by hand.
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        made = await overrule_decision(
            session, caller.agency_id, caller.client_id, read_id("dec", decision_id), mending
        )
        catalogue = await load_catalogue(session, caller.agency_id, made.client_id)
        answer = decision_payload(made, catalogue.policies)
    reverses = show_id("dec", made.reverses) if made.reverses else None
    return JsonAnswer(
        answer | {"item_id": show_id("itm", made.item_id), "reverses": reverses, "cause": made.cause}, 201
    )
