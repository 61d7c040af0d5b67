"""What is posted to a source's own webhook."""

import json
from typing import Any

from tests.support.people import Client

ITEM = {"external_id": "c_1", "text": "Bonjour"}


def event(data: Any = None, **fields: Any) -> bytes:
    return json.dumps({"type": "item.created", "data": ITEM if data is None else data} | fields).encode()


def source_url(client: Client) -> str:
    return f"/ingest/v1/sources/{client.source['id']}"


RAW = event()
