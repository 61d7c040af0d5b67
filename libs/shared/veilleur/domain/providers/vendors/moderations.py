"""The shape of OpenAI's `/v1/moderations`, which Mistral, LiteLLM, Llama Stack and many self-hosted servers speak too.

Categories are an open map: every server has its own, and some are null. https://platform.openai.com/docs/api-reference/moderations
"""

import json
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from veilleur.domain.providers.protocol import (
    Address,
    Call,
    Question,
    Scores,
    UnreadableAnswerError,
    Vendor,
    VendorSettings,
    read_number,
)
from veilleur.kernel.strict_json import Json

CATEGORIES: dict[str, tuple[str, ...]] = {
    "insult": ("harassment",),
    "hate": ("hate", "hate/threatening", "hate_and_discrimination"),
    "threat": ("harassment/threatening", "hate/threatening"),
    "sexual": ("sexual",),
    "sexual_minors": ("sexual/minors",),
    "violence": ("violence", "violence/graphic", "violence_and_threats"),
    "self_harm": ("self-harm", "self-harm/intent", "self-harm/instructions", "selfharm"),
    "illicit": ("illicit", "illicit/violent", "dangerous_and_criminal_content"),
    "pii": ("pii",),
}


class OpenAISettings(VendorSettings):
    """`url` may be that of any server that speaks this shape."""

    url: Address = "https://api.openai.com/v1/moderations"
    model: Annotated[str, Field(min_length=1, max_length=200)] = "omni-moderation-latest"


class MistralSettings(OpenAISettings):
    url: Address = "https://api.mistral.ai/v1/moderations"
    model: Annotated[str, Field(min_length=1, max_length=200)] = "mistral-moderation-latest"


def build(settings: OpenAISettings, secret: str, questions: Sequence[Question]) -> Call:
    body = {"model": settings.model, "input": [question.text for question in questions]}
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {secret}"} if secret else {})
    return Call(settings.url, headers, json.dumps(body).encode())


def read(_settings: OpenAISettings, answer: Json) -> list[Scores]:
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list):
        raise UnreadableAnswerError("no results")
    return [_read_result(result) for result in results]


def _read_result(result: Json) -> Scores:
    scores = result.get("category_scores") if isinstance(result, dict) else None
    if not isinstance(scores, dict):
        raise UnreadableAnswerError("no scores")
    return {name: number for name, value in scores.items() if (number := read_number(value)) is not None}


OPENAI = Vendor(OpenAISettings, 32, build, read, CATEGORIES)
MISTRAL = Vendor(MistralSettings, 32, build, read, CATEGORIES)
