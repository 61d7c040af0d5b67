"""Google Cloud Natural Language, `documents:moderateText`: one text a call, confidences from 0 to 1.

https://cloud.google.com/natural-language/docs/reference/rest/v2/documents/moderateText
"""

import json
from collections.abc import Sequence

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


class GoogleSettings(VendorSettings):
    url: Address = "https://language.googleapis.com/v2/documents:moderateText"


def build(settings: GoogleSettings, secret: str, questions: Sequence[Question]) -> Call:
    question = questions[0]
    document = {"type": "PLAIN_TEXT", "content": question.text}
    if question.language:
        document["languageCode"] = question.language
    body = {"document": document, "modelVersion": "MODEL_VERSION_2"}
    headers = {"content-type": "application/json", "x-goog-api-key": secret}
    return Call(settings.url, headers, json.dumps(body).encode())


def read(_settings: GoogleSettings, answer: Json) -> list[Scores]:
    """A language that is not served is answered without worth."""
    rows = answer.get("moderationCategories") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(rows, list) or answer.get("languageSupported") is False:
        raise UnreadableAnswerError("no categories")
    return [
        {
            str(row["name"]): number
            for row in rows
            if isinstance(row, dict) and "name" in row
            if (number := read_number(row.get("confidence"))) is not None
        }
    ]


GOOGLE = Vendor(
    GoogleSettings,
    1,
    build,
    read,
    {
        "toxicity": ("Toxic",),
        "insult": ("Insult", "Derogatory"),
        "sexual": ("Sexual",),
        "violence": ("Violent", "Death, Harm & Tragedy"),
        "illicit": ("Illicit Drugs", "Firearms & Weapons"),
    },
)
