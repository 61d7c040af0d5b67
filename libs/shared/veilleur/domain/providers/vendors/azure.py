"""Azure AI Content Safety, `text:analyze`: one text a call, severities from 0 to 7.

https://learn.microsoft.com/rest/api/contentsafety/text-operations/analyze-text
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

NAMES = ["Hate", "SelfHarm", "Sexual", "Violence"]
MOST_SEVERE = 7
LONGEST = 10_000
"""Characters of one text; what lies beyond is not judged."""


class AzureSettings(VendorSettings):
    """`endpoint` is the resource's own, such as https://mine.cognitiveservices.azure.com."""

    endpoint: Address


def build(settings: AzureSettings, secret: str, questions: Sequence[Question]) -> Call:
    url = f"{settings.endpoint.rstrip('/')}/contentsafety/text:analyze?api-version=2023-10-01"
    body = {"text": questions[0].text[:LONGEST], "categories": NAMES, "outputType": "EightSeverityLevels"}
    headers = {"content-type": "application/json", "ocp-apim-subscription-key": secret}
    return Call(url, headers, json.dumps(body).encode())


def read(_settings: AzureSettings, answer: Json) -> list[Scores]:
    analysis = answer.get("categoriesAnalysis") if isinstance(answer, dict) else None
    if not isinstance(analysis, list):
        raise UnreadableAnswerError("no analysis")
    return [
        {
            str(row["category"]): number
            for row in analysis
            if isinstance(row, dict) and "category" in row
            if (number := read_number(row.get("severity"), MOST_SEVERE)) is not None
        }
    ]


AZURE = Vendor(
    AzureSettings,
    1,
    build,
    read,
    {"hate": ("Hate",), "self_harm": ("SelfHarm",), "sexual": ("Sexual",), "violence": ("Violence",)},
)
