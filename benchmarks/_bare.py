"""The yardstick of intake: a FastAPI endpoint with the same body model that stores nothing. `_bare.py <port>`"""

import sys

import uvicorn
from fastapi import FastAPI

from veilleur.domain.intake.envelope import EnvelopeIn, ItemIn
from veilleur_api.ingest.documents import ReceiptOut, ReceiptsOut


class Envelope(EnvelopeIn):
    data: ItemIn  # type: ignore[assignment]  # the whole shape, which ours reads by hand


app = FastAPI(openapi_url=None)


@app.post("/ingest/v1/sources/{source_id}", status_code=202)
async def receive(source_id: str, envelope: Envelope) -> ReceiptsOut:
    item = envelope.data
    receipt = ReceiptOut(id=source_id, external_id=item.external_id, revision=1, status="accepted", interim="publish")
    return ReceiptsOut(items=[receipt])


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False, server_header=False)
