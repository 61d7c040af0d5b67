"""Any HTTP endpoint, described by its owner: a body with a place for the text, and where the scores stand."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

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
    read_number,
)
from veilleur.domain.rules.schema import CATEGORIES
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import Json

Pointer = Annotated[str, Field(pattern=r"^(/[^/]*)+$", max_length=300)]
TEXT, LANGUAGE = "{text}", "{language}"


FRAMING = frozenset({
    "connection", "content-encoding", "content-length", "content-type", "expect", "host", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip


class MappedSettings(VendorSettings):
    """`body` is JSON in which a text `{text}` becomes the text; `scores` gives a JSON Pointer (RFC 6901) a category;
    a score of `most` becomes 1.0. The secret goes into the header `key_header`, after `key_prefix`.
    """

    url: Address
    body: dict[str, Any]
    scores: Annotated[dict[Category, Pointer], Field(min_length=1)]
    most: Annotated[float, Field(gt=0, le=1_000_000)] = 1.0
    key_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")] = "authorization"
    key_prefix: Annotated[str, Field(pattern=r"^[ -~]*$", max_length=50)] = "Bearer "

    @field_validator("key_header")
    @classmethod
    def _require_own_header(cls, name: str) -> str:
        if name.lower() in FRAMING:
            raise ValueError(msg("this header says how the call is sent; it can't carry a key"))
        return name

    @field_validator("body")
    @classmethod
    def _require_place(cls, body: dict[str, Any]) -> dict[str, Any]:
        if TEXT not in json.dumps(body):
            raise ValueError(msg("must hold {place}, where the text is put", place=TEXT))
        return body


def build(settings: MappedSettings, secret: str, questions: Sequence[Question]) -> Call:
    headers = {"content-type": "application/json"}
    if secret:
        headers[settings.key_header.lower()] = f"{settings.key_prefix}{secret}"
    return Call(settings.url, headers, json.dumps(_fill(settings.body, questions[0])).encode())


def read(settings: MappedSettings, answer: Json) -> list[Scores]:
    found = {name: read_number(_follow(answer, pointer), settings.most) for name, pointer in settings.scores.items()}
    scores = {name: score for name, score in found.items() if score is not None}
    if not scores:
        raise UnreadableAnswerError("no score where one was to be")
    return [scores]


def _fill(template: Json, question: Question) -> Json:
    if isinstance(template, dict):
        return {name: _fill(value, question) for name, value in template.items()}
    if isinstance(template, list):
        return [_fill(value, question) for value in template]
    if isinstance(template, str):
        return template.replace(LANGUAGE, question.language or "und").replace(TEXT, question.text)
    return template


def _follow(value: Json, pointer: str) -> Json:
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(name)] if name.isdecimal() and int(name) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


MAPPED = Vendor(
    MappedSettings,
    1,
    build,
    read,
    {category: (category,) for category in CATEGORIES},
    lambda settings: settings.scores.keys(),
)
