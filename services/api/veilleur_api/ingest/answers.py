"""Answers of the client to a moderator's question."""

from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from veilleur.domain.review.ask import answer_question
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import read_id, show_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Client, PartsOf
from veilleur_api.guard import guarded_router, needs
from veilleur_api.principals import authorise_client
from veilleur_api.words import Sentence

router = guarded_router("/ingest/v1", authorise_client, "cases")


class AnswerIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: Sentence


@router.post("/cases/{case_id}/answers", status_code=201, **needs("decisions:write"))
async def answer_case_question(case_id: str, answer: AnswerIn, caller: Client, parts: PartsOf) -> Response:
    """Answer what `case.question` asked; the deadline runs on from here. The same answer again changes nothing."""
    identifier = read_id("cas", case_id)
    actor = show_id("key", caller.credential_id)
    # A client's own transaction may only read: what it says about a case is written by the agency.
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        asked = await answer_question(session, caller.agency_id, caller.client_id, identifier, answer.text, actor)
        shown = {"case": case_id, "question": asked.question, "text": asked.answer, "answered_at": asked.answered_at}
    return JsonAnswer(shown, 201)
