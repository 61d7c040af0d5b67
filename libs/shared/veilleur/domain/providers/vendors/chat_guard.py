"""A guard model behind a chat completion (Llama Guard, ShieldGemma, any instruct model with a prompt).

The answer is words, so it counts only where it says one of the labels it was asked for; anything else is no answer: a
text that talks the model into chatting must not pass as clean. One text a call.
"""

import json
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, field_validator

from veilleur.domain.providers.protocol import (
    Address,
    Call,
    Category,
    Question,
    Scores,
    UnreadableAnswerError,
    Vendor,
    VendorSettings,
)
from veilleur.domain.rules.schema import CATEGORIES
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import Json

Label = Annotated[str, Field(min_length=1, max_length=50)]
PLACE = "{text}"


class ChatGuardSettings(VendorSettings):
    """`labels`: the words the model answers with and what each says, `{"S10": "hate"}`; `safe` is the one for clean."""

    url: Address
    model: Annotated[str, Field(min_length=1, max_length=200)]
    prompt: Annotated[str, Field(max_length=20_000)]
    labels: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=50)], Category], Field(min_length=1, max_length=50)
    ]
    safe: Label = "safe"

    @field_validator("prompt")
    @classmethod
    def _require_place(cls, prompt: str) -> str:
        if PLACE not in prompt:
            raise ValueError(msg("must hold {place}, where the text is put", place=PLACE))
        return prompt


def build(settings: ChatGuardSettings, secret: str, questions: Sequence[Question]) -> Call:
    prompt = settings.prompt.replace(PLACE, questions[0].text)
    body = {
        "model": settings.model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        "max_tokens": 50,
    }
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {secret}"} if secret else {})
    return Call(settings.url, headers, json.dumps(body).encode())


def read(settings: ChatGuardSettings, answer: Json) -> list[Scores]:
    """Every category that has a label is known: 1.0 where its label was said, else 0.0."""
    said = _find_words(answer)
    found = {category for label, category in settings.labels.items() if label.lower() in said}
    if not found and settings.safe.lower() not in said:
        raise UnreadableAnswerError("none of the labels")
    return [{category: float(category in found) for category in settings.labels.values()}]


def _find_words(answer: Json) -> set[str]:
    try:
        content = answer["choices"][0]["message"]["content"]  # type: ignore[index, call-overload]
    except (KeyError, IndexError, TypeError):
        content = None
    if not isinstance(content, str):
        raise UnreadableAnswerError("no message")
    return set(re.findall(r"[\w-]+", content.lower()))


CHAT_GUARD = Vendor(
    ChatGuardSettings,
    1,
    build,
    read,
    {category: (category,) for category in CATEGORIES},
    lambda settings: settings.labels.values(),
)
