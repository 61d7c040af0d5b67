"""Variations of `ASK_RULES`, and what an owner does with them over HTTP."""

import json

from tests.support.desk import ASK_RULES


def rules(word="bad", **changes):
    """`ASK_RULES` that remove another word."""
    document = json.loads(json.dumps(ASK_RULES)) | changes
    document["lists"]["bad"]["entries"] = [word]
    return document


async def save(desk, document):
    path = f"{desk.client.base}/rule-sets"
    return (await desk.agency.owner.call("POST", path, {"rule_set": document, "note": "why"}, 201))["version"]


async def ask(desk, version, what, caller=None, body=None):
    return await (caller or desk.agency.owner).ask("POST", f"{desk.client.base}/rule-sets/{version}/{what}", body)
